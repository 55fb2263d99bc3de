import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import type { Fill, LogRecord } from '../../protocol/record.js';
import { splitRecordLines } from '../../protocol/record-lines.js';
import { routes } from '../../protocol/routes.js';
import { openSegment } from '../records/segment.js';
import type { Line, ReplicaEvent } from './core/effects.js';

export type ReplicaEarsOptions = {
  readonly node: string;
  readonly link: Link;
  /** Carries fills and retained segments; the same link where there is only one. */
  readonly bulk: Link;
  readonly hear: (event: ReplicaEvent) => void;
  readonly log: Log;
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
      link.onUp(() => hear({ type: 'up' })),
      link.onDown(() => {
        for (const node of [...this.#keptStops.keys()]) this.unpageKept(node);
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
      link.subscribe(routes.status, {}, ({ params, payload }) =>
        hear({ type: 'peer', node: params.node, state: payload.state === 'online' ? 'online' : 'away' }),
      ),
      link.subscribe(routes.info, {}, ({ params, payload }) => {
        const { publicKey } = payload;
        if (publicKey !== undefined) hear({ type: 'peerKey', node: params.node, publicKey });
      }),
      link.subscribe(routes.replica, {}, ({ params, payload }) =>
        hear({ type: 'peerReplica', node: params.node, isVoter: payload.state !== 'quarantined' }),
      ),
      link.subscribe(routes.frontier, {}, ({ params, payload }) =>
        hear({ type: 'frontier', from: params.node, frontier: payload }),
      ),
    ];
  }

  #listenToRecords(): (() => void)[] {
    const { link, hear } = this.#options;
    return [
      link.subscribe(routes.live, {}, ({ params, payload, raw }) =>
        hear({ type: 'live', node: params.node, epoch: payload.e, lines: linesOf(payload.r, raw) }),
      ),
      link.subscribe(routes.head, {}, ({ params, payload }) => {
        if (payload.node === params.node) hear({ type: 'head', head: payload });
      }),
      link.subscribe(
        routes.keptHead,
        {},
        ({ params, payload }) => {
          if (payload.node === params.other) hear({ type: 'head', head: payload, keeper: params.node });
        },
        ({ params }) => hear({ type: 'unkept', node: params.other, keeper: params.node }),
      ),
    ];
  }

  #listenToInbox(): (() => void)[] {
    const { link, bulk, node, hear } = this.#options;
    return [
      link.subscribe(routes.need, { recipient: node }, ({ params, payload, retained }) => {
        if (!retained) hear({ type: 'need', from: params.sender, need: payload });
      }),
      bulk.subscribe(routes.fill, { recipient: node }, ({ params, payload, raw, retained }) => {
        if (!retained) this.#onFill(params.sender, payload, raw);
      }),
      link.subscribe(routes.poll, { recipient: node }, ({ params, payload, retained }) => {
        if (!retained) hear({ type: 'poll', from: params.sender, poll: payload });
      }),
      link.subscribe(routes.vote, { recipient: node }, ({ params, payload, retained }) => {
        if (!retained) hear({ type: 'vote', from: params.sender, vote: payload });
      }),
    ];
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
