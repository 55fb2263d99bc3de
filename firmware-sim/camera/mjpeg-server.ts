import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { Clock } from '../../base/clock.js';
import { OperationError } from '../../base/errors.js';
import type { SceneFamily } from '../scene/backdrops/stage.js';
import { SceneCamera } from '../scene/scene-camera.js';
import { encodeJpeg } from './clip.js';
import { type FrameTruth, frameTruthOf } from './frame-truth.js';

export type ServeMjpegOptions = {
  readonly seed: string | number;
  /** Default 127.0.0.1. The stream has no login: open it to a network only on purpose. */
  readonly host?: string;
  /** 0 takes a free port. */
  readonly port: number;
  readonly fps: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly family?: SceneFamily;
  /** JPEG quality 1 to 100, default 80. */
  readonly quality?: number;
  /** Streams at a time; more are answered 503. Default 8: what one core encodes is shared, only sockets cost. */
  readonly clientsMax?: number;
  readonly clock: Clock;
  readonly signal?: AbortSignal;
};

export type MjpegServer = {
  readonly url: string;
  readonly port: number;
  readonly counters: MjpegCounters;
  /** Ends all streams and stops listening; idempotent. */
  close(): Promise<void>;
};

export type MjpegCounters = { frames: number; dropped: number; refused: number; clients: number };

type Shot = { readonly jpeg: Buffer; readonly truth: FrameTruth };

const BOUNDARY = 'vedette-frame';

/**
 * Serves a simulated camera over HTTP: `/` and `/stream.mjpeg` (multipart/x-mixed-replace), `/snapshot.jpg`,
 * `/truth.json` (of the newest frame). Nothing is drawn while nobody watches. A client that reads too slowly misses
 * frames, the others do not wait for it.
 * @throws OperationError `port-busy` if the port cannot be taken.
 */
export async function serveMjpeg(options: ServeMjpegOptions): Promise<MjpegServer> {
  const stream = new MjpegStream(options);
  const server = createServer((request, response) => {
    stream.answer(request, response).catch(() => response.destroy());
  });
  server.headersTimeout = 5000;
  server.maxConnections = 64;
  const host = options.host ?? '127.0.0.1';
  const port = await listen(server, host, options.port);
  const stop = options.clock.every(1000 / options.fps, () => stream.tick());
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= new Promise((resolve) => {
      stop();
      stream.end();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closing;
  };
  options.signal?.addEventListener('abort', () => void close(), { once: true });
  if (options.signal?.aborted === true) await close();
  return { url: `http://${host}:${port}/`, port, counters: stream.counters, close };
}

class MjpegStream {
  readonly counters: MjpegCounters = { frames: 0, dropped: 0, refused: 0, clients: 0 };
  readonly #options: ServeMjpegOptions;
  readonly #camera: SceneCamera;
  readonly #startMonoMs: number;
  readonly #clients = new Set<ServerResponse>();
  #shooting: Promise<Shot> | undefined;

  constructor(options: ServeMjpegOptions) {
    this.#options = options;
    this.#camera = new SceneCamera({ ...options, difficulty: 'demo' });
    this.#startMonoMs = options.clock.monoMs();
  }

  /** Sends the newest frame to everyone who has taken the last one. */
  tick(): void {
    if (this.#clients.size === 0 || this.#shooting !== undefined) return;
    this.#shoot()
      .then((shot) => {
        this.counters.frames++;
        for (const client of this.#clients) this.#send(client, shot.jpeg);
      })
      // A frame that cannot be encoded is one frame less.
      .catch(() => void this.counters.dropped++);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET') return reply(response, 405, 'only GET\n');
    const path = (request.url ?? '/').split('?')[0];
    if (path === '/' || path === '/stream.mjpeg') return this.#admit(response);
    if (path === '/snapshot.jpg') {
      const { jpeg } = await this.#shoot();
      response.writeHead(200, { 'content-type': 'image/jpeg', 'cache-control': 'no-store' }).end(jpeg);
      return;
    }
    if (path === '/truth.json') {
      const { truth } = await this.#shoot();
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
      response.end(`${JSON.stringify(truth)}\n`);
      return;
    }
    reply(response, 404, 'there is /stream.mjpeg, /snapshot.jpg and /truth.json\n');
  }

  end(): void {
    for (const client of this.#clients) client.end();
    this.#clients.clear();
  }

  #admit(response: ServerResponse): void {
    if (this.#clients.size >= (this.#options.clientsMax ?? 8)) {
      this.counters.refused++;
      reply(response, 503, 'too many viewers\n');
      return;
    }
    response.writeHead(200, {
      'content-type': `multipart/x-mixed-replace; boundary=${BOUNDARY}`,
      'cache-control': 'no-store',
      connection: 'close',
    });
    this.#clients.add(response);
    this.counters.clients = this.#clients.size;
    response.once('close', () => {
      this.#clients.delete(response);
      this.counters.clients = this.#clients.size;
    });
  }

  #send(client: ServerResponse, jpeg: Buffer): void {
    if (client.writableNeedDrain) {
      this.counters.dropped++;
      return;
    }
    client.write(`--${BOUNDARY}\r\ncontent-type: image/jpeg\r\ncontent-length: ${jpeg.length}\r\n\r\n`);
    client.write(jpeg);
    client.write('\r\n');
  }

  /** The frame due now; callers at the same time share one. */
  #shoot(): Promise<Shot> {
    this.#shooting ??= this.#draw().finally(() => {
      this.#shooting = undefined;
    });
    return this.#shooting;
  }

  async #draw(): Promise<Shot> {
    const { clock, fps, widthPx, heightPx, quality } = this.#options;
    const index = Math.floor(((clock.monoMs() - this.#startMonoMs) * fps) / 1000);
    const frame = this.#camera.frame(index);
    const jpeg = await encodeJpeg(frame.rgb, widthPx, heightPx, quality ?? 80);
    return { jpeg, truth: frameTruthOf(frame, index, fps) };
  }
}

function reply(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
}

function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      reject(
        new OperationError({
          code: 'port-busy',
          op: 'serve camera',
          subject: `${host}:${port}`,
          message: cause.message,
          hint: 'choose another port, or 0 for a free one',
          cause,
        }),
      );
    });
    server.listen(port, host, () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : port);
    });
  });
}
