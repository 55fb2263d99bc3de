import { routes } from '../../protocol/routes.js';
import { type Beat, SCHEMA_MINOR } from '../../protocol/status.js';
import type { Clock } from '../clock.js';
import { Counters } from '../counters.js';
import { messageOf } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Log } from '../log.js';
import type { Presence } from './presence.js';

/** Rule N8: the monitor counts three of these as silence. */
export const BEAT_PERIOD_MS = 10_000;
/** Fine enough to see a stall of a third of the keep alive, coarse enough to cost nothing. */
const LAG_PROBE_MS = 250;

export type HeartbeatOptions = {
  readonly link: Link;
  readonly presence: Presence;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Ages and rates of the cameras, asked for at each beat; empty for a board without cameras. */
  readonly cameras: () => Beat['cameras'];
  readonly periodMs?: number;
};

/**
 * Heartbeats made by progress: one every period in which `progress` was called, none for a pipeline that stands still,
 * however alive the process is (rule N8 of supervision).
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #counters = new Counters(['beats', 'skipped', 'unsent'] as const);
  #cancels: (() => void)[] = [];
  #openedMonoMs = 0;
  #progressed = false;
  #seq = 0;
  #lagMsMax = 0;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  open(): void {
    const { clock, periodMs } = this.#options;
    this.#openedMonoMs = clock.monoMs();
    let expectedMonoMs = clock.monoMs() + LAG_PROBE_MS;
    const probe = () => {
      const nowMonoMs = clock.monoMs();
      this.#lagMsMax = Math.max(this.#lagMsMax, nowMonoMs - expectedMonoMs);
      expectedMonoMs = nowMonoMs + LAG_PROBE_MS;
    };
    this.#cancels = [clock.every(LAG_PROBE_MS, probe), clock.every(periodMs ?? BEAT_PERIOD_MS, () => this.#beat())];
  }

  /** The pipeline did something: a frame was captured or inferred, a sensor was read. Cheap; call it every time. */
  progress(): void {
    this.#progressed = true;
  }

  /** Largest event-loop lag since the last beat, ms. */
  get loopLagMs(): number {
    return this.#lagMsMax;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  close(): void {
    for (const cancel of this.#cancels) cancel();
    this.#cancels = [];
  }

  #beat(): void {
    const { link, presence, node, clock, cameras } = this.#options;
    if (!this.#progressed || !link.isUp) {
      this.#counters.add(this.#progressed ? 'unsent' : 'skipped');
      return;
    }
    this.#progressed = false;
    const beat: Beat = {
      v: SCHEMA_MINOR,
      gen: presence.session.gen,
      inv: presence.invocation,
      seq: ++this.#seq,
      upS: Math.round((clock.monoMs() - this.#openedMonoMs) / 1000),
      loopLagMs: Math.round(Math.max(0, this.#lagMsMax)),
      cameras: cameras(),
    };
    this.#lagMsMax = 0;
    this.#counters.add('beats');
    link.publish(routes.beat, { node }, beat).catch((error) => {
      this.#options.log.debug('heartbeat not sent', { error: messageOf(error) });
    });
  }
}
