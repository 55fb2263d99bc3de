import { connect, type Socket } from 'node:net';
import { atEnd } from './broker-fixture.js';

/** One packet as it came: type, flags and body. */
export type RawPacket = { readonly type: number; readonly flags: number; readonly body: Buffer };

export const TYPE = { connack: 2, publish: 3, puback: 4, suback: 9, pingresp: 13 } as const;

function text(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A packet of MQTT 3.1.1 from its first byte and body. */
export function packet(first: number, body: Buffer): Buffer {
  const header = [first];
  let left = body.length;
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    header.push(left > 0 ? digit | 128 : digit);
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

export type ConnectFields = {
  readonly clientId: string | Buffer;
  readonly user?: string;
  readonly password?: string;
  readonly clean?: boolean;
  readonly keepaliveS?: number;
};

export function connectPacket({ clientId, user, password, clean = true, keepaliveS = 60 }: ConnectFields): Buffer {
  const flags = (clean ? 2 : 0) | (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
  const parts = [text('MQTT'), Buffer.from([4, flags, keepaliveS >> 8, keepaliveS & 255]), text(clientId)];
  if (user !== undefined) parts.push(text(user));
  if (password !== undefined) parts.push(text(password));
  return packet(0x10, Buffer.concat(parts));
}

export function publishPacket(
  topic: string | Buffer,
  payload: string | Buffer,
  qos: 0 | 1 | 2,
  id = 1,
  retain = false,
): Buffer {
  const number = Buffer.alloc(qos === 0 ? 0 : 2);
  if (qos > 0) number.writeUInt16BE(id);
  return packet(0x30 | (qos << 1) | (retain ? 1 : 0), Buffer.concat([text(topic), number, Buffer.from(payload)]));
}

export function subscribePacket(filters: readonly string[], qos: 0 | 1, id = 1): Buffer {
  const number = Buffer.alloc(2);
  number.writeUInt16BE(id);
  return packet(0x82, Buffer.concat([number, ...filters.flatMap((filter) => [text(filter), Buffer.from([qos])])]));
}

export const PINGREQ = Buffer.from([0xc0, 0]);

/** A socket that speaks only what it is told to: for what no decent client would send. */
export class RawClient {
  readonly socket: Socket;
  readonly packets: RawPacket[] = [];
  #buffer = Buffer.alloc(0);
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(port: number) {
    this.socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.socket.on('data', (chunk: Buffer) => this.#take(chunk));
    this.socket.on('error', () => {});
    this.socket.on('close', () => {
      this.#closed = true;
      this.#notify();
    });
    atEnd(() => this.socket.destroy());
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(...packets: readonly Buffer[]): void {
    this.socket.write(Buffer.concat(packets));
  }

  /** The first packet of a type that is not taken yet. Rejects if the connection ends or nothing comes. */
  async next(type: number, timeoutMs = 8000): Promise<RawPacket> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const at = this.packets.findIndex((candidate) => candidate.type === type);
      const [found] = at < 0 ? [] : this.packets.splice(at, 1);
      if (found !== undefined) return found;
      if (this.#closed) throw new Error(`connection ended before a packet of type ${type}`);
      await this.#change(deadline, `a packet of type ${type}`);
    }
  }

  async ended(timeoutMs = 8000): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (!this.#closed) await this.#change(deadline, 'the end of the connection');
  }

  /** Connects and gives the return code of the CONNACK. */
  async connect(fields: ConnectFields): Promise<number> {
    this.send(connectPacket(fields));
    const { body } = await this.next(TYPE.connack);
    return body[1] ?? -1;
  }

  #change(deadline: number, what: string): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), deadline - performance.now());
      this.#wake.push(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #notify(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }

  #take(chunk: Buffer): void {
    this.#buffer = Buffer.concat([this.#buffer, chunk]);
    for (;;) {
      const parsed = parse(this.#buffer);
      if (parsed === undefined) break;
      this.packets.push(parsed.packet);
      this.#buffer = this.#buffer.subarray(parsed.end);
    }
    this.#notify();
  }
}

function parse(bytes: Buffer): { packet: RawPacket; end: number } | undefined {
  let length = 0;
  for (let at = 1; at < bytes.length && at < 5; at++) {
    const byte = bytes[at] ?? 0;
    length += (byte & 127) * 128 ** (at - 1);
    if ((byte & 128) !== 0) continue;
    const start = at + 1;
    if (bytes.length < start + length) return undefined;
    const first = bytes[0] ?? 0;
    return {
      packet: { type: first >> 4, flags: first & 15, body: bytes.subarray(start, start + length) },
      end: start + length,
    };
  }
  return undefined;
}
