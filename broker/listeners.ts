import { readFile } from 'node:fs/promises';
import { createServer as createHttpServer, type Server as HttpServer } from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { messageOf, OperationError, systemCodeOf } from '../base/errors.js';
import type { BrokerConfig } from './config.js';

/** A connection before its first byte of MQTT. */
export type Incoming = {
  readonly stream: Duplex;
  readonly address: string;
  readonly remotePort: number;
  readonly certificateName: string | undefined;
};

export type ListenerHandlers = {
  /** A TCP connection was accepted; false closes it. Called before TLS or HTTP is spoken. */
  readonly accept: (socket: Socket) => boolean;
  readonly connected: (incoming: Incoming) => void;
};

export type Listener = {
  readonly kind: 'tcp' | 'tls' | 'websocket';
  readonly port: number;
  /** Stops accepting; connections live on. Resolves when the last has ended. */
  readonly close: () => Promise<void>;
};

/** Opens every configured listener, or none. @throws OperationError `port-busy`, `config-unreadable`, `config-invalid` */
export async function openListeners(config: BrokerConfig, handlers: ListenerHandlers): Promise<Listener[]> {
  const open: Listener[] = [];
  try {
    if (config.tcp) open.push(await openTcp(config.tcp, handlers));
    if (config.tls) open.push(await openTls(config.tls, config.limits.connectTimeoutMs, handlers));
    if (config.websocket) open.push(await openWebSocket(config.websocket, config.limits, handlers));
    return open;
  } catch (error) {
    await Promise.all(open.map((listener) => listener.close()));
    throw error;
  }
}

type At = { readonly host: string; readonly port: number };

async function openTcp(at: At, handlers: ListenerHandlers): Promise<Listener> {
  const server = createServer({ noDelay: true }, (socket) => {
    if (handlers.accept(socket)) handlers.connected(plain(socket));
  });
  return listen('tcp', server, at);
}

function plain(socket: Socket): Incoming {
  return { stream: socket, ...peerOf(socket), certificateName: undefined };
}

function peerOf(socket: Socket): { address: string; remotePort: number } {
  return { address: socket.remoteAddress ?? 'unknown', remotePort: socket.remotePort ?? 0 };
}

async function openTls(
  config: NonNullable<BrokerConfig['tls']>,
  handshakeTimeout: number,
  handlers: ListenerHandlers,
): Promise<Listener> {
  const [cert, key, ca] = await Promise.all([
    readPem(config.certFile),
    readPem(config.keyFile),
    config.clientCaFile === undefined ? undefined : readPem(config.clientCaFile),
  ]);
  const options = {
    cert,
    key,
    handshakeTimeout,
    minVersion: 'TLSv1.2',
    noDelay: true,
    // A client without a valid certificate may still log in with a password.
    ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
  } as const;
  let server: Server;
  try {
    server = createTlsServer(options, (socket) => {
      handlers.connected({ stream: socket, ...peerOf(socket), certificateName: certificateNameOf(socket) });
    });
  } catch (error) {
    throw new OperationError({
      code: 'config-invalid',
      op: 'use',
      subject: `certificate ${config.certFile} with key ${config.keyFile}`,
      message: messageOf(error),
      cause: error,
    });
  }
  server.on('connection', (socket: Socket) => handlers.accept(socket));
  server.on('tlsClientError', (_error: Error, socket: Socket) => socket.destroy());
  return listen('tls', server, config);
}

function certificateNameOf(socket: TLSSocket): string | undefined {
  if (!socket.authorized) return undefined;
  const name: unknown = socket.getPeerCertificate().subject?.CN;
  return typeof name === 'string' ? name : undefined;
}

async function readPem(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw new OperationError({
      code: 'config-unreadable',
      op: 'read',
      subject: `file ${path}`,
      message: systemCodeOf(error) ?? 'failed',
      cause: error,
    });
  }
}

async function openWebSocket(
  config: NonNullable<BrokerConfig['websocket']>,
  limits: BrokerConfig['limits'],
  handlers: ListenerHandlers,
): Promise<Listener> {
  const server: HttpServer = createHttpServer({
    headersTimeout: limits.connectTimeoutMs,
    requestTimeout: limits.connectTimeoutMs,
    connectionsCheckingInterval: 1000,
    noDelay: true,
  });
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: limits.packetBytes,
    handleProtocols: (offered) => (offered.has('mqtt') ? 'mqtt' : false),
  });
  server.on('connection', (socket: Socket) => handlers.accept(socket));
  server.on('request', (_request, response) => {
    response.writeHead(426, { 'content-type': 'text/plain' }).end('MQTT over WebSocket only\n');
  });
  server.on('upgrade', (request, socket: Socket, head: Buffer): void => {
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\n\r\n`);
    };
    // Browsers send the page's origin and let any page connect anywhere, to loopback too. Programs send none.
    const origin = request.headers.origin;
    if (origin !== undefined && !config.allowedOrigins.includes(origin)) {
      refuse('403 Forbidden');
      return;
    }
    const offered = String(request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/);
    if (!offered.includes('mqtt')) {
      refuse('400 Bad Request');
      return;
    }
    socket.on('error', () => socket.destroy());
    webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const stream = createWebSocketStream(webSocket);
      handlers.connected({ stream, ...peerOf(socket), certificateName: undefined });
    });
  });
  return listen('websocket', server, config);
}

function listen(kind: Listener['kind'], server: Server, { host, port }: At): Promise<Listener> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, host, port)));
    server.listen({ host, port }, () => {
      server.removeAllListeners('error');
      // EMFILE and its like while accepting: the connection is lost, the listener lives.
      server.on('error', () => {});
      const address = server.address();
      resolve({
        kind,
        port: typeof address === 'object' && address !== null ? address.port : port,
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}

function listenError(error: Error, host: string, port: number): OperationError {
  const code = systemCodeOf(error);
  const busy = code === 'EADDRINUSE' || code === 'EACCES';
  return new OperationError({
    code: busy ? 'port-busy' : 'unreachable',
    op: 'listen on',
    subject: `${host}:${port}`,
    message: code === 'EADDRINUSE' ? 'the port is in use' : (code ?? messageOf(error)),
    hint: busy
      ? 'another broker may be running; choose another port in broker.tcp, broker.tls or broker.websocket'
      : 'is this an address of this machine?',
    cause: error,
  });
}
