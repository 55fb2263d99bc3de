import type { Clock } from '../../base/clock.js';
import type { SharedBox } from '../../protocol/shared-box.js';
import type { LookReport, LookVision, VisionCommand } from '../process/vision-message.js';

export type LookCallerOptions = {
  readonly clock: Clock;
  /** Tells the vision process; false while there is none. */
  readonly tellVision: (command: VisionCommand) => boolean;
};

/** What the detector found in a picture, in its pixels, best first; or why it did not look. */
export type Looked =
  | {
      readonly ok: true;
      readonly boxes: readonly SharedBox[];
      readonly widthPx: number;
      readonly heightPx: number;
      readonly tookMs: number;
      /** It had its turn although cameras of this node waited. */
      readonly wasOwed: boolean;
    }
  | { readonly ok: false; readonly code: 'busy' | 'late' | 'picture' | 'failed' | 'closed'; readonly message: string };

/** An answer comes this much after the deadline of the look, or never. */
const GRACE_MS = 1_000;

/** Has the vision process look at pictures that are no camera's. Its desk limits how many. */
export class LookCaller {
  readonly #options: LookCallerOptions;
  readonly #asked = new Map<string, (looked: Looked) => void>();
  #requests = 0;

  constructor(options: LookCallerOptions) {
    this.#options = options;
  }

  /** Resolves always, at the latest a second after the deadline. */
  look(look: Omit<LookVision, 'type' | 'request'>): Promise<Looked> {
    const request = `${++this.#requests}`;
    if (!this.#options.tellVision({ type: 'look', request, ...look })) {
      return Promise.resolve({ ok: false, code: 'closed', message: 'the vision process is being started' });
    }
    return new Promise((resolve) => {
      const settle = (looked: Looked) => {
        cancel();
        this.#asked.delete(request);
        resolve(looked);
      };
      const late = { ok: false, code: 'late', message: `no answer in ${look.deadlineMs} ms` } as const;
      const cancel = this.#options.clock.after(look.deadlineMs + GRACE_MS, () => settle(late));
      this.#asked.set(request, settle);
    });
  }

  onLooked(report: LookReport): void {
    this.#asked.get(report.request)?.(lookedOf(report));
  }

  /** The vision process is gone: nobody will answer. */
  onVisionLost(): void {
    const closed = { ok: false, code: 'closed', message: 'the vision process ended' } as const;
    for (const settle of [...this.#asked.values()]) settle(closed);
  }
}

function lookedOf({ ok, code, message, boxes, widthPx, heightPx, tookMs, wasOwed }: LookReport): Looked {
  if (ok && boxes !== undefined && widthPx !== undefined && heightPx !== undefined) {
    return { ok, boxes, widthPx, heightPx, tookMs: tookMs ?? 0, wasOwed: wasOwed ?? false };
  }
  return { ok: false, code: code ?? 'failed', message: message ?? 'no reason was given' };
}
