import type { Clock } from '../../../base/clock.js';
import { TokenBucket } from '../../../base/command/token-bucket.js';
import { Counters } from '../../../base/counters.js';
import type { Boxes, Offer } from '../../../protocol/sharing.js';
import type { LookCaller } from '../look-caller.js';
import type { OfferLimits } from './offer-limits.js';
import { Taking } from './taking.js';

export type TakingDeskOptions = {
  readonly limits: OfferLimits;
  readonly clock: Clock;
  readonly looks: LookCaller;
  readonly answer: (to: string, boxes: Omit<Boxes, 'v'>) => void;
};

/** Refusals a node says; more are kept to itself, or who floods it would have it flood the broker. */
const REFUSALS = { burst: 50, perSecond: 25 };

/** Does the looks others ask for, as far as `Taking` lets it, and answers. */
export class TakingDesk {
  readonly #options: TakingDeskOptions;
  readonly #taking: Taking;
  readonly #refusals: TokenBucket;
  readonly #counters = new Counters(['take-closed', 'take-model', 'take-flood']);

  constructor(options: TakingDeskOptions) {
    this.#options = options;
    this.#taking = new Taking(options.limits);
    this.#refusals = new TokenBucket(REFUSALS, options.clock.monoMs());
  }

  /** From now on so much is unused here; 0 takes nothing. */
  setSpare(spareFps: number): void {
    this.#taking.setSpare(spareFps, this.#options.clock.monoMs());
  }

  /** Somebody wants a look. @param whyNot it is not looked at all the same. */
  onOffer(from: string, offer: Offer, whyNot: 'closed' | 'model' | undefined): void {
    const { id, deadlineMs } = offer;
    if (whyNot !== undefined) {
      this.#counters.add(`take-${whyNot}`);
      this.#refuse(from, id, whyNot);
      return;
    }
    const decision = this.#taking.ask({ from, id, deadlineMs }, this.#options.clock.monoMs());
    if (decision === 'busy') this.#refuse(from, id, 'busy');
    if (decision === 'take') void this.#look(from, offer);
  }

  get counters(): Record<string, number> {
    return { ...this.#taking.counters, ...this.#counters.snapshot() };
  }

  async #look(from: string, { id, deadlineMs, picture, scoreMin }: Offer): Promise<void> {
    const { looks, clock, answer } = this.#options;
    // A copy: the picture is a view of the payload, which is not kept.
    const jpeg = new Uint8Array(picture);
    const looked = await looks.look({ jpeg, scoreMin, isGuest: true, deadlineMs });
    const result = looked.ok ? 'done' : looked.code === 'late' ? 'skipped' : 'failed';
    if (!this.#taking.end({ from, id }, result, clock.monoMs())) return;
    if (looked.ok) answer(from, { id, ok: true, tookMs: looked.tookMs, boxes: [...looked.boxes] });
    // Who asked has given up on a late one, and learns that this node is slow, not gone.
    else answer(from, { id, ok: false, code: looked.code });
  }

  #refuse(to: string, id: string, code: string): void {
    if (this.#refusals.take(this.#options.clock.monoMs())) this.#options.answer(to, { id, ok: false, code });
    else this.#counters.add('take-flood');
  }
}
