import { createServer, type Server, type ServerResponse } from 'node:http';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { MetricsConfig } from './config.js';
import type { MetricsPage } from './metrics-page.js';

const CONNECTIONS_MAX = 16;
const REQUEST_MS = 5_000;

/** Serves the page on `/metrics`, to who asks by GET or HEAD. */
export class MetricsServer {
  readonly #server: Server;
  readonly port: number;

  private constructor(server: Server, port: number) {
    this.#server = server;
    this.port = port;
  }

  /** @throws OperationError `port-busy` if the address cannot be had */
  static async open({ host, port }: MetricsConfig, page: MetricsPage, log: Log): Promise<MetricsServer> {
    const server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS }, (request, response) => {
      const [path] = (request.url ?? '').split('?');
      if (path !== '/metrics') return answer(response, 404, 'the metrics are at /metrics\n');
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, 'allowed: GET\n');
      page.text().then(
        (text) => answer(response, 200, text, page.contentType),
        (error) => {
          log.warn('metrics not told', { error: messageOf(error) });
          answer(response, 500, 'failed\n');
        },
      );
    });
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((done, fail) => {
      server.once('error', (error) => fail(refused(host, port, error)));
      server.listen(port, host, done);
    });
    server.on('error', (error) => log.warn('metrics', { error: messageOf(error) }));
    const address = server.address();
    const bound = typeof address === 'object' && address !== null ? address.port : port;
    log.info('metrics are served', { url: `http://${host}:${bound}/metrics` });
    return new MetricsServer(server, bound);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((done) => this.#server.close(done));
  }
}

function answer(response: ServerResponse, status: number, text: string, contentType = 'text/plain'): void {
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

function refused(host: string, port: number, error: unknown): OperationError {
  const code = systemCodeOf(error);
  return new OperationError({
    code: 'port-busy',
    op: 'listen',
    subject: `monitor.metrics ${host}:${port}`,
    message: code === 'EADDRINUSE' ? 'the port is in use' : (code ?? messageOf(error)),
    hint: 'another port: monitor.metrics.port',
  });
}
