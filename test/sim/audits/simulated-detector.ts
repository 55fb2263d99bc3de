import type { Random } from '../../../base/random.js';
import type { EventQueue } from '../kernel/event-queue.js';
import type { Load } from './audit-plan.js';

const LOOK_MS = 150;
/** As `edge/process/look-desk.ts` has it: more are refused at once. */
const WAITING_MAX = 16;

type Line = 'own' | 'owed';

export type SimulatedDetectorOptions = {
  readonly load: Load;
  readonly queue: EventQueue;
  readonly random: Random;
  /** Of each line one look has a turn so often where the cameras never rest. */
  readonly owedEveryMs: number;
  /** Who has no turn by then is refused. */
  readonly deadlineMs: number;
};

/** When the detector of a board comes to the looks of audits, and whether it does. */
export class SimulatedDetector {
  readonly #options: SimulatedDetectorOptions;
  /** When the next look of a line has its turn at the earliest, virtual ms. */
  readonly #turnMs: Record<Line, number> = { own: 0, owed: 0 };
  #waiting = 0;

  constructor(options: SimulatedDetectorOptions) {
    this.#options = options;
  }

  /** @param then told once: whether the picture was looked at. */
  look(line: Line, then: (isSeen: boolean) => void): void {
    const { load, queue, random, deadlineMs } = this.#options;
    const tookMs = LOOK_MS * random.range(0.5, 3);
    if (load === 'free' || load === 'denies') {
      queue.after(tookMs, () => then(true));
      return;
    }
    if (this.#waiting >= WAITING_MAX) {
      queue.after(1, () => then(false));
      return;
    }
    const waitMs = this.#waitOf(line);
    const isInTime = waitMs < deadlineMs;
    this.#waiting++;
    queue.after(isInTime ? waitMs : deadlineMs, () => {
      this.#waiting--;
      if (isInTime) queue.after(tookMs, () => then(true));
      else then(false);
    });
  }

  #waitOf(line: Line): number {
    const { load, queue, owedEveryMs, deadlineMs } = this.#options;
    if (load === 'boasts') return deadlineMs;
    const turnMs = Math.max(queue.nowMs, this.#turnMs[line]);
    const waitMs = turnMs - queue.nowMs;
    // Who is refused for being late takes nobody's turn.
    if (waitMs < deadlineMs) this.#turnMs[line] = turnMs + owedEveryMs;
    return waitMs;
  }
}
