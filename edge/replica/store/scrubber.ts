import type { Clock } from '../../../base/clock.js';
import { Counters } from '../../../base/counters.js';
import { messageOf, systemCodeOf } from '../../../base/errors.js';
import type { Log } from '../../../base/log.js';
import type { Random } from '../../../base/random.js';
import { RottenSegmentError } from '../../records/segment.js';
import { planScrub, type ScrubLimits, type ScrubTarget } from './scrub-schedule.js';

export type ScrubberOptions = {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly limits: ScrubLimits;
  /** All closed segments, as they are now. */
  readonly targets: () => readonly ScrubTarget[];
  /** Reads and hashes one. @throws RottenSegmentError after putting it aside; whatever the disk throws. */
  readonly read: (target: ScrubTarget) => Promise<unknown>;
  /** A segment was found rotten: it is to be fetched again. */
  readonly onRot: (target: ScrubTarget, reason: string) => void;
};

/** Reads one closed segment after another, slowly and for ever: rot is found while others still have a good copy. */
export class Scrubber {
  readonly #options: ScrubberOptions;
  readonly #counters = new Counters(['segments', 'bytes', 'rotten', 'unreadable'] as const);
  #last: ScrubTarget | undefined;
  #cancel: (() => void) | undefined;
  #isClosed = false;

  constructor(options: ScrubberOptions) {
    this.#options = options;
  }

  open(): void {
    this.#arm();
  }

  counters(): Readonly<Record<string, number>> {
    return this.#counters.snapshot();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancel?.();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { clock, random, limits, targets } = this.#options;
    const step = planScrub(targets(), this.#last, random.range(0, 1), limits);
    this.#cancel = clock.after(step?.pauseMs ?? limits.pauseMaxMs, () => {
      if (step === undefined) return this.#arm();
      void this.#scrub(step.target).finally(() => this.#arm());
    });
  }

  async #scrub(target: ScrubTarget): Promise<void> {
    this.#last = target;
    try {
      await this.#options.read(target);
      this.#counters.add('segments');
      this.#counters.add('bytes', target.bytes);
    } catch (error) {
      this.#judge(target, error);
    }
  }

  #judge(target: ScrubTarget, error: unknown): void {
    if (error instanceof RottenSegmentError) {
      this.#counters.add('rotten');
      this.#options.onRot(target, error.message);
      return;
    }
    // Given up while it was its turn.
    if (systemCodeOf(error) === 'ENOENT') return;
    this.#counters.add('unreadable');
    this.#options.log.warn('segment not read by scrub', { ...target, error: messageOf(error) });
  }
}
