import type { Clock } from '../../../base/clock.js';
import { type ErrorCode, OperationError } from '../../../base/errors.js';
import type { Frame } from '../../../edge/capture/frame.js';
import type { FrameBuffers } from '../../../edge/capture/frame-buffers.js';
import type { FrameSource } from '../../../edge/capture/frame-source.js';

/** What a scripted camera does next. `hang` answers to nothing, not even an abort; `frames` come every `everyMs`. */
export type Step =
  | {
      readonly do: 'frames';
      readonly count: number;
      readonly everyMs: number;
      readonly same?: boolean;
      readonly encoded?: boolean;
    }
  | { readonly do: 'fail'; readonly code: ErrorCode }
  | { readonly do: 'hang' }
  | { readonly do: 'end' };

export type Life = {
  readonly open?: ErrorCode | 'hang';
  readonly steps: readonly Step[];
  readonly closeHangs?: boolean;
};

/** A camera that plays a script, on the clock given. Behind the last step of a life it hangs. */
export class ScriptedSource implements FrameSource {
  readonly #life: Life;
  readonly #clock: Clock;
  readonly #buffers: FrameBuffers;
  readonly #steps: Step[];
  #left: number | undefined;
  #index = 0;
  isClosed = false;

  constructor(life: Life, clock: Clock, buffers: FrameBuffers) {
    this.#life = life;
    this.#clock = clock;
    this.#buffers = buffers;
    this.#steps = [...life.steps];
  }

  async open(): Promise<void> {
    if (this.#life.open === 'hang') await new Promise(() => {});
    else if (this.#life.open !== undefined) throw failure(this.#life.open);
  }

  async read(signal: AbortSignal): Promise<Frame | undefined> {
    const [step] = this.#steps;
    switch (step?.do) {
      case 'frames':
        this.#left ??= step.count;
        if (--this.#left <= 0) this.#next();
        await this.#clock.sleep(step.everyMs, signal);
        return this.#frame(step.same ?? false, step.encoded ?? false);
      case 'fail':
        this.#next();
        throw failure(step.code);
      case 'end':
        return undefined;
      default:
        return await new Promise(() => {});
    }
  }

  async close(): Promise<void> {
    this.isClosed = true;
    if (this.#life.closeHangs) await new Promise(() => {});
  }

  drops(): Readonly<Record<string, number>> {
    return { skipped: 2 };
  }

  #next(): void {
    this.#steps.shift();
    this.#left = undefined;
  }

  #frame(same: boolean, encoded: boolean): Frame {
    const index = this.#index++;
    const data = this.#buffers.acquire(12);
    // Noise of a sensor: no two pictures alike, in no two lives.
    data.fill(same ? 200 : (index * 7 + this.#clock.monoMs()) % 199);
    data[0] = same ? 200 : index % 256;
    const picture = encoded
      ? { kind: 'encoded' as const, bytes: data }
      : { kind: 'rgb' as const, widthPx: 2, heightPx: 2, data };
    return { index, capturedAtMs: this.#clock.nowMs(), capturedMonoMs: this.#clock.monoMs(), picture };
  }
}

function failure(code: ErrorCode): OperationError {
  return new OperationError({ code, op: 'read', subject: 'the script', message: `it says ${code}` });
}
