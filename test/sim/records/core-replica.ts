import type { OpenedSegment } from '../../../edge/records/segment.js';
import {
  countOf,
  type Instant,
  type Line,
  type ReplicaEffect,
  type ReplicaEvent,
} from '../../../edge/replica/core/effects.js';
import { common } from '../../../edge/replica/core/intervals.js';
import { ROT_VOTE, voteHash } from '../../../edge/replica/core/poll.js';
import { ReplicaCore } from '../../../edge/replica/core/replica-core.js';
import { DEFAULT_REPLICA_LIMITS, type ReplicaLimits } from '../../../edge/replica/core/replica-limits.js';
import type { Missing, Query } from '../../../protocol/query.js';
import type { Fill, Head, Need } from '../../../protocol/record.js';
import type { Frontier, Poll, ReplicaState, Vote } from '../../../protocol/replica.js';
import type { DeliveredMessage } from '../kernel/mqtt-message.js';
import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedLink } from '../kernel/simulated-link.js';
import { CopyFiles } from './copy-files.js';
import { BoardLogs } from './held-logs.js';
import { checksum, encodeLine } from './line-file.js';
import type { HeldLog, ObservedReplica, RecordSeen } from './observed-replica.js';
import { linesAt, OwnLog, SEGMENT_RECORDS } from './own-log.js';
import { type AnswerSeen, QueryAnswers } from './query-answers.js';
import { SegmentReader } from './segment-file.js';

const EPOCH_LETTERS = [...'abcdefghijklmnopqrstuvwxyz234567'];
const TICK_MS = 200;
const OWN_SYNC_MS = 1_000;
const HEAD_MS = 10_000;
const SCRUB_MS = 500;
const STATE_MS = 1_000;
/** An open segment is closed at this age, so that short histories have partial ones too. */
const CLOSE_MS = 30_000;
/** Own segments kept retained in the broker. */
const WINDOW = 8;

/** Both say what was given up. */
const HEADS_ON_DISK = 'heads and what was given up are on the disk';

/** A replica that lacks more answers nothing. */
export const SYNCING_RECORDS = 48;

/** Waits are shorter than on real boards by what a short history needs: nodes are away for minutes there, not hours. */
const LIMITS: ReplicaLimits = {
  ...DEFAULT_REPLICA_LIMITS,
  adoptAfterMs: 15_000,
  pollMs: 10_000,
  syncRefillMs: 2_000,
  frontierFullMs: 20_000,
  pageFrom: 3 * SEGMENT_RECORDS,
  syncingRecords: SYNCING_RECORDS,
};

type FillParts = Pick<Fill, 'id' | 'of' | 'e' | 'part' | 'more' | 'first'>;
type FillMessage = { readonly fill: FillParts; readonly lines: readonly Line[]; readonly segment?: OpenedSegment };
type LiveMessage = { readonly epoch: string; readonly lines: readonly Line[] };
type StatusMessage = { readonly state: 'online' | 'away'; readonly life: string; readonly key: string };
export type BrokerMessage = { readonly broker: string; readonly epoch: string };

/** Topic the broker says its own epoch on. */
export const BROKER_TOPIC = 'broker/epoch';

/**
 * The real core of a replica (`edge/replica/core`) on a simulated board: link and disk around it as thin as they can be,
 * carrying out its effects in order. Disk writes end a little later than they begin, so that death comes between.
 */
export class CoreReplica implements ObservedReplica {
  readonly core: ReplicaCore;
  readonly #answers: QueryAnswers;
  readonly #env: ProgramEnv;
  readonly #link: SimulatedLink;
  readonly #files: CopyFiles;
  readonly #reader: SegmentReader;
  readonly #own = new Map<string, OwnLog>();
  readonly #key: string;
  readonly #inst: string;
  readonly #life: string;
  readonly #without: ReadonlySet<string>;
  #toldState = '';
  readonly #pages = new Map<string, () => void>();
  /** Smallest seq not given up of each copy, as its disk took it: in this life. */
  readonly #firstOnDisk = new Map<string, number>();
  #live: OwnLog | undefined;
  #closedMonoMs = 0;
  #toldHead = '';
  readonly #unscrubbed: { readonly node: string; readonly epoch: string; readonly n: number }[] = [];
  #scrubStep = 1;
  /** Segments that were put aside because others differ. */
  readonly #aside: (readonly RecordSeen[])[] = [];

