import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedLink } from '../kernel/simulated-link.js';
import { decodeLines, encodeLine } from './line-file.js';
import type { HeldLog, ObservedReplica } from './observed-replica.js';
import { ReferenceLog } from './reference-log.js';

/** Rules that can be left out, to see that the simulator notices. */
export const ABLATIONS = [
  'epoch per start',
  'need and fill',
  'heads and frontiers',
  'verification',
  'acknowledged only when durable elsewhere',
  'first only rises',
] as const;
export type Ablation = (typeof ABLATIONS)[number];

export type ReferenceSettings = { readonly brokers: readonly [string, ...string[]]; readonly without?: Ablation };

export type LiveMessage = { readonly e: string; readonly s: number; readonly text: string };
export type HeadMessage = {
  readonly node: string;
  readonly logs: readonly { readonly e: string; readonly first: number; readonly seq: number }[];
};
export type FrontierMessage = {
  readonly f: readonly (readonly [string, string, number])[];
};
export type NeedMessage = {
  readonly of: string;
  readonly e: string;
  readonly ranges: readonly (readonly [number, number])[];
};
export type FillMessage = {
  readonly of: string;
  readonly e: string;
  readonly first: number;
  readonly r: readonly (readonly [number, string])[];
};

const SYNC_MS = 1_000;
const HEAD_MS = 10_000;
const FRONTIER_MS = 2_000;
const PATIENCE_MS = 300;
const ASK_AGAIN_MS = 2_000;
const FILL_RECORDS = 256;
const INBOX = 'inbox';
const FIRSTS = 'firsts';

/**
 * A small replica that follows the rules of docs/design/0001 as far as records go, without segments, keys and votes: the
 * yardstick of the simulator itself. Whatever breaks an invariant with all rules on is a fault of the simulator or an
 * invariant that asks too much; each rule left out must break one.
 */
export class ReferenceReplica implements ObservedReplica {
  readonly #env: ProgramEnv;
  readonly #without: Ablation | undefined;
  readonly #link: SimulatedLink;
  readonly #logs = new Map<string, ReferenceLog>();
  /** Lines that no sync has covered: which, to note them durable after it. */
  #unsynced: { readonly log: ReferenceLog; readonly seq: number }[] = [];
  /** Frontiers that other nodes told, by log and node. */
  readonly #frontiers = new Map<string, Map<string, number>>();
  readonly #ownEpochs = new Set<string>();
  #epoch: string | undefined;
  #acknowledged = 0;
  #told = '';
  #lastT = 0;

