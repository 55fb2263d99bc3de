import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import sharp from 'sharp';

export type MjpegServerOptions = {
  readonly fps: number;
  /** Basic credentials `name:password` the camera asks for. */
  readonly credentials?: string;
};

type Fault = 'none' | 'stall' | 'garbage' | 'half';

/** A camera that speaks HTTP, for tests: JPEGs as parts of one answer without end. It can break in the ways cameras break. */
export class MjpegServer {
  readonly #options: MjpegServerOptions;
  readonly #server: Server;
  readonly #players = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;
  #pictures: readonly Buffer[] = [];
  #fault: Fault = 'none';
  /** Pictures sent since the start, to whoever was there. */
  sent = 0;

  private constructor(options: MjpegServerOptions) {
    this.#options = options;
    this.#server = createServer((request, answer) => this.#serve(request, answer));
    this.#timer = setInterval(() => this.#send(), 1000 / options.fps);
  }

  static async start(options: MjpegServerOptions): Promise<MjpegServer> {
    const server = new MjpegServer(options);
    await server.show(160, 120);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return `http://127.0.0.1:${address.port}/video.mjpg`;
  }

  /** Pictures of another size from now on, as when a camera is set to it. */
  async show(widthPx: number, heightPx: number): Promise<void> {
    const picture = (level: number) =>
      sharp({ create: { width: widthPx, height: heightPx, channels: 3, background: { r: level, g: 90, b: 60 } } });
    this.#pictures = await Promise.all([40, 80, 120, 160, 200].map((level) => picture(level).jpeg().toBuffer()));
  }

  /** `stall`: pictures stop, connections stay; `garbage`: bytes that are no pictures; `half`: a picture breaks off, then the end. */
  breakBy(fault: Fault): void {
    this.#fault = fault;
  }

  /** Ends all connections, as a camera that restarts. */
  disconnectAll(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    this.#server.close();
    this.disconnectAll();
    await once(this.#server, 'close');
  }

  #serve(request: IncomingMessage, answer: ServerResponse): void {
    const { credentials } = this.#options;
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (wanted !== undefined && request.headers.authorization !== wanted) {
      answer.writeHead(401, { 'www-authenticate': 'Basic realm="camera"' }).end();
    } else if (request.url !== '/video.mjpg') answer.writeHead(404).end();
    else {
      answer.writeHead(200, { 'content-type': 'multipart/x-mixed-replace; boundary=picture' });
      this.#players.add(answer);
      answer.on('close', () => this.#players.delete(answer));
      answer.on('error', () => {});
    }
  }

  #send(): void {
    if (this.#fault === 'stall') return;
    const picture = this.#pictures[this.sent++ % this.#pictures.length] ?? Buffer.alloc(0);
    const bytes = this.#fault === 'garbage' ? picture.map((byte, i) => (byte * 31 + i) & 255) : picture;
    const head = `--picture\r\nContent-Type: image/jpeg\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    for (const player of this.#players) {
      player.write(head);
      if (this.#fault === 'half') player.end(bytes.subarray(0, bytes.length >> 1));
      else player.write(Buffer.concat([bytes, Buffer.from('\r\n')]));
    }
  }
}
