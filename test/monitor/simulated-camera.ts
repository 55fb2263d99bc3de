import type { CameraWord } from '../../monitor/frame-watch.js';
import type { Beat } from '../../protocol/status.js';

/** How long a camera that is not there is tried before its node says so. */
const GIVE_UP_MS = 5_000;

/** The camera of a simulated node: what its node says of it, and how old its newest frame is. */
export class SimulatedCamera {
  /** Pulled out: nothing the node can do brings a frame. */
  isPlugged = true;
  /** From the start of a life of its node to the first frame. */
  firstFrameMs = 2_000;
  #lifeFromMs = 0;
  #unpluggedFromMs = Number.POSITIVE_INFINITY;
  #stillFromMs: number | undefined;

  /** A new life of its node. */
  start(nowMs: number): void {
    this.#lifeFromMs = nowMs;
    this.#unpluggedFromMs = this.isPlugged ? Number.POSITIVE_INFINITY : nowMs;
    this.#stillFromMs = undefined;
  }

  unplug(nowMs: number): void {
    if (!this.isPlugged) return;
    this.isPlugged = false;
    this.#unpluggedFromMs = nowMs;
  }

  plug(nowMs: number): void {
    if (this.isPlugged) return;
    this.isPlugged = true;
    this.#unpluggedFromMs = Number.POSITIVE_INFINITY;
    this.#lifeFromMs = Math.max(this.#lifeFromMs, nowMs - 1_000);
  }

  /** Its node's pipeline stands still, or goes on. */
  setStill(isStill: boolean, nowMs: number): void {
    this.#stillFromMs = isStill ? (this.#stillFromMs ?? nowMs) : undefined;
  }

  /** Age of the newest frame, ms; null before the first of this life. */
  frameAgeMs(nowMs: number): number | null {
    const firstMs = this.#lifeFromMs + this.firstFrameMs;
    const lastMs = Math.min(nowMs, this.#unpluggedFromMs, this.#stillFromMs ?? Number.POSITIVE_INFINITY);
    return lastMs < firstMs ? null : nowMs - lastMs + 100;
  }

  /** What its node says of it now; a node whose pipeline stands still has not noticed. */
  word(nowMs: number): CameraWord {
    const isNoticed = this.#stillFromMs === undefined || this.#unpluggedFromMs < this.#stillFromMs;
    if (isNoticed && nowMs - this.#unpluggedFromMs >= GIVE_UP_MS) return { ok: false, reason: 'unplugged' };
    return this.frameAgeMs(nowMs) === null ? { ok: false, reason: 'starting' } : { ok: true };
  }

  beat(nowMs: number): Beat['cameras'] {
    return { front: { frameAgeMs: this.frameAgeMs(nowMs), inferAgeMs: null, fps: 10 } };
  }

  /** Sees, or has the right not to. */
  isWell(nowMs: number): boolean {
    const ageMs = this.frameAgeMs(nowMs);
    return !this.isPlugged || (ageMs !== null && ageMs < 35_000);
  }
}
