import { createConnection } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { createWebSocketStream, WebSocket } from 'ws';
import { OperationError } from '../errors.js';
import { PacketGuard } from './packet-guard.js';

/** Where a broker listens. */
export type BrokerAddress = {
  readonly transport: 'tcp' | 'tls' | 'ws' | 'wss';
  readonly host: string;
  readonly port: number;
  /** WebSocket path, with its leading slash. */
  readonly path: string;
};

/** PEM texts for TLS; absent parts fall back to the system's authorities and to no client certificate. */
export type TlsMaterial = {
  readonly ca?: string | Buffer;
  readonly cert?: string | Buffer;
  readonly key?: string | Buffer;
};

const TRANSPORTS = {
  'mqtt:': { transport: 'tcp', port: 1883 },
  'tcp:': { transport: 'tcp', port: 1883 },
  'mqtts:': { transport: 'tls', port: 8883 },
  'tls:': { transport: 'tls', port: 8883 },
  'ws:': { transport: 'ws', port: 8083 },
  'wss:': { transport: 'wss', port: 443 },
} as const;

function isScheme(protocol: string): protocol is keyof typeof TRANSPORTS {
  return protocol in TRANSPORTS;
}

/**
 * Reads `mqtt://host[:port]`, `mqtts://`, `ws://host[:port]/path` or `wss://`. Credentials never travel in it.
 * @throws OperationError config-invalid
 */
export function parseBrokerUrl(text: string): BrokerAddress {
  const fail = (message: string) =>
    new OperationError({
      code: 'config-invalid',
      op: 'read broker address',
      subject: text.replace(/\/\/[^@/]*@/, '//***@'),
      message,
      hint: 'write mqtt://HOST:PORT, mqtts://, ws:// or wss://',
    });
  if (!URL.canParse(text)) throw fail('not an address');
  const url = new URL(text);
  if (!isScheme(url.protocol)) throw fail(`unknown scheme ${url.protocol}`);
  if (url.username !== '' || url.password !== '') throw fail('credentials do not belong in an address');
  if (url.hostname === '') throw fail('the host is missing');
  const { transport, port } = TRANSPORTS[url.protocol];
  return {
    transport,
    // URL keeps the brackets of an IPv6 address; sockets want it bare.
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? port : Number(url.port),
    path: url.pathname === '' ? '/' : url.pathname,
  };
}

/** An address as a person writes it, without credentials. */
export function describeAddress(address: BrokerAddress): string {
  const scheme = { tcp: 'mqtt', tls: 'mqtts', ws: 'ws', wss: 'wss' }[address.transport];
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${scheme}://${host}:${address.port}`;
}

/**
 * Opens the byte stream to a broker; errors come as its `error` event, then `close`.
 * A packet that announces more than `incomingBytesMax` destroys the stream with an error that says so.
 */
export function openBrokerStream(address: BrokerAddress, tls: TlsMaterial, incomingBytesMax: number): Duplex {
  const stream = openTransport(address, tls, incomingBytesMax);
  const guard = new PacketGuard(incomingBytesMax);
  stream.on('data', (chunk: Uint8Array) => {
    if (!guard.feed(chunk)) stream.destroy(new OversizedPacketError(incomingBytesMax));
  });
  return stream;
}

/** The broker announced a packet larger than allowed, or one that is malformed. */
export class OversizedPacketError extends Error {
  constructor(bytesMax: number) {
    super(`the broker announced a packet of more than ${bytesMax} bytes`);
    this.name = 'OversizedPacketError';
  }
}

function openTransport(address: BrokerAddress, tls: TlsMaterial, incomingBytesMax: number): Duplex {
  const { host, port } = address;
  if (address.transport === 'tcp') {
    const socket = createConnection({ host, port });
    // A heartbeat or a lone record must not wait for the next packet (Nagle with delayed ACK: up to 40 ms).
    socket.setNoDelay(true);
    return socket;
  }
  if (address.transport === 'tls') {
    const servername = /^[\d.]+$|:/.test(host) ? {} : { servername: host };
    const socket = connectTls({ ...tls, ...servername, host, port, rejectUnauthorized: true, minVersion: 'TLSv1.2' });
    socket.setNoDelay(true);
    return socket;
  }
  const bareHost = host.includes(':') ? `[${host}]` : host;
  const socket = new WebSocket(`${address.transport}://${bareHost}:${port}${address.path}`, ['mqtt'], {
    ...tls,
    maxPayload: incomingBytesMax,
    perMessageDeflate: false,
  });
  return createWebSocketStream(socket);
}
