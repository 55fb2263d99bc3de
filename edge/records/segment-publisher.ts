import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import type { RecordLimits } from './record-limits.js';
import type { RecordLog } from './record-log.js';
import {
  keyOf,
  nextWindowStep,
  type SegmentName,
  segmentLevel,
  type WindowStep,
  windowSize,
} from './segment-window.js';

export type SegmentPublisherOptions = {
  /** The bulk link: segments never delay what happens now. */
  readonly link: Link;
  readonly records: RecordLog;
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: RecordLimits;
};

const COUNTER_NAMES = ['published', 'bytes', 'cleared', 'found', 'failures', 'unreadable', 'tooLarge'] as const;

/** The broker sends what it has retained right after SUBACK; MQTT 3.1.1 has no end mark. */
const PAGE_QUIET_MS = 1_000;
/** Failed publishes, and segments that wait to be cleared, are looked at again after this. */
const RETRY_MS = 1_000;
/** A stop waits this long for the broker to take the last segments. */
const DRAIN_MS = 2_000;

/**
 * Keeps the newest closed segments of this node retained at its broker: the part of the log that an empty newcomer reads
 * while its owner is off. At every connect it looks what the broker has, then publishes what is missing and clears what
 * is not wanted any more, slowly.
 */
export class SegmentPublisher {
  readonly #options: SegmentPublisherOptions;
  readonly #counters = new Counters(COUNTER_NAMES);
  readonly #nodes = new Set<string>();
  readonly #underWay = new Set<string>();
  readonly #unusable = new Set<string>();
  readonly #goneSinceMonoMs = new Map<string, number>();
  #atBroker = new Set<string>();
  #connection = 0;
  #isPaged = false;
  #isDraining = false;
  #isClosed = false;
  #cancelTimer: (() => void) | undefined;
  #endPaging: (() => void) | undefined;
  #stops: (() => void)[] = [];

  constructor(options: SegmentPublisherOptions) {
    this.#options = options;
  }

