import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import { publicKeyText, signHead } from '../../base/listener/head-signature.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import type { Head } from '../../protocol/record.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { LogExtent } from './epoch-shelf.js';
import type { RecordLimits } from './record-limits.js';
import type { RecordLog } from './record-log.js';

/** What other holders have of the own logs. */
export type OwnCopies = {
  /** Length of a closed epoch with the records that were fetched back: published once, and lost by a power cut here. */
  readonly length: (epoch: string) => number;
  /** True when every holder has a closed epoch as a whole: nobody needs to be told of it any more. */
  readonly isSealed: (epoch: string) => boolean;
};

export type HeadPublisherOptions = {
  readonly copies?: OwnCopies;
  readonly link: Link;
  /** The other brokers the node reaches: its head is at all of them. */
  readonly sides?: SideLinks | undefined;
  readonly records: RecordLog;
  readonly node: string;
  readonly key: KeyObject;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: RecordLimits;
};

/** Publishes how long this node's logs are: at every connect, when a segment closed, and every ten seconds if they grew. */
export class HeadPublisher {
  readonly #options: HeadPublisherOptions;
  readonly #counters = new Counters(['heads', 'failures'] as const);
  #publishedLogs = '';
  #cancel: (() => void) | undefined;
  #stops: (() => void)[] = [];

  constructor(options: HeadPublisherOptions) {
    this.#options = options;
  }

  open(): void {
    const { link, sides } = this.#options;
    this.#stops = [link.onUp(() => this.publish()), sides?.onUp(() => this.#publishAside(this.build())) ?? (() => {})];
    this.#arm();
  }

  /** Publishes the head now, advanced or not. Nothing happens while the link is down or the log is empty. */
  publish(): void {
    const { link, node, log } = this.#options;
    const head = this.build();
    this.#publishAside(head);
    if (!link.isUp || head.logs.length === 0) return;
    const logs = JSON.stringify(head.logs);
    this.#publishedLogs = logs;
    this.#counters.add('heads');
    link.publish(routes.head, { node }, head).catch((error) => {
      this.#counters.add('failures');
      // The next period sends it again.
      if (this.#publishedLogs === logs) this.#publishedLogs = '';
      log.debug('head not sent', { error: messageOf(error) });
    });
  }

  #publishAside(head: Head): void {
    const { sides, node } = this.#options;
    if (head.logs.length > 0) void sides?.publish(routes.head, { node }, head);
  }

  /** The head as it is now, signed. */
  build(): Head {
    const { records, node, clock, key, copies } = this.#options;
    const logs = this.#extentsToTell().map((extent): Head['logs'][number] => ({
      e: extent.epoch,
      st: extent.isLive ? 'live' : 'closed',
      first: extent.first,
      seq: extent.isLive ? extent.seq : Math.max(extent.seq, copies?.length(extent.epoch) ?? 0),
      H: extent.hash,
      seg: extent.segments,
      ...(extent.tail === undefined ? {} : { tail: extent.tail }),
    }));
    const head = { node, inst: records.instance, t: clock.nowMs(), logs };
    return { v: SCHEMA_MINOR, ...head, sig: signHead(head, key), key: publicKeyText(key) };
  }

  // The newest epochs, and older ones as long as not every holder has all of them.
  #extentsToTell(): LogExtent[] {
    const { records, limits, copies } = this.#options;
    const extents = records.extents();
    const newest = new Set(extents.slice(-limits.headEpochs));
    const unsealed = extents.filter((extent) => !newest.has(extent) && copies?.isSealed(extent.epoch) === false);
    return [...unsealed.slice(-limits.headEpochs), ...newest];
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  close(): void {
    this.#cancel?.();
    for (const stop of this.#stops) stop();
  }

  // Ten percent of jitter, so that a fleet that started together does not publish together.
  #arm(): void {
    const { clock, random, limits } = this.#options;
    this.#cancel = clock.after(limits.headMs * random.range(0.9, 1.1), () => {
      if (JSON.stringify(this.build().logs) !== this.#publishedLogs) this.publish();
      this.#arm();
    });
  }
}
