import type { Clock } from '../../base/clock.js';
import type { SharedBox } from '../../protocol/shared-box.js';
import type { OfferedVision, OfferReport } from './vision-message.js';

export type OfferBoxOptions = {
  readonly clock: Clock;
  readonly report: (report: OfferReport) => void;
};

/** The main process has told by then; a picture it knows nothing of must not hold its camera. */
const ANSWER_MAX_MS = 10_000;

/** Pictures given to the main process to be looked at elsewhere, and what came of them. */
export class OfferBox {
  readonly #options: OfferBoxOptions;
  readonly #asked = new Map<string, (boxes: readonly SharedBox[] | undefined) => void>();
  #requests = 0;
  /** Pictures that could not be made: the board is short of memory. */
  unencoded = 0;

  constructor(options: OfferBoxOptions) {
    this.#options = options;
  }

  /** Resolves always; without boxes nobody looked. */
  offer(picture: Omit<OfferReport, 'type' | 'request'>): Promise<readonly SharedBox[] | undefined> {
    const request = `${++this.#requests}`;
    return new Promise((resolve) => {
      const settle = (boxes: readonly SharedBox[] | undefined) => {
        cancel();
        this.#asked.delete(request);
        resolve(boxes);
      };
      const cancel = this.#options.clock.after(ANSWER_MAX_MS, () => settle(undefined));
      this.#asked.set(request, settle);
      this.#options.report({ type: 'offer', request, ...picture });
    });
  }

  /** Nobody looks any more. */
  close(): void {
    for (const settle of [...this.#asked.values()]) settle(undefined);
  }

  onOffered({ request, boxes }: OfferedVision): void {
    this.#asked.get(request)?.(boxes);
  }
}
