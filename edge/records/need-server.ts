import { BoundedQueue } from '../../base/bounded-queue.js';
import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { SideLinks } from '../../base/link/side-links.js';
import type { LinkMessage } from '../../base/link/subscription-table.js';
import type { Log } from '../../base/log.js';
import type { Need } from '../../protocol/record.js';
import { routes } from '../../protocol/routes.js';
import type { RecordLine } from './epoch-shelf.js';
import { encodeFill, takeRun } from './live-batch.js';
import type { RecordLimits } from './record-limits.js';
import type { RecordLog } from './record-log.js';

export type NeedServerOptions = {
  readonly link: Link;
  /** The other brokers the node reaches: who asks there is answered there. */
  readonly sides?: SideLinks | undefined;
  readonly records: RecordLog;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  readonly limits: RecordLimits;
};

/** One part of an answer: what the `fill` schema allows, and well below the 64 KiB of its route. */
const PART_RECORDS = 256;
const PART_BYTES = 48 * 1024;
/** `first` of an epoch we do not have: nothing of it will ever come from here. */
const NOTHING_LEFT = Number.MAX_SAFE_INTEGER;

type Asked = { readonly sender: string; readonly need: Need; readonly link: Link };

/** Answers `need` from the log: one request at a time, in parts with pauses, so that history never crowds out the present. */
export class NeedServer {
  readonly #options: NeedServerOptions;
  readonly #counters = new Counters(['needs', 'refused', 'repeated', 'parts', 'records', 'failures'] as const);
  readonly #waiting: BoundedQueue<Asked>;
  readonly #known = new Set<string>();
  readonly #stop = new AbortController();
  #stops: (() => void)[] = [];
  #isServing = false;

  constructor(options: NeedServerOptions) {
    this.#options = options;
    // The asker repeats what it still needs, so the newest may be refused.
    this.#waiting = new BoundedQueue(options.limits.needsWaiting, 'refuse');
  }

  open(): void {
    const { link, sides, node } = this.#options;
    const take = (message: LinkMessage<typeof routes.need.pattern, Need>, via: Link) => {
      if (!message.retained) this.#take({ sender: message.params.sender, need: message.payload, link: via });
    };
    this.#stops = [
      link.subscribe(routes.need, { recipient: node }, (message) => take(message, link)),
      sides?.subscribe(routes.need, { recipient: node }, take) ?? (() => {}),
    ];
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  close(): void {
    this.#stop.abort();
    for (const stop of this.#stops) stop();
    this.#waiting.clear();
  }

  #take(asked: Asked): void {
    const key = keyOf(asked);
    if (asked.need.of !== this.#options.node) {
      this.#counters.add('refused');
    } else if (this.#known.has(key)) {
      this.#counters.add('repeated');
    } else if (this.#waiting.push(asked)) {
      this.#known.add(key);
      this.#counters.add('needs');
      if (!this.#isServing) void this.#serve();
    } else {
      this.#counters.add('refused');
    }
  }

  async #serve(): Promise<void> {
    this.#isServing = true;
    for (let asked = this.#waiting.shift(); asked !== undefined; asked = this.#waiting.shift()) {
      try {
        await this.#answer(asked);
      } catch (error) {
        this.#counters.add('failures');
        // The asker's timeout repeats the request.
        this.#options.log.debug('answer cut off', { to: asked.sender, error: messageOf(error) });
      }
      this.#known.delete(keyOf(asked));
    }
    this.#isServing = false;
  }

  async #answer({ sender, need, link }: Asked): Promise<void> {
    let part = 0;
    let left = need.max;
    for (const [from, to] of need.ranges) {
      let next = from;
      while (next <= to && left > 0) {
        const run = await this.#readRun(need.e, next, to, Math.min(left, PART_RECORDS));
        const last = run.at(-1);
        if (last === undefined) break;
        await this.#send(link, sender, need, part++, true, run);
        left -= run.length;
        next = last.s + 1;
      }
    }
    await this.#send(link, sender, need, part, false, []);
  }

  async #readRun(epoch: string, from: number, to: number, max: number): Promise<readonly RecordLine[]> {
    const { records } = this.#options;
    const end = Math.min(to, records.publishableSeq(epoch));
    if (end < from) return [];
    const lines = await records.read(epoch, from, Math.min(max, end - from + 1));
    return takeRun(
      lines.filter(({ s }) => s <= end),
      max,
      PART_BYTES,
    );
  }

  async #send(
    link: Link,
    sender: string,
    need: Need,
    part: number,
    more: boolean,
    lines: readonly RecordLine[],
  ): Promise<void> {
    const { node, clock, limits, records } = this.#options;
    const extent = records.extents().find(({ epoch }) => epoch === need.e);
    const header = { id: need.id, of: node, e: need.e, part, more, first: extent?.first ?? NOTHING_LEFT };
    await link.publishEncoded(routes.fill, { recipient: sender, sender: node }, encodeFill(header, lines));
    this.#counters.add('parts');
    this.#counters.add('records', lines.length);
    await clock.sleep(limits.fillPauseMs, this.#stop.signal);
  }
}

function keyOf({ sender, need }: Asked): string {
  return `${sender}/${need.id}`;
}