  open(): void {
    const { link, node } = this.#options;
    this.#nodes.add(node);
    this.#stops = [
      link.subscribe(
        routes.status,
        {},
        ({ params }) => this.#nodes.add(params.node),
        ({ params }) => this.#nodes.delete(params.node),
      ),
      link.onUp(() => this.#begin()),
      link.onDown(() => this.#forget()),
    ];
  }

  /** A segment was closed or given up. */
  wake(): void {
    if (this.#isPaged && this.#cancelTimer === undefined) this.#armStep(0);
  }

  /** Segments that the broker shall have and has not. */
  get backlog(): number {
    return this.#wanted().filter((segment) => !this.#atBroker.has(keyOf(segment))).length;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  /** Publishes what is missing without the usual pauses; gives up after two seconds, or at once without a broker. */
  async drain(): Promise<void> {
    const { link, clock } = this.#options;
    this.#isDraining = true;
    const untilMonoMs = clock.monoMs() + DRAIN_MS;
    this.#isPaged ||= link.isUp;
    this.#endPaging?.();
    while (link.isUp && this.backlog > 0 && clock.monoMs() < untilMonoMs) {
      this.#step();
      await clock.sleep(5);
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#forget();
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  #wanted(): readonly SegmentName[] {
    return this.#ownNewestFirst().slice(0, windowSize(this.#nodes.size));
  }

  #ownNewestFirst(): SegmentName[] {
    const names = [...this.#options.records.segmentsNewestFirst()].map(({ epoch, meta }) => ({ epoch, n: meta.n }));
    return names.filter((name) => !this.#unusable.has(keyOf(name)));
  }

  // A fleet that meets a fresh broker spreads over a few seconds; the head, on the other connection, goes first.
  #begin(): void {
    const { random, limits } = this.#options;
    this.#forget();
    this.#arm(random.next() * limits.segmentSpreadMs, () => this.#page());
  }

  #forget(): void {
    this.#connection++;
    this.#isPaged = false;
    this.#atBroker = new Set();
    this.#underWay.clear();
    this.#goneSinceMonoMs.clear();
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    this.#endPaging?.();
  }

  #page(): void {
    const { link, node } = this.#options;
    const end = link.subscribe(routes.segment, { node }, ({ params, retained }) => {
      if (!retained) return;
      this.#counters.add('found');
      this.#atBroker.add(keyOf({ epoch: params.epoch, n: Number(params.n) }));
      this.#arm(PAGE_QUIET_MS, paged);
    });
    this.#endPaging = () => {
      this.#endPaging = undefined;
      end();
    };
    const paged = () => {
      this.#endPaging?.();
      this.#isPaged = true;
      this.#armStep(0);
    };
    this.#arm(PAGE_QUIET_MS, paged);
  }

  #arm(delayMs: number, act: () => void): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#options.clock.after(delayMs, () => {
      this.#cancelTimer = undefined;
      act();
    });
  }

  #armStep(delayMs: number): void {
    if (this.#isClosed || this.#isDraining) return;
    this.#arm(delayMs, () => {
      const isBusy = this.#step();
      if (isBusy) this.#armStep(this.#options.limits.segmentGapMs);
      else if (this.#isWorkLeft()) this.#armStep(RETRY_MS);
    });
  }

  #isWorkLeft(): boolean {
    return this.#underWay.size > 0 || this.#goneSinceMonoMs.size > 0 || this.backlog > 0;
  }

  /** True if something was begun. */
  #step(): boolean {
    const { clock, limits } = this.#options;
    if (!this.#isPaged || this.#underWay.size >= limits.segmentsInFlight) return false;
    const newestFirst = this.#ownNewestFirst();
    this.#noteGone(newestFirst);
    const view = {
      newestFirst,
      size: windowSize(this.#nodes.size),
      atBroker: this.#atBroker,
      underWay: this.#underWay,
      goneSinceMonoMs: this.#goneSinceMonoMs,
    };
    const step = nextWindowStep(view, clock.monoMs(), limits.segmentHoldMs);
    if (step !== undefined) void this.#perform(step);
    return step !== undefined;
  }

  #noteGone(newestFirst: readonly SegmentName[]): void {
    const own = new Set(newestFirst.map(keyOf));
    for (const key of this.#goneSinceMonoMs.keys()) if (!this.#atBroker.has(key)) this.#goneSinceMonoMs.delete(key);
    for (const key of this.#atBroker) {
      if (!own.has(key) && !this.#goneSinceMonoMs.has(key)) {
        this.#goneSinceMonoMs.set(key, this.#options.clock.monoMs());
      }
    }
  }

  async #perform({ kind, segment }: WindowStep): Promise<void> {
    const connection = this.#connection;
    const key = keyOf(segment);
    this.#underWay.add(key);
    try {
      const isDone = kind === 'publish' ? await this.#publish(segment) : await this.#clear(segment);
      if (connection !== this.#connection || !isDone) return;
      if (kind === 'publish') this.#atBroker.add(key);
      else this.#atBroker.delete(key);
    } catch (error) {
      this.#counters.add('failures');
      this.#options.log.debug('segment not brought', { kind, ...segment, error: messageOf(error) });
    } finally {
      if (connection === this.#connection) {
        this.#underWay.delete(key);
        if (!this.#isDraining && this.#cancelTimer === undefined) this.#armStep(this.#options.limits.segmentGapMs);
      }
    }
  }

  async #publish(segment: SegmentName): Promise<boolean> {
    const { link, records, node } = this.#options;
    const gz = await records.segmentBytes(segment.epoch, segment.n);
    if (gz === undefined || gz.byteLength > routes.segment.payloadBytesMax) {
      // Expired meanwhile, damaged, or of lone records that nothing compresses: others get it by need and fill, if at all.
      this.#counters.add(gz === undefined ? 'unreadable' : 'tooLarge');
      this.#unusable.add(keyOf(segment));
      return false;
    }
    await link.publishEncoded(routes.segment, { node, epoch: segment.epoch, n: segmentLevel(segment.n) }, gz);
    this.#counters.add('published');
    this.#counters.add('bytes', gz.byteLength);
    return true;
  }

  async #clear(segment: SegmentName): Promise<boolean> {
    const { link, node } = this.#options;
    await link.publishEmpty(routes.segment, { node, epoch: segment.epoch, n: segmentLevel(segment.n) });
    this.#counters.add('cleared');
    return true;
  }
}
