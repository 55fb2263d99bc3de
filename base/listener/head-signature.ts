import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import type { Head } from '../../protocol/record.js';

/** What the signature of a head covers: the UTF-8 JSON text of [node, inst, t, logs]. */
function signedText(head: Omit<Head, 'sig' | 'v'>): Buffer {
  return Buffer.from(JSON.stringify([head.node, head.inst, head.t, head.logs]));
}

/** Ed25519 over a head, base64 of 64 bytes. */
export function signHead(head: Omit<Head, 'sig' | 'v'>, key: KeyObject): string {
  return sign(null, signedText(head), key).toString('base64');
}

/**
 * True if the head was signed by the owner of a public key (base64 of 32 bytes, as in `info`); false for anything else,
 * malformed keys and signatures included.
 */
export function isHeadSigned(head: Head, publicKey: string): boolean {
  const x = Buffer.from(publicKey, 'base64');
  if (x.length !== 32) return false;
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: x.toString('base64url') }, format: 'jwk' });
  return verify(null, signedText(head), key, Buffer.from(head.sig, 'base64'));
}

/** A new Ed25519 key as PKCS #8 PEM. */
export function generateNodeKey(): string {
  const { privateKey } = generateKeyPairSync('ed25519');
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** @throws Error if the text is not an Ed25519 key. */
export function parseNodeKey(pem: string): KeyObject {
  const key = createPrivateKey(pem);
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`a key of type ${key.asymmetricKeyType}, not ed25519`);
  return key;
}

/** The public half of a node key: base64 of 32 bytes. */
export function publicKeyText(key: KeyObject): string {
  const { x } = createPublicKey(key).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('base64');
}
