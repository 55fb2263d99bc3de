import { DISCOVERY } from './source-limits.js';

/**
 * When the node on duty listens to all sources, so that those nobody knows are found. That costs the traffic of all of
 * them, so it is a part of the time; while nothing at all is heard it costs nothing, and goes on. Times are monotonic ms.
 */
export class DiscoveryDuty {
  #startedMs: number | undefined;
  #hasHeard = false;

  /** A frame came through the subscription to all. */
  heard(): void {
    this.#hasHeard = true;
  }

  /** @param isOnDuty whether it is this node's turn, and it has a broker. */
  isListening(isOnDuty: boolean, nowMs: number): boolean {
    if (!isOnDuty) {
      this.#startedMs = undefined;
      return false;
    }
    if (this.#startedMs === undefined) this.#begin(nowMs);
    const { listenMs, everyMs } = DISCOVERY;
    const sinceMs = nowMs - (this.#startedMs ?? nowMs);
    if (sinceMs < listenMs || !this.#hasHeard) return true;
    if (sinceMs < everyMs) return false;
    this.#begin(nowMs);
    return true;
  }

  #begin(nowMs: number): void {
    this.#startedMs = nowMs;
    this.#hasHeard = false;
  }
}
