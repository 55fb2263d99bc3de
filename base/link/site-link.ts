import { readFile } from 'node:fs/promises';
import type { Clock } from '../clock.js';
import type { DeepReadonly, SiteConfig } from '../config.js';
import { messageOf, OperationError } from '../errors.js';
import type { Log } from '../log.js';
import type { Random } from '../random.js';
import { readSecretFile } from '../secret-file.js';
import type { LinkOptions } from './link.js';

/** Where an identity keeps what proves it. Paths; absent parts are not used. */
export type CredentialFiles = {
  readonly passwordFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
};

export type LinkParts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

/** Client id of an identity's second connection: brokers know the twin by this ending. */
export function bulkClientId(identity: string): string {
  return `${identity}-bulk`;
}

/**
 * What a link of one identity to its site's brokers needs, secrets read; the client id is the caller's to add.
 * @throws OperationError `credentials-invalid` if a secret or a certificate cannot be read.
 */
export async function siteLinkOptions(
  site: DeepReadonly<SiteConfig>,
  identity: string,
  files: CredentialFiles,
  parts: LinkParts,
): Promise<Omit<LinkOptions, 'clientId'>> {
  const [password, ca, cert, key] = await Promise.all([
    files.passwordFile === undefined ? undefined : readSecretFile(files.passwordFile),
    site.caFile === undefined ? undefined : readPublicFile(site.caFile),
    files.certFile === undefined ? undefined : readPublicFile(files.certFile),
    files.keyFile === undefined ? undefined : readSecretFile(files.keyFile),
  ]);
  return {
    ...parts,
    url: site.brokers,
    root: site.root,
    username: identity,
    ...(password === undefined ? {} : { password }),
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  };
}

/** A certificate. @throws OperationError `credentials-invalid` if it cannot be read. */
export async function readPublicFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new OperationError({
      code: 'credentials-invalid',
      op: 'read',
      subject: `certificate file ${path}`,
      message: messageOf(cause),
      cause,
    });
  }
}