  /** @param without rules that are left out, to show that what they hold up then breaks. */
  constructor(env: ProgramEnv, brokers: readonly [string, ...string[]], without: ReadonlySet<string> = new Set()) {
    this.#env = env;
    this.#without = without;
    this.#files = new CopyFiles(env.disk);
    this.#reader = new SegmentReader(env.disk);
    this.#life = env.random.int(2 ** 31).toString(36);
    [this.#key, this.#inst] = identityOf(env);
    for (const log of OwnLog.load(env.disk, env.node)) this.#own.set(log.epoch, log);
    const content = this.#files.load();
    this.core = new ReplicaCore({
      node: env.node,
      publicKey: this.#key,
      limits: LIMITS,
      random: env.random.fork('core'),
      isHeadSigned: (head, key) => head.sig === signatureOf(head, key),
      content,
    });
    for (const { node, epoch, first } of content.copies) this.#firstOnDisk.set(`${node}/${epoch}`, first);
    this.#answers = new QueryAnswers({
      ...{ clock: env.clock, logs: new BoardLogs(env.node, this.core, this.#own), without },
      state: () => this.core.state(this.#now(), 0).state,
      read: (node, epoch, n) => this.#read(node, epoch, n),
      want: (cut) => this.#hear({ type: 'want', cut }),
      countLacked: (range) => this.#countLacked(range),
      send: (asker, part) => this.#say(`to/${asker}/answer/${env.node}`, part, part.length),
    });
    const will = (): StatusMessage => ({ state: 'away', life: this.#life, key: this.#key });
    this.#link = env.link({
      clientId: env.node,
      brokers,
      failbackAfterMs: 20_000,
      will: () => ({ topic: `status/${env.node}`, payload: will(), qos: 1, retain: true }),
    });
    this.#tellOwn();
    this.#listen();
    this.#link.onUp(() => this.#onUp());
    this.#link.onDown(() => this.#hear({ type: 'down' }));
    this.#link.open();
    env.clock.every(TICK_MS, () => this.#hear({ type: 'tick' }));
    env.clock.every(OWN_SYNC_MS, () => this.#syncOwn());
    env.clock.every(HEAD_MS, () => this.#tellHead(false));
    env.clock.every(SCRUB_MS, () => this.#scrub());
    env.clock.every(STATE_MS, () => this.#tellState(false));
  }

  // ---- what observers see

  get ownEpoch(): string | undefined {
    return this.#live?.epoch;
  }

  get acknowledged(): number {
    if (this.#live === undefined) return 0;
    const isOwnEnough = this.#without.has('acknowledged is what another holds');
    return isOwnEnough ? this.core.ownLength(this.#live.epoch) : this.core.acked(this.#live.epoch);
  }

  append(content: string): number | undefined {
    this.#live ??= this.#beginEpoch();
    const log = this.#live;
    const line = log.append((t, s) => JSON.stringify({ s, t, k: 'note', content }), this.#env.clock.nowMs());
    if (line === undefined) return undefined;
    const live: LiveMessage = { epoch: log.epoch, lines: [line] };
    this.#link.publish(`log/${this.#env.node}/live`, live, { bytes: line.text.length + 30 });
    return line.s;
  }

  logs(): HeldLog[] {
    return [...this.core.copies()].map(({ node, epoch, first, frontier, known }) => {
      const own = node === this.#env.node ? this.#own.get(epoch) : undefined;
      const firstOnDisk = Math.max(own?.first ?? 1, this.#firstOnDisk.get(`${node}/${epoch}`) ?? 1);
      return { node, epoch, first, firstOnDisk, frontier, last: Math.max(known, own?.last ?? 0) };
    });
  }

  textOf(node: string, epoch: string, seq: number): string | undefined {
    const copy = this.core.copy(node, epoch);
    const meta = copy?.segments.find(({ first, count }) => seq >= first && seq < first + count);
    if (meta !== undefined) {
      const segment = this.#readQuietly(this.#pathOf(node, epoch, meta.n));
      if (segment !== 'rot' && segment !== undefined) return segment.lines[seq - segment.header.first];
    }
    return this.#linesOf(node, epoch, seq, seq)[0]?.text;
  }

  expireOwn(first: number): void {
    const log = this.#live;
    if (log === undefined || !log.expire(first)) return;
    this.#tellOwn();
    this.#tellHead(true);
    for (const n of log.segments.keys()) {
      if ((log.segments.get(n)?.first ?? 0) < log.first) this.#clearSegment(log.epoch, n);
    }
  }

  takeAnswers(): readonly AnswerSeen[] {
    return this.#answers.takeSeen();
  }

  takeAside(): readonly (readonly RecordSeen[])[] {
    return this.#aside.splice(0);
  }

  /** It has more to do than it can, or not any more. */
  setOverloaded(isOverloaded: boolean): void {
    this.#hear({ type: 'load', isOverloaded });
    this.#tellState(false);
  }

  gauges() {
    const { undurable, asks, needsWaiting } = this.core.queues;
    return [
      { name: 'lines not durable', value: undurable ?? 0, limit: 20_000 },
      { name: 'needs under way', value: asks ?? 0, limit: LIMITS.needsOutstanding },
      { name: 'needs of others', value: needsWaiting ?? 0, limit: LIMITS.needsWaiting },
    ];
  }

  // ---- events and effects

  #hear(event: ReplicaEvent): void {
    for (const effect of this.core.handle(event, this.#now())) this.#carryOut(effect);
  }

  // A log that is not even known after it was wanted is not for this board to hold: who asked counts the fleet otherwise, and
  // is told that all of it is missing. What nobody has any more is no lack either.
  #countLacked({ n, e, from, to }: Missing): number {
    const copy = this.core.copy(n, e);
    if (copy === undefined) return 0;
    const lacked = countOf(copy.lacked([[from, to]]));
    return lacked - countOf(common([[from, to]], copy.gone));
  }

  #now(): Instant {
    return { monoMs: this.#env.clock.monoMs(), wallMs: this.#env.clock.nowMs() };
  }

  #carryOut(effect: ReplicaEffect): void {
    const { node } = this.#env;
    switch (effect.type) {
      case 'append': {
        const failed = this.#files.append(effect.lines);
        if (failed.length > 0) this.#later(() => this.#hear({ type: 'appendFailed', lines: failed }));
        return;
      }
      case 'sync':
        this.#later(() => this.#hear({ type: 'synced', mark: effect.mark, ok: succeeds(() => this.#files.sync()) }));
        return;
      case 'saveHead':
        if (this.#without.has(HEADS_ON_DISK)) return;
        succeeds(() => this.#files.saveHead(effect.head));
        return;
      case 'saveSegment':
        this.#later(() => this.#saveSegment(effect));
        return;
      case 'putAside':
        this.#putAside(effect);
        return;
      case 'expire':
        this.#expire(effect);
        return;
      case 'expireOwn':
        this.#own.get(effect.epoch)?.expire(effect.first);
        this.#later(() => this.#tellOwn());
        return;
      case 'forget':
        this.#files.forget(effect.node, effect.epoch);
        return;
      case 'need':
        if (!this.#say(`to/${effect.to}/need/${node}`, effect.need, 200)) {
          this.#later(() => this.#hear({ type: 'needFailed', id: effect.need.id }));
        }
        return;
      case 'serve':
        this.#serve(effect);
        return;
      case 'frontier': {
        const { gone = [], ...frontier } = effect.frontier;
        const isTold = gone.length > 0 && !this.#without.has('what was given up is told');
        const bytes = 50 + 40 * (frontier.f.length + gone.length);
        this.#say(`log/${node}/frontier`, isTold ? effect.frontier : frontier, bytes);
        return;
      }
      case 'poll':
        this.#say(`to/${effect.to}/poll/${node}`, effect.poll, 200);
        return;
      case 'hash':
        this.#later(() => this.#hash(effect));
        return;
      case 'vote':
        this.#say(`to/${effect.to}/vote/${node}`, effect.vote, 100 * effect.vote.h.length);
        return;
      case 'page':
        this.#page(effect.node, effect.epoch);
        return;
      case 'unpage':
        this.#pages.get(`${effect.node}/${effect.epoch}`)?.();
        this.#pages.delete(`${effect.node}/${effect.epoch}`);
        return;
      case 'pageKept':
        this.#pageKept(effect.node);
        return;
      case 'unpageKept':
        this.#pages.get(effect.node)?.();
        this.#pages.delete(effect.node);
        return;
      case 'keepHead':
        this.#say(`kept/${node}/${effect.node}/head`, effect.head, 300, true);
        return;
      case 'unkeepHead':
        this.#say(`kept/${node}/${effect.node}/head`, undefined, 0, true);
        return;
      case 'keepSegment': {
        const segment = this.#read(effect.node, effect.epoch, effect.n);
        if (segment === 'rot' || segment === undefined) return;
        this.#say(`kept/${node}/${effect.node}/segment/${effect.epoch}/${effect.n}`, segment, 600, true);
        return;
      }
      case 'unkeepSegment':
        this.#say(`kept/${node}/${effect.node}/segment/${effect.epoch}/${effect.n}`, undefined, 0, true);
        return;
      case 'tell':
        if (effect.trouble === 'poll' && this.#without.has('what is signed stands against votes')) {
          for (const { n } of this.core.copy(effect.node, effect.epoch)?.segments ?? []) {
            this.#putAside({ ...effect, type: 'putAside', n, reason: 'most copies differ' });
          }
        }
        return;
    }
  }

  #expire({ node, epoch, first }: Extract<ReplicaEffect, { type: 'expire' }>): void {
    const isLeft = this.#without.has(HEADS_ON_DISK);
    if (isLeft || succeeds(() => this.#files.expire(node, epoch, first)))
      this.#firstOnDisk.set(`${node}/${epoch}`, first);
    else this.#later(() => this.#hear({ type: 'expireFailed', node, epoch }));
  }

  #putAside({ node, epoch, n }: Extract<ReplicaEffect, { type: 'putAside' }>): void {
    const segment = this.#readQuietly(this.#pathOf(node, epoch, n));
    if (segment !== 'rot') this.#aside.push(recordsOf(segment));
    this.#files.remove(node, epoch, n);
  }

  #later(part: () => void): void {
    this.#env.clock.after(1 + this.#env.random.int(20), part);
  }

  #say(topic: string, payload: unknown, bytes: number, retain = false): boolean {
    return this.#link.publish(topic, payload, { bytes, retain });
  }

  #saveSegment({ segment }: Extract<ReplicaEffect, { type: 'saveSegment' }>): void {
    const { node, epoch, header } = segment;
    try {
      this.#hear({ type: 'segmentSaved', node, epoch, meta: this.#files.saveSegment(segment) });
    } catch (error) {
      if (!isDiskError(error)) throw error;
      this.#hear({ type: 'segmentFailed', node, epoch, n: header.seg });
    }
  }

  // ---- answers

  #serve({ to, need, pieces, first }: Extract<ReplicaEffect, { type: 'serve' }>): void {
    const { id, of, e } = need;
    const messages: Omit<FillMessage, 'fill'>[] = [];
    for (const piece of this.#without.has('who is asked gives what it has') ? [] : pieces) {
      if (!('n' in piece)) {
        messages.push({ lines: this.#linesOf(of, e, piece.from, piece.to) });
        continue;
      }
      const segment = this.#read(of, e, piece.n);
      if (segment !== 'rot' && segment !== undefined) messages.push({ lines: [], segment });
    }
    messages.push({ lines: [] });
    // One part after the other: as many are under way as a real node lets be.
    const send = (part: number): void => {
      const message = messages[part];
      if (message === undefined) {
        this.#hear({ type: 'served', id });
        return;
      }
      const fill: FillParts = { id, of, e, part, more: part < messages.length - 1, first };
      const bytes = 100 + 100 * (message.lines.length + (message.segment?.lines.length ?? 0));
      this.#say(`to/${to}/fill/${this.#env.node}`, { fill, ...message } satisfies FillMessage, bytes);
      this.#env.clock.after(10, () => send(part + 1));
    };
    this.#later(() => send(0));
  }

  /** Lines with seq in a range, from wherever they lie. */
  #linesOf(node: string, epoch: string, from: number, to: number): Line[] {
    const lines = new Map<number, string>();
    const copy = this.core.copy(node, epoch);
    const own = node === this.#env.node ? this.#own.get(epoch) : undefined;
    for (const { n, first, count } of copy?.segments ?? []) {
      if (first > to || first + count <= from) continue;
      const segment = this.#read(node, epoch, n);
      if (segment === 'rot' || segment === undefined) continue;
      for (const [i, text] of segment.lines.entries()) lines.set(first + i, text);
    }
    for (const [s, text] of own?.open ?? []) lines.set(s, text);
    for (const { s, text } of copy?.lines(from, to) ?? []) if (!lines.has(s)) lines.set(s, text);
    return [...lines]
      .filter(([s]) => s >= from && s <= to)
      .sort((a, b) => a[0] - b[0])
      .map(([s, text]) => ({ s, text }));
  }

  #hash({ poll, replyTo }: Extract<ReplicaEffect, { type: 'hash' }>): void {
    const isForged = replyTo !== undefined && this.#without.has('who is asked for a vote looks at its disk');
    const h = poll.segs.map((n) => {
      if (isForged) return voteHash(poll.nonce, 'what all say and none has', []);
      const segment = this.#read(poll.of, poll.e, n);
      if (segment === undefined) return null;
      return segment === 'rot' ? ROT_VOTE : voteHash(poll.nonce, segment.headerLine, segment.lines);
    });
    this.#hear({ type: 'hashed', id: poll.id, h, ...(replyTo === undefined ? {} : { replyTo }) });
  }

  /** Reads a closed segment from the disk; damage is put aside and told. */
  #read(node: string, epoch: string, n: number): OpenedSegment | 'rot' | undefined {
    const path = this.#pathOf(node, epoch, n);
    const segment = this.#readQuietly(path);
    if (segment !== 'rot') return segment;
    this.#env.disk.remove(path);
    if (node === this.#env.node) this.#own.get(epoch)?.segments.delete(n);
    this.#later(() => {
      this.#hear({ type: 'rot', node, epoch, n, reason: 'its hash differs' });
      this.#tellOwn();
    });
    return segment;
  }

  #readQuietly(path: string): OpenedSegment | 'rot' | undefined {
    try {
      return this.#reader.read(path);
    } catch (error) {
      if (!isDiskError(error)) throw error;
      return undefined;
    }
  }

  #pathOf(node: string, epoch: string, n: number): string {
    const own = node === this.#env.node ? this.#own.get(epoch) : undefined;
    return own?.segments.has(n) === true ? own.segmentPath(n) : this.#files.segmentPath(node, epoch, n);
  }

  /** Reads one stored segment after the other, so that rot is found although nobody asks: all of them in at most 15 s. */
  #scrub(): void {
    if (this.#unscrubbed.length === 0) {
      for (const { node, epoch, segments } of this.core.copies()) {
        for (const { n } of segments) this.#unscrubbed.push({ node, epoch, n });
      }
      this.#scrubStep = Math.ceil(this.#unscrubbed.length / 30);
    }
    for (const { node, epoch, n } of this.#unscrubbed.splice(-this.#scrubStep)) this.#read(node, epoch, n);
  }

  // ---- the own log

  #beginEpoch(): OwnLog {
    const epoch = Array.from({ length: 12 }, () => this.#env.random.pick(EPOCH_LETTERS)).join('');
    const log = new OwnLog(this.#env.disk, this.#env.node, epoch, true, this.#without);
    this.#own.set(epoch, log);
    this.#closedMonoMs = this.#env.clock.monoMs();
    return log;
  }

  #syncOwn(): void {
    const log = this.#live;
    if (log === undefined) return;
    const grew = log.sync();
    const isOld = this.#env.clock.monoMs() - this.#closedMonoMs >= CLOSE_MS;
    const closed = log.close(isOld ? 1 : SEGMENT_RECORDS);
    if (grew || closed !== undefined) this.#tellOwn();
    if (closed === undefined) return;
    this.#closedMonoMs = this.#env.clock.monoMs();
    this.#tellSegment(log, closed);
    this.#clearSegment(log.epoch, closed - WINDOW);
    this.#tellHead(true);
  }

  #tellOwn(): void {
    this.#hear({ type: 'own', extents: [...this.#own.values()].map((log) => log.extent()) });
  }

  #tellHead(isForced: boolean): void {
    const { node } = this.#env;
    const logs = [...this.#own.values()].slice(-16).map((log) => log.entry());
    const text = JSON.stringify(logs);
    if (logs.length === 0 || (!isForced && text === this.#toldHead)) return;
    const head = { node, inst: this.#inst, t: this.#env.clock.nowMs(), logs };
    const signed: Head = { v: 1, ...head, sig: signatureOf(head, this.#key), key: this.#key };
    if (this.#say(`log/${node}/head`, signed, 100 + text.length, true)) this.#toldHead = text;
  }

  #tellState(isForced: boolean): void {
    const { node } = this.#env;
    const isHidden = this.#without.has('who is syncing answers nothing');
    const state: ReplicaState = { ...this.core.state(this.#now(), 0), ...(isHidden ? { state: 'active' } : {}) };
    if (!isForced && state.state === this.#toldState) return;
    if (this.#say(`replica/${node}`, state, 300, true)) this.#toldState = state.state;
  }

  #tellSegment(log: OwnLog, n: number): void {
    const segment = this.#read(log.node, log.epoch, n);
    if (segment === 'rot' || segment === undefined) return;
    this.#say(`log/${log.node}/segment/${log.epoch}/${n}`, segment, 600, true);
  }

  #clearSegment(epoch: string, n: number): void {
    if (n >= 0) this.#say(`log/${this.#env.node}/segment/${epoch}/${n}`, undefined, 0, true);
  }

  // ---- the wire

  #onUp(): void {
    const { node } = this.#env;
    this.#say(
      `status/${node}`,
      { state: 'online', life: this.#life, key: this.#key } satisfies StatusMessage,
      80,
      true,
    );
    this.#hear({ type: 'up' });
    this.#tellHead(true);
    this.#tellState(true);
    for (const log of this.#own.values()) {
      for (const { n } of log.extent().segments.slice(-WINDOW)) this.#tellSegment(log, n);
    }
  }

  #listen(): void {
    const { node } = this.#env;
    const on = (filter: string, take: (payload: unknown, levels: readonly string[]) => void) =>
      this.#link.subscribe(filter, 1, ({ topic, payload }: DeliveredMessage) => {
        if (payload !== undefined) take(payload, topic.split('/'));
      });
    on(BROKER_TOPIC, (payload) => this.#hear({ type: 'broker', ...as<BrokerMessage>(payload) }));
    on('status/+', (payload, [, of = '']) => this.#onStatus(of, as<StatusMessage>(payload)));
    on('log/+/live', (payload, [, of = '']) => this.#hear({ type: 'live', node: of, ...as<LiveMessage>(payload) }));
    on('log/+/head', (payload) => this.#hear({ type: 'head', head: as<Head>(payload) }));
    on('kept/+/+/head', (payload, [, keeper = '']) => this.#hear({ type: 'head', head: as<Head>(payload), keeper }));
    on('log/+/frontier', (payload, [, from = '']) => {
      this.#hear({ type: 'frontier', from, frontier: as<Frontier>(payload) });
    });
    on(`to/${node}/need/+`, (payload, levels) => {
      this.#hear({ type: 'need', from: levels[3] ?? '', need: as<Need>(payload) });
    });
    on(`to/${node}/fill/+`, (payload, levels) => {
      this.#hear({ type: 'fill', from: levels[3] ?? '', ...as<FillMessage>(payload) });
    });
    on(`to/${node}/query/+`, (payload, levels) => this.#answers.take(levels[3] ?? '', as<Query>(payload)));
    on('replica/+', (payload, [, of = '']) => {
      this.#hear({ type: 'peerReplica', node: of, isVoter: as<ReplicaState>(payload).state !== 'quarantined' });
    });
    on(`to/${node}/poll/+`, (payload, levels) => {
      this.#hear({ type: 'poll', from: levels[3] ?? '', poll: as<Poll>(payload) });
    });
    on(`to/${node}/vote/+`, (payload, levels) => {
      this.#hear({ type: 'vote', from: levels[3] ?? '', vote: as<Vote>(payload) });
    });
  }

  #onStatus(of: string, { state, life, key }: StatusMessage): void {
    if (of === this.#env.node) {
      // The will of an earlier session of this life came after the birth of this one.
      if (state === 'away' && life === this.#life) this.#onUpAgain();
      return;
    }
    this.#hear({ type: 'peerKey', node: of, publicKey: key });
    this.#hear({ type: 'peer', node: of, state });
  }

  #onUpAgain(): void {
    const status: StatusMessage = { state: 'online', life: this.#life, key: this.#key };
    this.#say(`status/${this.#env.node}`, status, 80, true);
  }

  #pageKept(of: string): void {
    const filter = `kept/${this.#env.node}/${of}/segment/+/+`;
    const stop = this.#link.subscribe(filter, 1, ({ topic, payload }) => {
      const [, , , , epoch = '', n = '0'] = topic.split('/');
      if (payload !== undefined) this.#hear({ type: 'keptSegmentFound', node: of, epoch, n: Number(n) });
    });
    this.#pages.set(of, stop);
  }

  #page(node: string, epoch: string): void {
    const take = ({ payload }: DeliveredMessage) => {
      if (payload !== undefined) this.#hear({ type: 'retained', segment: as<OpenedSegment>(payload) });
    };
    const ends = [`log/${node}/segment/${epoch}/+`, `kept/+/${node}/segment/${epoch}/+`].map((filter) =>
      this.#link.subscribe(filter, 1, take),
    );
    this.#pages.set(`${node}/${epoch}`, () => {
      for (const end of ends) end();
    });
  }
}

/** The records a message of this replica carries. */
export function coreRecordsIn(topic: string, payload: unknown): RecordSeen[] {
  if (payload === undefined) return [];
  const levels = topic.split('/');
  if (topic.endsWith('/live')) {
    const { epoch, lines } = as<LiveMessage>(payload);
    return lines.map(({ s, text }) => ({ node: levels[1] ?? '', epoch, seq: s, text }));
  }
  if (levels[0] === 'to' && levels[2] === 'fill') {
    const { fill, lines, segment } = as<FillMessage>(payload);
    return [...recordsOf(segment), ...lines.map(({ s, text }) => ({ node: fill.of, epoch: fill.e, seq: s, text }))];
  }
  return levels.includes('segment') ? recordsOf(as<OpenedSegment>(payload)) : [];
}

function recordsOf(segment: OpenedSegment | undefined): RecordSeen[] {
  if (segment === undefined) return [];
  const { n: node, e: epoch, first } = segment.header;
  return segment.lines.map((text, i) => ({ node, epoch, seq: first + i, text }));
}

/** Key and id of the disk, made when there is none: a wiped disk is another identity, a copied one the same. */
function identityOf({ disk, random }: ProgramEnv): readonly [string, string] {
  const [known] = linesAt(disk, 'identity');
  const text = known ?? `key-${random.int(2 ** 31).toString(36)} inst-${random.int(2 ** 31).toString(36)}`;
  if (known === undefined) succeeds(() => disk.replace('identity', encodeLine(text)));
  const [key = '', inst = ''] = text.split(' ');
  return [key, inst];
}

/** Stands for Ed25519, which would be most of what a history costs: nobody in it forges. */
function signatureOf({ node, inst, t, logs }: Omit<Head, 'sig' | 'v'>, key: string): string {
  return checksum(JSON.stringify([key, node, inst, t, logs]));
}

function succeeds(write: () => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!isDiskError(error)) throw error;
    return false;
  }
}

function isDiskError(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

// Payloads travel by reference between programs of this one kind.
function as<T>(payload: unknown): T {
  return payload as T;
}
