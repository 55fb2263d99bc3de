import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import type { Log } from '../../base/log.js';
import type { Fill, Head, LogRecord, Need } from '../../protocol/record.js';
import { splitRecordLines } from '../../protocol/record-lines.js';
import type { Frontier, Poll, Vote } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import type { Status } from '../../protocol/status.js';
import { openSegment } from '../records/segment.js';
import type { Line, ReplicaEvent } from './core/effects.js';
import type { HeadRelay } from './head-relay.js';
import type { Reach } from './reach.js';

export type ReplicaEarsOptions = {
  readonly node: string;
  readonly link: Link;
  /** Carries fills and retained segments; the same link where there is only one. */
  readonly bulk: Link;
  /** Brokers that the node is not at: what is said there of logs and to us is heard too. */
  readonly sides: SideLinks | undefined;
  readonly reach: Reach;
  readonly relay: HeadRelay;
  readonly clock: Clock;
  readonly hear: (event: ReplicaEvent) => void;
  readonly log: Log;
};

/** A message to us. */
type Incoming<T> = {
  readonly params: { readonly sender: string };
  readonly payload: T;
  readonly retained: boolean;
};

/** Segments being inflated at a time; more are dropped, to be asked for again. 64 of 64 KiB. */
const OPENING_MAX = 64;

/** Turns what comes over the wire into a replica's events. */
export class ReplicaEars {
  readonly #options: ReplicaEarsOptions;
  readonly #counters = new Counters(['segmentsUnreadable', 'segmentsDropped'] as const);
  #stops: (() => void)[] = [];
  #pageStops: (() => void)[] = [];
  readonly #keptStops = new Map<string, () => void>();
  /** Nodes that were told to be aside. */
  readonly #aside = new Set<string>();
  #opening = 0;

