import { connect, type Socket } from 'node:net';

/** Messages in flight: enough that no end waits for a round trip. */
const WINDOW = 200;

const TYPE = { connack: 2, publish: 3, puback: 4, suback: 9 } as const;

export type Login = { readonly clientId: string; readonly user?: string; readonly password?: string };

export type Load = {
  readonly port: number;
  readonly publisher: Login;
  readonly readers: readonly Login[];
  readonly topic: string;
  readonly retain: boolean;
  readonly messages: number;
  readonly payload: (i: number) => Buffer;
};

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes]);
}

function packet(first: number, ...parts: readonly Buffer[]): Buffer {
  const body = Buffer.concat(parts);
  const header = [first];
  let left = body.length;
  do {
    header.push((left % 128) | (left >= 128 ? 128 : 0));
    left = Math.floor(left / 128);
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), body]);
}

/** The least client there can be: MQTT.js takes 25 us a message and would be what is measured. */
class LoadClient {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  onPacket: (type: number, flags: number, body: Buffer) => void = () => {};
  onBatch: () => void = () => {};

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('data', (chunk: Buffer) => {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#takePackets();
      this.onBatch();
    });
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends a packet and waits for the first of a type; that type's second byte of the body must not be a refusal. */
  async ask(bytes: Buffer, answer: number): Promise<Buffer> {
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.onPacket = (type, _flags, body) => {
        if (type === answer) resolve(Buffer.from(body));
      };
      this.#socket.once('close', () => reject(new Error('the broker closed the connection')));
    });
    this.send(bytes);
    return await answered;
  }

  async logIn({ clientId, user, password }: Login): Promise<void> {
    const flags = 2 | (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
    const fields = [clientId, user, password].flatMap((field) => (field === undefined ? [] : [text(field)]));
    const body = await this.ask(packet(0x10, text('MQTT'), Buffer.from([4, flags, 0, 60]), ...fields), TYPE.connack);
    if (body[1] !== 0) throw new Error(`CONNACK ${body[1]} for ${clientId}`);
  }

  #takePackets(): void {
    let at = 0;
    for (;;) {
      let length = 0;
      let header = 1;
      let byte = 128;
      while ((byte & 128) !== 0) {
        const next = this.#rest[at + header];
        if (next === undefined) {
          this.#rest = this.#rest.subarray(at);
          return;
        }
        byte = next;
        length += (byte & 127) * 128 ** (header - 1);
        header++;
      }
      const start = at + header;
      if (start + length > this.#rest.length) break;
      const first = this.#rest[at] ?? 0;
      this.onPacket(first >> 4, first & 15, this.#rest.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = this.#rest.subarray(at);
  }
}

/** Publishes QoS 1 as fast as PUBACKs come; gives messages per second until the last reader has the last one. */
export async function runLoad(load: Load): Promise<number> {
  const clients: LoadClient[] = [];
  try {
    let missing = load.messages * load.readers.length;
    let onDone = () => {};
    const done = new Promise<void>((resolve) => {
      onDone = resolve;
    });
    for (const login of load.readers) {
      const reader = new LoadClient(load.port);
      clients.push(reader);
      await reader.logIn(login);
      await reader.ask(packet(0x82, Buffer.from([0, 1]), text(load.topic), Buffer.from([1])), TYPE.suback);
      const acks: Buffer[] = [];
      reader.onPacket = (type, flags, body) => {
        // The replay of what was retained before is not ours.
        if (type !== TYPE.publish) return;
        const at = 2 + body.readUInt16BE(0);
        if ((flags & 6) !== 0) acks.push(Buffer.from([0x40, 2, body[at] ?? 0, body[at + 1] ?? 0]));
        if ((flags & 1) === 0 && --missing === 0) onDone();
      };
      reader.onBatch = () => {
        if (acks.length > 0) reader.send(Buffer.concat(acks.splice(0)));
      };
    }
    const publisher = new LoadClient(load.port);
    clients.push(publisher);
    await publisher.logIn(load.publisher);
    let sent = 0;
    let acked = 0;
    const pump = () => {
      const batch: Buffer[] = [];
      for (; sent < load.messages && sent - acked < WINDOW; sent++) {
        const id = (sent % 65_535) + 1;
        const number = Buffer.from([id >> 8, id & 255]);
        batch.push(packet(load.retain ? 0x33 : 0x32, text(load.topic), number, load.payload(sent)));
      }
      if (batch.length > 0) publisher.send(Buffer.concat(batch));
    };
    publisher.onPacket = (type) => {
      if (type === TYPE.puback) acked++;
    };
    publisher.onBatch = pump;
    const before = performance.now();
    pump();
    await done;
    return (load.messages / (performance.now() - before)) * 1000;
  } finally {
    for (const client of clients) client.close();
  }
}
