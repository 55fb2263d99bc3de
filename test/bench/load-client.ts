import { connect, type Socket } from 'node:net';

const TYPE = { connack: 2, publish: 3, puback: 4, suback: 9 } as const;

export type Login = { readonly clientId: string; readonly user?: string; readonly password?: string };

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

export type Outgoing = {
  readonly topic: string;
  readonly payload: Buffer;
  readonly retain?: boolean;
  /** Message number of a QoS 1 message, from 0; QoS 0 without. */
  readonly number?: number;
};

/** A PUBLISH as it goes over the wire. */
export function publishPacket({ topic, payload, retain = false, number }: Outgoing): Buffer {
  const first = 0x30 | (number === undefined ? 0 : 2) | (retain ? 1 : 0);
  if (number === undefined) return packet(first, text(topic), payload);
  const id = (number % 65_535) + 1;
  return packet(first, text(topic), Buffer.from([id >> 8, id & 255]), payload);
}

/** A PUBLISH that arrived: where its payload begins, and whether it is a copy of a retained message. */
export type Arrival = { readonly body: Buffer; readonly payloadAt: number; readonly isRetained: boolean };

/** The least client there can be: MQTT.js takes 25 us a message and would be what is measured. */
export class LoadClient {
  readonly #socket: Socket;
  #rest: Buffer = Buffer.alloc(0);
  #onPacket: (type: number, flags: number, body: Buffer) => void = () => {};
  readonly #acks: Buffer[] = [];
  /** Called for every message, which is acknowledged by itself. */
  onMessage: (arrival: Arrival) => void = () => {};
  /** Called for every PUBACK, and after each batch of packets. */
  onAck: () => void = () => {};
  onBatch: () => void = () => {};
  /** The broker, or `close`, ended the connection. */
  isClosed = false;

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
    this.#socket.on('data', (chunk: Buffer) => {
      this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      this.#takePackets();
      if (this.#acks.length > 0) this.send(Buffer.concat(this.#acks.splice(0)));
      this.onBatch();
    });
  }

  send(bytes: Buffer): void {
    this.#socket.write(bytes);
  }

  /** Reads nothing more: what it subscribed to piles up in front of it. */
  stick(): void {
    this.#socket.pause();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Sends CONNECT with a clean session. @throws Error when the broker refuses */
  async logIn({ clientId, user, password }: Login): Promise<void> {
    const flags = 2 | (user === undefined ? 0 : 0x80) | (password === undefined ? 0 : 0x40);
    const fields = [clientId, user, password].flatMap((field) => (field === undefined ? [] : [text(field)]));
    const body = await this.#ask(packet(0x10, text('MQTT'), Buffer.from([4, flags, 0, 60]), ...fields), TYPE.connack);
    if (body[1] !== 0) throw new Error(`CONNACK ${body[1]} for ${clientId}`);
  }

  /** Subscribes to one filter. @throws Error when the broker refuses */
  async subscribe(filter: string, qos: 0 | 1 = 1): Promise<void> {
    const body = await this.#ask(packet(0x82, Buffer.from([0, 1]), text(filter), Buffer.from([qos])), TYPE.suback);
    if (body[2] === 128) throw new Error(`subscription to ${filter} refused`);
  }

  async #ask(bytes: Buffer, answer: number): Promise<Buffer> {
    const answered = new Promise<Buffer>((resolve, reject) => {
      this.#onPacket = (type, _flags, body) => {
        if (type === answer) resolve(Buffer.from(body));
      };
      this.#socket.once('close', () => reject(new Error('the broker closed the connection')));
    });
    this.send(bytes);
    const body = await answered;
    this.#onPacket = () => {};
    return body;
  }

  #take(type: number, flags: number, body: Buffer): void {
    if (type === TYPE.puback) this.onAck();
    else if (type === TYPE.publish) this.#receive(flags, body);
    else this.#onPacket(type, flags, body);
  }

  #receive(flags: number, body: Buffer): void {
    const at = 2 + body.readUInt16BE(0);
    const isQos1 = (flags & 6) !== 0;
    if (isQos1) this.#acks.push(Buffer.from([0x40, 2, body[at] ?? 0, body[at + 1] ?? 0]));
    this.onMessage({ body, payloadAt: isQos1 ? at + 2 : at, isRetained: (flags & 1) !== 0 });
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
      this.#take(first >> 4, first & 15, this.#rest.subarray(start, start + length));
      at = start + length;
    }
    this.#rest = this.#rest.subarray(at);
  }
}
