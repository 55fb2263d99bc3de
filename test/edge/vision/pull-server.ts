import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** One answer of the server, given the request and how many came before it. */
export type Handler = (request: IncomingMessage, response: ServerResponse, index: number) => void;

/** An HTTP server on loopback that does what a test tells it, and remembers what it was asked. */
export class PullServer {
  readonly requests: {
    readonly url: string;
    readonly range: string | undefined;
    readonly ifRange: string | undefined;
  }[] = [];
  readonly #server = createServer((request, response) => {
    const index = this.requests.length;
    const ifRange = request.headers['if-range'];
    this.requests.push({
      url: request.url ?? '',
      range: request.headers.range,
      ifRange: typeof ifRange === 'string' ? ifRange : undefined,
    });
    this.handler(request, response, index);
  });
  /** Bytes the client holds, as it last told; a broken connection costs it what it has not read by then. */
  heldBytes = 0;
  handler: Handler = (_, response) => response.writeHead(500).end();

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server is not open');
    return `http://127.0.0.1:${address.port}/model.onnx`;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

export type ServeOptions = {
  readonly etag?: string;
  /** Cuts the connection after this many bytes of the body, once the client holds them. */
  readonly breakAfter?: number;
  readonly server?: PullServer;
  /** Bytes the header claims more than there are. */
  readonly claimMore?: number;
  readonly noRange?: boolean;
  readonly chunked?: boolean;
};

/** Serves bytes as a decent server does, but for the faults asked for. */
export function serveBytes(
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Buffer,
  options: ServeOptions = {},
): void {
  const match = options.noRange ? null : /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
  const ifRange = request.headers['if-range'];
  const ranged = match !== null && (ifRange === undefined || ifRange === options.etag);
  const start = ranged ? Number(match?.[1]) : 0;
  const etag = options.etag === undefined ? {} : { etag: options.etag };
  if (ranged && start >= bytes.length) {
    response.writeHead(416, { 'content-range': `bytes */${bytes.length}` }).end();
    return;
  }
  const body = bytes.subarray(start);
  const length = options.chunked ? {} : { 'content-length': body.length + (options.claimMore ?? 0) };
  const range = ranged ? { 'content-range': `bytes ${start}-${bytes.length - 1}/${bytes.length}` } : {};
  response.writeHead(ranged ? 206 : 200, { ...length, ...range, ...etag });
  if (options.breakAfter !== undefined && options.breakAfter < body.length) {
    const cutAt = start + options.breakAfter;
    const cut = () => {
      if ((options.server?.heldBytes ?? cutAt) >= cutAt) response.socket?.destroy();
      else setTimeout(cut, 2);
    };
    response.write(body.subarray(0, options.breakAfter), cut);
  } else if (options.claimMore) {
    response.write(body, () => response.socket?.destroy());
  } else {
    response.end(body);
  }
}