  constructor(env: ProgramEnv, { brokers, without }: ReferenceSettings) {
    this.#env = env;
    this.#without = without;
    this.#load();
    this.#link = env.link({ clientId: env.node, brokers, failbackAfterMs: 20_000 });
    this.#listen();
    this.#link.onUp(() => {
      this.#tellHead();
      this.#tellFrontier();
    });
    this.#link.open();
    env.clock.every(SYNC_MS, () => this.#sync());
    env.clock.every(HEAD_MS, () => this.#tellHead());
    env.clock.every(FRONTIER_MS, () => this.#tellFrontier());
    env.clock.every(200, () => this.#ask());
  }

  get ownEpoch(): string | undefined {
    return this.#epoch;
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  append(content: string): number | undefined {
    this.#epoch ??= this.#beginEpoch();
    const epoch = this.#epoch;
    const log = this.#log(this.#env.node, epoch);
    const seq = log.last + 1;
    const text = JSON.stringify({ s: seq, t: this.#timeMs(), k: 'note', content });
    if (!this.#keep(log, seq, text)) return undefined;
    this.#ownEpochs.add(epoch);
    this.#link.publish(`log/${this.#env.node}/live`, { e: epoch, s: seq, text } satisfies LiveMessage, {
      bytes: text.length + 20,
    });
    return seq;
  }

  #timeMs(): number {
    this.#lastT = Math.max(this.#lastT, this.#env.clock.nowMs());
    return this.#lastT;
  }

  logs(): HeldLog[] {
    return [...this.#logs.values()].map((log) => ({
      node: log.node,
      epoch: log.epoch,
      first: log.first,
      frontier: log.frontier,
      last: log.last,
    }));
  }

  textOf(node: string, epoch: string, seq: number): string | undefined {
    return this.#logs.get(`${node}/${epoch}`)?.texts.get(seq);
  }

  expireOwn(first: number): void {
    if (this.#epoch === undefined) return;
    this.#raiseFirst(this.#log(this.#env.node, this.#epoch), first);
    this.#tellHead();
  }

  gauges() {
    return [{ name: 'unsynced', value: this.#unsynced.length, limit: 20_000 }];
  }

  // ---- the disk

  #load(): void {
    const { disk } = this.#env;
    for (const [path, take] of [
      [INBOX, (line: string) => this.#loadLine(line)],
      [FIRSTS, (line: string) => this.#loadFirst(line)],
    ] as const) {
      if (!disk.has(path)) continue;
      const { texts, goodLength } = this.#read(path);
      try {
        if (goodLength < (disk.size(path) ?? 0)) disk.truncate(path, goodLength);
      } catch {
        // A full disk keeps its torn end; the next life tries again.
      }
      for (const text of texts) take(text);
    }
  }

  #read(path: string) {
    const bytes = this.#env.disk.read(path);
    if (this.#without !== 'verification') return decodeLines(bytes);
    const texts = Buffer.from(bytes).toString().split('\n').slice(0, -1);
    return { texts: texts.map((text) => text.slice(9)), goodLength: bytes.length };
  }

  #loadLine(line: string): void {
    const [node = '', epoch = '', seq = '', ...rest] = line.split(' ');
    const log = this.#log(node, epoch);
    if (node === this.#env.node) this.#ownEpochs.add(epoch);
    if (log.take(Number(seq), rest.join(' '))) log.durable.add(Number(seq), Number(seq));
  }

  #loadFirst(line: string): void {
    const [node = '', epoch = '', first = ''] = line.split(' ');
    this.#log(node, epoch).raiseFirst(Number(first));
  }

  #keep(log: ReferenceLog, seq: number, text: string): boolean {
    if (seq < log.first || log.texts.has(seq)) return false;
    const { disk } = this.#env;
    const before = disk.size(INBOX) ?? 0;
    try {
      disk.append(INBOX, encodeLine(`${log.node} ${log.epoch} ${seq} ${text}`));
    } catch {
      // What of the line there was room for goes again: the next one must begin a line.
      if ((disk.size(INBOX) ?? 0) > before) disk.truncate(INBOX, before);
      return false;
    }
    log.take(seq, text);
    this.#unsynced.push({ log, seq });
    return true;
  }

  #sync(): void {
    if (this.#unsynced.length === 0) return;
    try {
      this.#env.disk.sync(INBOX);
    } catch {
      return;
    }
    for (const { log, seq } of this.#unsynced) log.durable.add(seq, seq);
    this.#unsynced = [];
    this.#acknowledge();
  }

  #raiseFirst(log: ReferenceLog, first: number): void {
    if (first <= log.first) return;
    try {
      this.#env.disk.append(FIRSTS, encodeLine(`${log.node} ${log.epoch} ${first}`));
      this.#env.disk.sync(FIRSTS);
    } catch {
      return;
    }
    log.raiseFirst(first);
  }

  #beginEpoch(): string {
    const old = [...this.#ownEpochs].at(-1);
    if (this.#without === 'epoch per start' && old !== undefined) return old;
    return `e${this.#env.random.int(2 ** 31).toString(36)}`;
  }

  // ---- the wire

  #listen(): void {
    const { node } = this.#env;
    const link = this.#link;
    link.subscribe('log/+/live', 1, ({ topic, payload }) => this.#hearLive(writerOf(topic), asLive(payload)));
    link.subscribe(`to/${node}/fill`, 1, ({ payload }) => this.#hearFill(asFill(payload)));
    if (this.#without !== 'need and fill') {
      link.subscribe(`to/${node}/need/+`, 1, ({ topic, payload }) => this.#give(senderOf(topic), asNeed(payload)));
    }
    if (this.#without === 'heads and frontiers') return;
    link.subscribe('log/+/head', 1, ({ payload }) => this.#hearHead(asHead(payload)));
    link.subscribe('log/+/frontier', 1, ({ topic, payload }) =>
      this.#hearFrontier(writerOf(topic), asFrontier(payload)),
    );
  }

  #hearLive(node: string, { e, s, text }: LiveMessage): void {
    if (node === this.#env.node) return;
    this.#keep(this.#log(node, e), s, text);
  }

  #hearHead({ node, logs }: HeadMessage): void {
    for (const { e, first, seq } of logs) {
      const log = this.#log(node, e);
      log.known = Math.max(log.known, seq);
      if (this.#without === 'first only rises') {
        log.first = first;
      } else this.#raiseFirst(log, first);
    }
  }

  #hearFrontier(from: string, { f }: FrontierMessage): void {
    if (from === this.#env.node) return;
    for (const [node, epoch, seq] of f) {
      const log = this.#log(node, epoch);
      log.known = Math.max(log.known, seq);
      const told = this.#frontiers.get(`${node}/${epoch}`) ?? new Map<string, number>();
      this.#frontiers.set(`${node}/${epoch}`, told.set(from, seq));
    }
    this.#acknowledge();
  }

  #hearFill({ of, e, first, r }: FillMessage): void {
    const log = this.#log(of, e);
    if (of !== this.#env.node) this.#raiseFirst(log, first);
    for (const [seq, text] of r) this.#keep(log, seq, text);
    log.attempts = 0;
    log.askedMs = Number.NEGATIVE_INFINITY;
  }

  #give(to: string, { of, e, ranges }: NeedMessage): void {
    const log = this.#logs.get(`${of}/${e}`);
    if (log === undefined) return;
    const r: (readonly [number, string])[] = [];
    for (const [from, until] of ranges) {
      for (let seq = Math.max(from, log.first); seq <= until && r.length < FILL_RECORDS; seq++) {
        const text = log.texts.get(seq);
        if (text !== undefined) r.push([seq, text]);
      }
    }
    const fill: FillMessage = { of, e, first: log.first, r };
    this.#link.publish(`to/${to}/fill`, fill, { bytes: 100 + r.reduce((sum, [, text]) => sum + text.length, 0) });
  }

  #ask(): void {
    if (!this.#link.isUp) return;
    const nowMs = this.#env.clock.monoMs();
    let asked = 0;
    for (const log of this.#logs.values()) {
      const ranges = log.missing(16);
      if (ranges.length === 0) {
        log.gapSinceMs = undefined;
        continue;
      }
      log.gapSinceMs ??= nowMs;
      if (nowMs - log.gapSinceMs < PATIENCE_MS || nowMs - log.askedMs < ASK_AGAIN_MS || asked >= 8) continue;
      const target = this.#targetFor(log);
      if (target === undefined) continue;
      log.askedMs = nowMs;
      log.attempts++;
      asked++;
      const need: NeedMessage = { of: log.node, e: log.epoch, ranges };
      this.#link.publish(`to/${target}/need/${this.#env.node}`, need, { bytes: 150 });
    }
  }

  // The writer first, then whoever says to have most, in turn.
  #targetFor(log: ReferenceLog): string | undefined {
    const told = [...(this.#frontiers.get(`${log.node}/${log.epoch}`) ?? [])].sort((a, b) => b[1] - a[1]);
    const holders = told.map(([node]) => node).filter((node) => node !== log.node);
    const targets = log.node === this.#env.node ? holders : [log.node, ...holders];
    return targets[log.attempts % Math.max(1, targets.length)];
  }

  #tellHead(): void {
    if (this.#without === 'heads and frontiers') return;
    const { node } = this.#env;
    const logs = [...this.#ownEpochs].map((e) => {
      const log = this.#log(node, e);
      return { e, first: log.first, seq: log.frontier };
    });
    const head: HeadMessage = { node, logs };
    this.#link.publish(`log/${node}/head`, head, { retain: true, bytes: 60 + 40 * logs.length });
  }

  #tellFrontier(): void {
    if (this.#without === 'heads and frontiers') return;
    const f = [...this.#logs.values()].map((log) => [log.node, log.epoch, log.frontier] as const);
    const told = `${this.#link.broker} ${f.map((entry) => entry[2]).join()}`;
    // Now and then all the same: who came meanwhile has not heard it.
    if (told === this.#told && this.#env.random.next() > 0.1) return;
    this.#told = told;
    this.#link.publish(`log/${this.#env.node}/frontier`, { f } satisfies FrontierMessage, { bytes: 30 * f.length });
  }

  #acknowledge(): void {
    if (this.#epoch === undefined) return;
    const own = this.#log(this.#env.node, this.#epoch);
    const told = this.#frontiers.get(`${own.node}/${own.epoch}`);
    const elsewhere =
      this.#without === 'acknowledged only when durable elsewhere' ? own.last : Math.max(0, ...(told?.values() ?? []));
    this.#acknowledged = Math.max(this.#acknowledged, Math.min(own.frontier, elsewhere));
  }

  #log(node: string, epoch: string): ReferenceLog {
    const key = `${node}/${epoch}`;
    const known = this.#logs.get(key);
    if (known !== undefined) return known;
    const log = new ReferenceLog(node, epoch);
    this.#logs.set(key, log);
    return log;
  }
}

/** The records a message of the reference replica carries. */
export function recordsIn(topic: string, payload: unknown) {
  if (payload === undefined) return [];
  if (topic.endsWith('/live')) {
    const { e, s, text } = asLive(payload);
    return [{ node: writerOf(topic), epoch: e, seq: s, text }];
  }
  if (topic.endsWith('/fill')) {
    const { of, e, r } = asFill(payload);
    return r.map(([seq, text]) => ({ node: of, epoch: e, seq, text }));
  }
  return [];
}

function writerOf(topic: string): string {
  return topic.split('/')[1] ?? '';
}

function senderOf(topic: string): string {
  return topic.split('/')[3] ?? '';
}

// Payloads travel by reference between programs of this one kind.
const asLive = (payload: unknown) => payload as LiveMessage;
const asHead = (payload: unknown) => payload as HeadMessage;
const asFrontier = (payload: unknown) => payload as FrontierMessage;
const asNeed = (payload: unknown) => payload as NeedMessage;
const asFill = (payload: unknown) => payload as FillMessage;
