import { randomBytes } from 'node:crypto';
import type { LogRecord } from '../../protocol/record.js';
import { routes } from '../../protocol/routes.js';
import type { Clock } from '../clock.js';
import { messageOf } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Log } from '../log.js';
import {
  DEFAULT_LISTENER_LIMITS,
  ListenerCore,
  type ListenerCounts,
  type ListenerLimits,
  type NeedToSend,
} from './listener-core.js';

/** A record at its listener: seen for the first time, in whatever order it arrived. */
export type HeardRecord = {
  readonly node: string;
  readonly epoch: string;
  readonly record: LogRecord;
  /** `live` as it was made, `fill` because we asked for it. */
  readonly how: 'live' | 'fill';
  readonly receivedMonoMs: number;
};

export type RecordListenerOptions = {
  /** Its client id is the name answers are sent to. */
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRecord?: (heard: HeardRecord) => void;
  /** True: ask also for what nodes recorded before we first heard of them. False unless told. */
  readonly wantHistory?: boolean;
  readonly limits?: Partial<ListenerLimits>;
};

/** How often gaps and deadlines are looked at: half the patience with a gap. */
const LOOK_PERIOD_MS = 100;

/**
 * Listens to the logs of all nodes and ends with every record of them: recognises duplicates by (node, epoch, seq), finds
 * gaps from the live stream and from heads, and asks their writers. Open it before or after its Link.
 */
export class RecordListener {
  readonly #options: RecordListenerOptions;
  readonly #core: ListenerCore;
  #stops: (() => void)[] = [];

  constructor(options: RecordListenerOptions) {
    this.#options = options;
    const limits = { ...DEFAULT_LISTENER_LIMITS, ...options.limits };
    this.#core = new ListenerCore(limits, options.wantHistory ?? false, () => randomBytes(9).toString('base64url'));
  }

  open(): void {
    const { link, clock } = this.#options;
    this.#stops = [
      link.subscribe(routes.live, {}, ({ params, payload, receivedMonoMs }) => {
        const fresh = this.#core.applyLive(params.node, payload.e, payload.r, receivedMonoMs);
        this.#tell(params.node, payload.e, fresh, 'live', receivedMonoMs);
      }),
      link.subscribe(routes.head, {}, ({ params, payload, receivedMonoMs }) => {
        if (payload.node === params.node) this.#core.applyHead(payload, receivedMonoMs);
      }),
      link.subscribe(routes.fill, { recipient: link.clientId }, ({ params, payload, receivedMonoMs }) => {
        const fresh = this.#core.applyFill(params.sender, payload, receivedMonoMs);
        this.#tell(params.sender, payload.e, fresh, 'fill', receivedMonoMs);
      }),
      clock.every(LOOK_PERIOD_MS, () => this.#ask()),
    ];
  }

  counts(): ListenerCounts {
    return this.#core.counts();
  }

  /** The newest records of one log, in order; bounded by `recordsMax` over all logs. */
  recordsOf(node: string, epoch: string): readonly LogRecord[] {
    return this.#core.recordsOf(node, epoch);
  }

  /** Every log heard of, with its length and how many of its records are still missing. */
  logs(): ReturnType<ListenerCore['logs']> {
    return this.#core.logs();
  }

  close(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
  }

  #tell(
    node: string,
    epoch: string,
    records: readonly LogRecord[],
    how: 'live' | 'fill',
    receivedMonoMs: number,
  ): void {
    const { onRecord } = this.#options;
    if (onRecord === undefined) return;
    for (const record of records) onRecord({ node, epoch, record, how, receivedMonoMs });
  }

  #ask(): void {
    const { link, clock } = this.#options;
    if (!link.isUp) return;
    for (const need of this.#core.due(clock.monoMs())) void this.#send(need);
  }

  async #send({ to, need }: NeedToSend): Promise<void> {
    const { link, clock, log } = this.#options;
    try {
      await link.publish(routes.need, { recipient: to, sender: link.clientId }, need);
    } catch (error) {
      log.debug('need not sent', { to, error: messageOf(error) });
      this.#core.needFailed(need.id, clock.monoMs());
    }
  }
}
