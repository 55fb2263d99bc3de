import type { ReplayEvent } from '../../edge/rules/rule-replay.js';
import { decodePayload, parseJson } from '../../protocol/codec.js';
import { AnyRecord, OpenRecord, TrackRecord } from '../../protocol/record.js';
import { matchTopic, routes } from '../../protocol/routes.js';

/** An event and the number of its record in its log, which orders those of one time. */
export type OrderedEvent = { readonly event: ReplayEvent; readonly seq: number };

/**
 * Reads what a node saw and read from lines: records as a log holds them, the answer of `vedette query --json`, or what
 * `mosquitto_sub -v` wrote (topic, blank, payload). Of the last, readings and camera states are taken too.
 */
export class ReplayLines {
  readonly #root: string;
  readonly #node: string;
  readonly #seen = new Set<string>();
  #lastMs: number | undefined;
  #untimed: ((atMs: number) => ReplayEvent)[] = [];
  /** Records and messages that were understood, those of other nodes included. */
  understood = 0;
  /** Lines that were not. */
  skipped = 0;
  hasCameraStates = false;

  /** @param node the one whose rules are tried; what others say is passed over. */
  constructor(root: string, node: string) {
    this.#root = root;
    this.#node = node;
  }

  /** The events of one line. */
  read(line: string): OrderedEvent[] {
    const text = line.trim();
    if (text === '') return [];
    try {
      const events = text.startsWith('{') ? this.#readObject(parseJson(text)) : this.#readMessage(text);
      this.understood++;
      return events;
    } catch {
      this.skipped++;
      return [];
    }
  }

  #readObject(value: unknown): OrderedEvent[] {
    if (typeof value === 'object' && value !== null && 'rows' in value && Array.isArray(value.rows)) {
      return value.rows.flatMap((row: unknown) => (this.#isOwnRow(row) ? this.#readRecord(row) : []));
    }
    return this.#readRecord(value);
  }

  #isOwnRow(row: unknown): boolean {
    return typeof row === 'object' && row !== null && 'node' in row && row.node === this.#node;
  }

  #readRecord(value: unknown): OrderedEvent[] {
    const { s, t, k } = AnyRecord.parse(value);
    if (k === 'open' && OpenRecord.safeParse(value).success) return this.#at(t, s, [{ kind: 'start', atMs: t }]);
    if (k !== 'track') return this.#at(t, s, [{ kind: 'time', atMs: t }]);
    const { c: camera, ev, id, l: label, p, z = [], st } = TrackRecord.parse(value);
    const track = { camera, ev, id, label, score: p / 1000, zones: z, stationary: st !== undefined };
    return this.#at(t, s, [{ kind: 'track', atMs: t, track }]);
  }

  #readMessage(text: string): OrderedEvent[] {
    const blank = text.indexOf(' ');
    const found = matchTopic(this.#root, blank < 0 ? text : text.slice(0, blank));
    if (found === undefined) throw new Error('no topic of ours');
    if (found.params.node !== this.#node) return [];
    const payload = new TextEncoder().encode(blank < 0 ? '' : text.slice(blank + 1));
    const { camera = '', sensor = '' } = found.params;
    switch (found.name) {
      case 'live': {
        const { e, r } = decodePayload(routes.live, payload);
        // QoS 1: a batch may come twice.
        return r.filter(({ s }) => this.#isNew(`${e}/${s}`)).flatMap((record) => this.#readRecord(record));
      }
      case 'sensor': {
        const reading = decodePayload(routes.sensor, payload);
        return this.#at(reading.atMs, 0, [{ kind: 'reading', atMs: reading.atMs, sensor, reading }]);
      }
      case 'cameraState': {
        const { ok, fps, reason, atMs } = decodePayload(routes.cameraState, payload);
        this.hasCameraStates = true;
        return this.#whenever(atMs, (at) => ({ kind: 'camera', atMs: at, camera, state: { ok, fps, reason } }));
      }
      case 'motion': {
        const isMoving = decodePayload(routes.motion, payload) === 'ON';
        return this.#whenever(undefined, (at) => ({ kind: 'motion', atMs: at, camera, isMoving }));
      }
      default:
        return [];
    }
  }

  #isNew(key: string): boolean {
    const { size } = this.#seen;
    return this.#seen.add(key).size > size;
  }

  // What carries no time of its own happened when the last thing with one did; before the first, with that one.
  #whenever(atMs: number | undefined, make: (atMs: number) => ReplayEvent): OrderedEvent[] {
    if (atMs !== undefined) return this.#at(atMs, 0, [make(atMs)]);
    if (this.#lastMs !== undefined) return [{ event: make(this.#lastMs), seq: 0 }];
    this.#untimed.push(make);
    return [];
  }

  #at(atMs: number, seq: number, events: readonly ReplayEvent[]): OrderedEvent[] {
    this.#lastMs = Math.max(atMs, this.#lastMs ?? atMs);
    const waiting = this.#untimed.map((make) => make(atMs));
    this.#untimed = [];
    return [...waiting, ...events].map((event) => ({ event, seq }));
  }
}
