import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import { routes } from '../../protocol/routes.js';

export type MaintenanceEarOptions = {
  readonly node: string;
  readonly link: Link;
  readonly clock: Clock;
  /** Maintenance of this node began or is over. */
  readonly onChange: (isHeld: boolean) => void;
};

/** Maintenance ends by the wall clock, which may jump: a board without a battery learns the time after its start. */
const LOOK_MS = 1_000;

/** Hears whether an operator holds this node for maintenance: it then does nothing for others. */
export class MaintenanceEar {
  readonly #options: MaintenanceEarOptions;
  readonly #ends: (() => void)[] = [];
  /** Wall clock. */
  #untilMs = 0;
  #isHeld = false;

  constructor(options: MaintenanceEarOptions) {
    this.#options = options;
  }

  open(): void {
    const { node, link, clock } = this.#options;
    this.#ends.push(
      link.subscribe(
        routes.maintenance,
        { node },
        ({ payload }) => this.#note(payload.untilMs),
        () => this.#note(0),
      ),
      clock.every(LOOK_MS, () => this.#look()),
    );
  }

  close(): void {
    for (const end of this.#ends.splice(0)) end();
  }

  #note(untilMs: number): void {
    this.#untilMs = untilMs;
    this.#look();
  }

  #look(): void {
    const isHeld = this.#options.clock.nowMs() < this.#untilMs;
    if (isHeld === this.#isHeld) return;
    this.#isHeld = isHeld;
    this.#options.onChange(isHeld);
  }
}
