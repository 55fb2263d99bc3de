import { type ChildProcess, spawn } from 'node:child_process';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

export type RtspServerOptions = {
  /** ffmpeg input arguments, for instance `['-stream_loop', '-1', '-i', clip]`. */
  readonly input: readonly string[];
  /** Basic credentials `name:password` the camera asks for. */
  readonly credentials?: string;
};

type Request = { readonly method: string; readonly url: string; readonly headers: ReadonlyMap<string, string> };

/**
 * A camera that speaks RTSP over TCP, for tests: one ffmpeg encodes the input to H.264 in RTP packets, which go to every
 * client that plays, interleaved (RFC 2326, section 10.12). It can break in the ways cameras break.
 */
export class RtspServer {
  readonly #options: RtspServerOptions;
  readonly #server: Server;
  readonly #udp: UdpSocket;
  readonly #players = new Set<Socket>();
  readonly #sockets = new Set<Socket>();
  #ffmpeg: ChildProcess | undefined;
  #sdp = '';
  #fault: 'none' | 'stall' | 'garbage' | 'half' = 'none';
  /** Sessions that reached PLAY since the start. */
  plays = 0;
  /** Packets of garbage sent since the start. */
  garbled = 0;

  private constructor(options: RtspServerOptions) {
    this.#options = options;
    this.#server = createServer((socket) => this.#serve(socket));
    this.#udp = createSocket('udp4');
    this.#udp.on('message', (packet) => this.#relay(packet));
  }

  static async start(options: RtspServerOptions): Promise<RtspServer> {
    const server = new RtspServer(options);
    server.#server.listen(0, '127.0.0.1');
    await once(server.#server, 'listening');
    server.#udp.bind(0, '127.0.0.1');
    await once(server.#udp, 'listening');
    await server.encode(options.input);
    return server;
  }

  get url(): string {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the server does not listen');
    return `rtsp://127.0.0.1:${address.port}/stream`;
  }

  /** Another input from now on, as when a camera is set to another size. */
  async encode(input: readonly string[]): Promise<void> {
    this.#ffmpeg?.kill('SIGKILL');
    const { port } = this.#udp.address();
    const coded = [
      '-c:v',
      'libx264',
      '-preset',
      'ultrafast',
      '-tune',
      'zerolatency',
      '-g',
      '10',
      '-pix_fmt',
      'yuv420p',
    ];
    // In-band parameter sets with every key frame: who joins later, or after a change of size, can decode.
    const sets = ['-bsf:v', 'dump_extra=freq=keyframe'];
    const rtp = ['-f', 'rtp', '-sdp_file', 'pipe:1', `rtp://127.0.0.1:${port}?pkt_size=1200`];
    const args = ['-nostdin', '-loglevel', 'error', '-re', ...input, '-an', ...coded, ...sets, ...rtp];
    const child = spawn('ffmpeg', args, { stdio: ['ignore', 'pipe', 'ignore'] });
    this.#ffmpeg = child;
    let text = '';
    child.stdout.setEncoding('utf8');
    await new Promise<void>((resolve, reject) => {
      child.once('exit', () => reject(new Error('ffmpeg of the RTSP server ended')));
      child.stdout.on('data', (chunk: string) => {
        text += chunk;
        if (/a=rtpmap/.test(text)) resolve();
      });
    });
    child.removeAllListeners('exit');
    this.#sdp = `${text.trim().replace(/m=video \d+/, 'm=video 0')}\r\na=control:trackID=0\r\n`;
  }

  /** `stall`: packets stop, connections stay; `garbage`: random bytes in the packets; `half`: a packet breaks off, then the end. */
  breakBy(fault: 'none' | 'stall' | 'garbage' | 'half'): void {
    this.#fault = fault;
  }

  /** Ends all connections, as a camera that restarts. */
  disconnectAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.#ffmpeg?.kill('SIGKILL');
    this.disconnectAll();
    this.#udp.close();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      this.#players.delete(socket);
    });
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1');
      // RTCP reports of the client come in between; they start with a dollar sign and have no blank line of ours.
      const start = text.search(/(OPTIONS|DESCRIBE|SETUP|PLAY|TEARDOWN|GET_PARAMETER) /);
      const end = text.indexOf('\r\n\r\n', Math.max(0, start));
      if (start < 0 || end < 0) return;
      const request = parseRequest(text.slice(start, end));
      text = text.slice(end + 4);
      this.#answer(socket, request);
    });
  }

  #answer(socket: Socket, { method, url, headers }: Request): void {
    const cseq = `CSeq: ${headers.get('cseq') ?? '0'}`;
    const say = (status: string, lines: readonly string[] = [], body = '') =>
      socket.write([`RTSP/1.0 ${status}`, cseq, ...lines, '', body].join('\r\n'));
    const { credentials } = this.#options;
    const given = headers.get('authorization');
    const wanted = credentials === undefined ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`;
    if (method !== 'OPTIONS' && wanted !== undefined && given !== wanted) {
      say('401 Unauthorized', ['WWW-Authenticate: Basic realm="camera"']);
      return;
    }
    if (!new URL(url).pathname.startsWith('/stream')) say('404 Not Found');
    else if (method === 'OPTIONS') say('200 OK', ['Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN']);
    else if (method === 'DESCRIBE') {
      const length = Buffer.byteLength(this.#sdp);
      say('200 OK', ['Content-Type: application/sdp', `Content-Base: ${url}/`, `Content-Length: ${length}`], this.#sdp);
    } else if (method === 'SETUP') {
      say('200 OK', ['Transport: RTP/AVP/TCP;unicast;interleaved=0-1', 'Session: 1']);
    } else if (method === 'PLAY') {
      this.plays++;
      say('200 OK', ['Session: 1']);
      this.#players.add(socket);
    } else {
      say('200 OK', ['Session: 1']);
      if (method === 'TEARDOWN') socket.end();
    }
  }

  #relay(packet: Buffer): void {
    if (this.#fault === 'stall') return;
    const bytes = this.#fault === 'garbage' ? scrambled(packet) : packet;
    if (this.#fault === 'garbage') this.garbled++;
    const head = Buffer.from([0x24, 0, bytes.length >> 8, bytes.length & 255]);
    for (const socket of this.#players) {
      if (this.#fault === 'half') {
        socket.end(Buffer.concat([head, bytes.subarray(0, bytes.length >> 1)]));
        this.#players.delete(socket);
      } else socket.write(Buffer.concat([head, bytes]));
    }
  }
}

// The RTP header stays: it is the picture in it that is broken.
function scrambled(packet: Buffer): Buffer {
  const out = Buffer.from(packet);
  for (let i = 14; i < out.length; i++) out[i] = (i * 167 + 13) & 255;
  return out;
}

function parseRequest(text: string): Request {
  const [first = '', ...lines] = text.split('\r\n');
  const [method = '', url = ''] = first.split(' ');
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  return { method, url, headers };
}