  constructor(options: ReplicaEarsOptions) {
    this.#options = options;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /** Segments being inflated. */
  get opening(): number {
    return this.#opening;
  }

  open(): void {
    const { link, hear } = this.#options;
    this.#stops = [
      ...this.#listenToPeers(),
      ...this.#listenToRecords(),
      ...this.#listenToInbox(),
      ...this.#listenAside(),
      link.onUp(() => hear({ type: 'up' })),
      link.onDown(() => {
        for (const node of [...this.#keptStops.keys()]) this.unpageKept(node);
        this.#options.reach.lose(link);
        hear({ type: 'down' });
      }),
    ];
  }

  close(): void {
    this.unpage();
    for (const node of [...this.#keptStops.keys()]) this.unpageKept(node);
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  /** Tells of those who have fallen silent at our broker and are at another one. To be called now and then. */
  lookAside(): void {
    const { reach } = this.#options;
    for (const node of reach.nodes) {
      const isAside = reach.standing(node, this.#nowMonoMs())?.isAside === true;
      if (isAside !== this.#aside.has(node)) this.#tellStanding(node);
    }
  }

  /** Reads the retained segments of one log, its writer's and those that others keep for it, until `unpage`. */
  page(node: string, epoch: string): void {
    this.unpage();
    const { bulk } = this.#options;
    const take = (payload: Uint8Array) =>
      this.#openThen(payload, (segment) => this.#options.hear({ type: 'retained', segment }));
    this.#pageStops = [
      bulk.subscribe(routes.segment, { node, epoch }, ({ payload }) => take(payload)),
      bulk.subscribe(routes.keptSegment, { other: node, epoch }, ({ payload }) => take(payload)),
    ];
  }

  unpage(): void {
    for (const stop of this.#pageStops) stop();
    this.#pageStops = [];
  }

  /** Looks for segments of another node that an earlier life of this one left retained, until `unpageKept`. */
  pageKept(other: string): void {
    this.unpageKept(other);
    const { bulk, node, hear } = this.#options;
    const stop = bulk.subscribe(routes.keptSegment, { node, other }, ({ params: { epoch, n } }) =>
      hear({ type: 'keptSegmentFound', node: other, epoch, n: Number(n) }),
    );
    this.#keptStops.set(other, stop);
  }

  unpageKept(other: string): void {
    this.#keptStops.get(other)?.();
    this.#keptStops.delete(other);
  }

  #listenToPeers(): (() => void)[] {
    const { link, hear } = this.#options;
    return [
      link.subscribe(routes.brokerEpoch, {}, ({ params, payload }) =>
        hear({ type: 'broker', broker: params.broker, epoch: payload.epoch }),
      ),
      link.subscribe(routes.status, {}, ({ params, payload }) => this.#onStatus(params.node, payload, link)),
      link.subscribe(routes.info, {}, ({ params, payload }) => {
        const { publicKey } = payload;
        if (publicKey !== undefined) hear({ type: 'peerKey', node: params.node, publicKey });
      }),
      link.subscribe(routes.replica, {}, ({ params, payload }) =>
        hear({ type: 'peerReplica', node: params.node, isVoter: payload.state !== 'quarantined' }),
      ),
      link.subscribe(routes.frontier, {}, ({ params, payload }) => this.#onFrontier(params.node, payload, link)),
    ];
  }

  #listenToRecords(): (() => void)[] {
    const { link, hear } = this.#options;
    return [
      link.subscribe(routes.live, {}, ({ params, payload, raw }) =>
        hear({ type: 'live', node: params.node, epoch: payload.e, lines: linesOf(payload.r, raw) }),
      ),
      link.subscribe(routes.head, {}, ({ params, payload, retained }) => {
        if (payload.node === params.node) this.#onHead(payload, link, retained);
      }),
      link.subscribe(
        routes.keptHead,
        {},
        ({ params, payload }) => {
          if (payload.node !== params.other) return;
          this.#options.relay.noteHere(payload, this.#nowMonoMs());
          hear({ type: 'head', head: payload, keeper: params.node });
        },
        ({ params }) => hear({ type: 'unkept', node: params.other, keeper: params.node }),
      ),
    ];
  }

  #listenToInbox(): (() => void)[] {
    const { link, bulk, node } = this.#options;
    return [
      link.subscribe(routes.need, { recipient: node }, (message) => this.#onNeed(message, link)),
      bulk.subscribe(routes.fill, { recipient: node }, ({ params, payload, raw, retained }) => {
        if (!retained) this.#onFill(params.sender, payload, raw);
      }),
      link.subscribe(routes.poll, { recipient: node }, (message) => this.#onPoll(message, link)),
      link.subscribe(routes.vote, { recipient: node }, (message) => this.#onVote(message, link)),
    ];
  }

  // Not what is live: heads tell of it within ten seconds, and who lacks it asks.
  #listenAside(): (() => void)[] {
    const { sides, node, reach, relay, hear } = this.#options;
    if (sides === undefined) return [];
    return [
      sides.subscribe(routes.status, {}, ({ params, payload }, side) => this.#onStatus(params.node, payload, side)),
      sides.subscribe(routes.info, {}, ({ params, payload: { publicKey } }) => {
        if (publicKey !== undefined) hear({ type: 'peerKey', node: params.node, publicKey });
      }),
      sides.subscribe(routes.frontier, {}, ({ params, payload }, side) => this.#onFrontier(params.node, payload, side)),
      sides.subscribe(routes.head, {}, ({ params, payload, retained }, side) => {
        if (payload.node !== params.node) return;
        relay.noteThere(side, payload);
        this.#onHead(payload, side, retained);
      }),
      sides.subscribe(routes.keptHead, {}, ({ params, payload }, side) => {
        if (payload.node !== params.other) return;
        relay.noteThere(side, payload);
        // Who keeps what at another broker is of no matter to who keeps it here.
        if (params.node !== node) hear({ type: 'head', head: payload });
      }),
      sides.subscribe(routes.need, { recipient: node }, (message, side) => this.#onNeed(message, side)),
      sides.subscribe(routes.fill, { recipient: node }, ({ params, payload, raw, retained }) => {
        if (!retained) this.#onFill(params.sender, payload, raw);
      }),
      sides.subscribe(routes.poll, { recipient: node }, (message, side) => this.#onPoll(message, side)),
      sides.subscribe(routes.vote, { recipient: node }, (message, side) => this.#onVote(message, side)),
      sides.onUp((side) => {
        const forget = side.onDown(() => {
          forget();
          relay.lose(side);
          for (const other of reach.lose(side)) hear({ type: 'peer', node: other, state: 'away' });
        });
      }),
    ];
  }

  #onStatus(of: string, { gen, state }: Status, link: Link): void {
    const { reach } = this.#options;
    reach.noteStatus(of, link, { gen, isOnline: state === 'online' });
    this.#tellStanding(of);
  }

  #onFrontier(from: string, frontier: Frontier, link: Link): void {
    this.#noteWord(from, link);
    this.#options.hear({ type: 'frontier', from, frontier });
  }

  // A head that is not retained was published just now, by whoever can.
  #onHead(head: Head, link: Link, retained: boolean): void {
    const { relay, hear } = this.#options;
    if (!retained) this.#noteWord(head.node, link);
    if (link === this.#options.link) relay.noteHere(head, this.#nowMonoMs());
    hear({ type: 'head', head });
  }

  #onNeed({ params, payload: need, retained }: Incoming<Need>, link: Link): void {
    if (retained) return;
    this.#noteWord(params.sender, link);
    this.#options.hear({ type: 'need', from: params.sender, need });
  }

  #onPoll({ params, payload: poll, retained }: Incoming<Poll>, link: Link): void {
    if (retained) return;
    this.#noteWord(params.sender, link);
    this.#options.hear({ type: 'poll', from: params.sender, poll });
  }

  #onVote({ params, payload: vote, retained }: Incoming<Vote>, link: Link): void {
    if (retained) return;
    this.#noteWord(params.sender, link);
    this.#options.hear({ type: 'vote', from: params.sender, vote });
  }

  #noteWord(from: string, link: Link): void {
    const { reach, node } = this.#options;
    // Our own words come back by every link.
    if (from === node) return;
    reach.noteWord(from, link, this.#nowMonoMs());
    if (this.#aside.has(from)) this.#tellStanding(from);
  }

  #tellStanding(of: string): void {
    const standing = this.#options.reach.standing(of, this.#nowMonoMs());
    if (standing === undefined) return;
    if (standing.isAside) this.#aside.add(of);
    else this.#aside.delete(of);
    this.#options.hear({ type: 'peer', node: of, ...standing });
  }

  #nowMonoMs(): number {
    return this.#options.clock.monoMs();
  }

  #onFill(from: string, fill: Fill, raw: Uint8Array): void {
    const { hear } = this.#options;
    const lines = linesOf(fill.r, raw);
    if (fill.g === undefined) hear({ type: 'fill', from, fill, lines });
    else {
      this.#openThen(Buffer.from(fill.g, 'base64'), (segment) => hear({ type: 'fill', from, fill, lines, segment }));
    }
  }

  #openThen(gz: Uint8Array, use: (segment: Awaited<ReturnType<typeof openSegment>>) => void): void {
    if (this.#opening >= OPENING_MAX) {
      this.#counters.add('segmentsDropped');
      return;
    }
    this.#opening++;
    openSegment(gz)
      .then(use, (error) => {
        this.#counters.add('segmentsUnreadable');
        this.#options.log.warn('segment not readable', { error: messageOf(error) });
      })
      .finally(() => {
        this.#opening--;
      });
  }
}

function linesOf(records: readonly LogRecord[], raw: Uint8Array): Line[] {
  if (records.length === 0) return [];
  const texts = splitRecordLines(raw);
  return records.flatMap(({ s }, i) => {
    const text = texts[i];
    return text === undefined ? [] : [{ s, text }];
  });
}
