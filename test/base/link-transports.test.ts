import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer as createTlsServer } from 'node:tls';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createWebSocketStream, WebSocketServer } from 'ws';
import { SystemClock } from '../../base/clock.js';
import { Link, type LinkOptions } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { eventually } from '../eventually.js';
import { describeWithProgram } from '../fixtures.js';
import { PlainBroker } from '../plain-broker.js';

describeWithProgram('openssl', 'Link over other transports', () => {
  let broker: PlainBroker;
  let dir: string;
  const closers: (() => Promise<void> | void)[] = [];

  beforeEach(async () => {
    broker = await PlainBroker.open();
    dir = mkdtempSync(join(tmpdir(), 'vedette-tls-'));
  });

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await broker.close();
    rmSync(dir, { recursive: true, force: true });
  });

  function openLink(url: string, options: Partial<LinkOptions> = {}): Link {
    const link = new Link({
      url,
      clientId: 'cam1',
      root: 'vedette',
      clock: new SystemClock(),
      random: new Random('transports'),
      log: silentLog,
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 50 },
      ...options,
    });
    link.open();
    closers.push(() => link.close());
    return link;
  }

  // A self-signed certificate for localhost: its own authority.
  function makeCertificate(name: string): { cert: Buffer; key: Buffer } {
    const [cert, key] = [join(dir, `${name}.crt`), join(dir, `${name}.key`)];
    const subject = ['-subj', `/CN=${name}`, '-addext', 'subjectAltName=DNS:localhost'];
    const made = ['req', '-x509', '-newkey', 'ed25519', '-nodes', '-days', '1', '-keyout', key, '-out', cert];
    execFileSync('openssl', [...made, ...subject], { stdio: 'ignore' });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  }

  async function openTls(certificate: { cert: Buffer; key: Buffer }): Promise<string> {
    const server = createTlsServer(certificate, (socket) => {
      socket.on('error', () => {});
      broker.aedes.handle(socket);
    });
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closers.push(() => void server.close());
    const address = server.address();
    return `mqtts://localhost:${typeof address === 'object' ? address?.port : 0}`;
  }

  async function roundTrip(link: Link): Promise<void> {
    await eventually(() => link.isUp, `link up; ${link.lastError?.message}`);
    const seen: string[] = [];
    link.subscribe(routes.maintenance, {}, ({ payload }) => seen.push(payload.by));
    await link.publish(routes.maintenance, { node: 'cam7' }, { v: 1, by: 'ann', reason: 'test', untilMs: 1 });
    await eventually(() => seen.length === 1, 'message');
  }

  it('speaks TLS to a broker whose authority it was given', async () => {
    const certificate = makeCertificate('broker');
    await roundTrip(openLink(await openTls(certificate), { tls: { ca: certificate.cert } }));
  });

  it('refuses a broker with a certificate of somebody else, and says why', async () => {
    const url = await openTls(makeCertificate('broker'));
    const link = openLink(url, { tls: { ca: makeCertificate('other').cert } });
    await eventually(() => link.lastError !== undefined, 'refused');
    expect(link.isUp).toBe(false);
    expect(link.lastError?.message).toMatch(/certificate/);
  });

  it('speaks MQTT over a WebSocket', async () => {
    const http = createHttpServer();
    const sockets = new WebSocketServer({ server: http, handleProtocols: () => 'mqtt' });
    sockets.on('connection', (socket) => broker.aedes.handle(createWebSocketStream(socket)));
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    closers.push(() => void http.close());
    const address = http.address();
    const port = typeof address === 'object' ? address?.port : 0;
    await roundTrip(openLink(`ws://127.0.0.1:${port}/mqtt`));
  });

  it('says what is wrong when nothing there speaks WebSocket', async () => {
    const http = createHttpServer((_request, response) => response.writeHead(404).end());
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
    closers.push(() => void http.close());
    const address = http.address();
    const link = openLink(`ws://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/mqtt`);
    await eventually(() => link.lastError !== undefined, 'refused');
    expect(link.lastError).toMatchObject({ code: 'unreachable', transient: true });
  });
});
