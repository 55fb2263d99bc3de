import { parseJson } from '../../protocol/codec.js';
import { matchTopic, type RouteName } from '../../protocol/routes.js';
import { field, type Json, Program, until } from './demo-run.js';

export type Heard = {
  readonly topic: string;
  readonly route: RouteName | undefined;
  readonly params: Readonly<Record<string, string>>;
  readonly payload: Buffer;
  /** Sent because of the subscription, not because it was just published. */
  readonly retained: boolean;
};

/** A record of a log as somebody outside reads it. */
export type HeardRecord = Json & { readonly epoch: string };

/** A real `mosquitto_sub`; every payload comes as hex, so that pictures and line breaks are what they are. */
export class Listener {
  readonly program: Program;
  readonly #heard: Heard[] = [];
  readonly #said: () => string;
  #read = 0;

  /**
   * @param connection arguments that say where and as whom.
   * @param said what those who are listened to have logged: for messages of failed tests.
   */
  constructor(connection: readonly string[], said: () => string = () => '', filter = 'vedette/#') {
    this.#said = said;
    this.program = new Program('mosquitto_sub', [...connection, '-q', '1', '-F', '%r %t %x', '-t', filter]);
  }

  get messages(): readonly Heard[] {
    for (; this.#read < this.program.lines.length; this.#read++) {
      const [retained, topic = '', hex = ''] = (this.program.lines[this.#read] ?? '').split(' ');
      const match = matchTopic('vedette', topic);
      this.#heard.push({
        topic,
        route: match?.name,
        params: match?.params ?? {},
        payload: Buffer.from(hex, 'hex'),
        retained: retained === '1',
      });
    }
    return this.#heard;
  }

  /** Messages of one kind whose topic names these. */
  heard(route: RouteName, params: Readonly<Record<string, string>> = {}): Heard[] {
    const wanted = Object.entries(params);
    return this.messages.filter(
      (message) => message.route === route && wanted.every(([name, value]) => message.params[name] === value),
    );
  }

  /** Their payloads as JSON. */
  payloads(route: RouteName, params: Readonly<Record<string, string>> = {}): unknown[] {
    return this.heard(route, params).map(({ payload }) => (payload.length === 0 ? undefined : parseJson(`${payload}`)));
  }

  last(route: RouteName, params: Readonly<Record<string, string>> = {}): unknown {
    return this.payloads(route, params).at(-1);
  }

  /** Every record of a node that came on `live`, in the order it came, duplicates included. */
  records(node: string): HeardRecord[] {
    return this.payloads('live', { node }).flatMap((live) => {
      const list = field(live, 'r');
      return Array.isArray(list) ? list.map((record) => ({ ...record, epoch: String(field(live, 'e')) })) : [];
    });
  }

  /** Track records of one camera. */
  tracks(node: string, camera: string): HeardRecord[] {
    return this.records(node).filter(({ k, c }) => k === 'track' && c === camera);
  }

  waitFor<T>(what: string, look: () => T | undefined | false, timeoutMs = 60_000): Promise<T> {
    const told = () => {
      const last = this.messages.slice(-12).map(({ topic, payload }) => `${topic} ${printable(payload)}`);
      return `${what}; heard ${this.messages.length} messages, the last:\n${last.join('\n')}\n${this.program.errors.join('\n')}\n${this.#said()}`;
    };
    return until(told, look, timeoutMs);
  }
}

/** The start of a payload for a message: pictures and packed segments as dots. */
function printable(payload: Buffer): string {
  return payload.toString('latin1', 0, 300).replace(/[^\x20-\x7e]+/g, '.');
}
