import type { Clock } from '../../base/clock.js';
import { chooseTurn, type Waiting } from './turn-choice.js';

/** The right to work on one frame. */
export type Turn = { readonly end: () => void };

/** Why a camera waits: others are being looked at, or the board cools down. */
export type WaitCause = 'waiting' | 'cooling';

type Request = Waiting & { readonly grant: () => void };

/** However little a board may work, a place rests no longer than this after a frame. */
const REST_MAX_MS = 5_000;

/**
 * Shares the detectors between the cameras of a node, a frame at a time. A camera asks for its turn when it has a frame
 * and takes the newest one when the turn comes: nothing queues up, and a frame is as fresh with ten cameras as with one.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #lastEndedMonoMs = new Map<string, number>();
  #requests: Request[] = [];
  #free = 0;
  #share = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @param places frames that may be worked on at once, of all cameras; until this nobody has a turn. */
  open(places: number): void {
    this.#free = places;
    for (let i = 0; i < places; i++) this.#grantNext();
  }

  /** From now on frames may be worked on for this share of the time, 0..1: after each, its place rests. */
  setShare(share: number): void {
    this.#share = share;
  }

  /** Why those wait that wait now. */
  get cause(): WaitCause {
    return this.#share < 1 ? 'cooling' : 'waiting';
  }

  /**
   * Waits for a camera's turn. One request per camera at a time.
   * @param isUrgent something moves there or is being followed.
   * @param isGuest it is work for another node, which waits for all cameras of this one.
   * @throws the signal's reason.
   */
  async take(camera: string, isUrgent: boolean, signal: AbortSignal, isGuest = false): Promise<Turn> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const request: Request = {
        isUrgent,
        isGuest,
        sinceMonoMs: this.#clock.monoMs(),
        lastEndedMonoMs: this.#lastEndedMonoMs.get(camera) ?? Number.NEGATIVE_INFINITY,
        grant: () => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      const onAbort = () => {
        this.#requests = this.#requests.filter((other) => other !== request);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#requests.push(request);
      this.#grantNext();
    });
    return this.#begin(camera);
  }

  #begin(camera: string): Turn {
    const startedMonoMs = this.#clock.monoMs();
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      const nowMonoMs = this.#clock.monoMs();
      this.#lastEndedMonoMs.set(camera, nowMonoMs);
      this.#giveBack(nowMonoMs - startedMonoMs);
    };
    return { end };
  }

  #giveBack(workedMs: number): void {
    const restMs = Math.min(REST_MAX_MS, workedMs * (1 / this.#share - 1));
    if (restMs > 0) this.#clock.after(restMs, () => this.#release());
    else this.#release();
  }

  #release(): void {
    this.#free++;
    this.#grantNext();
  }

  #grantNext(): void {
    if (this.#free === 0) return;
    const next = chooseTurn(this.#requests, this.#clock.monoMs());
    if (next === undefined) return;
    this.#requests = this.#requests.filter((request) => request !== next);
    this.#free--;
    next.grant();
  }
}
