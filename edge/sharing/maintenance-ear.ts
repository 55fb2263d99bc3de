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

/** How long a timer may be set, ms: longer ones fire at once. Maintenance that lasts longer is looked at again then. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Hears whether an operator holds this node for maintenance: it then does nothing for others. */
export class MaintenanceEar {
  readonly #options: MaintenanceEarOptions;
  #end = () => {};
  #cancel = () => {};
  #isHeld = false;

  constructor(options: MaintenanceEarOptions) {
    this.#options = options;
  }

  open(): void {
    const { node, link } = this.#options;
    this.#end = link.subscribe(
      routes.maintenance,
      { node },
      ({ payload }) => this.#note(payload.untilMs),
      () => this.#note(0),
    );
  }

  close(): void {
    this.#end();
    this.#cancel();
  }

  #note(untilMs: number): void {
    const { clock, onChange } = this.#options;
    this.#cancel();
    const leftMs = untilMs - clock.nowMs();
    if (leftMs > 0) this.#cancel = clock.after(Math.min(leftMs, TIMER_MAX_MS), () => this.#note(untilMs));
    if (leftMs > 0 === this.#isHeld) return;
    this.#isHeld = leftMs > 0;
    onChange(this.#isHeld);
  }
}
