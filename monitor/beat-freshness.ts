import type { Beat } from '../protocol/status.js';

/** Cameras remembered as not well: what a full inventory of eight-camera nodes has. */
const CAMERAS_MAX = 8_000;

/** Tells whether heartbeats speak of a pipeline that moves. A camera that says itself that it is not well is no news. */
export class BeatFreshness {
  readonly #staleMs: number;
  readonly #unwell = new Set<string>();

  constructor(staleMs: number) {
    this.#staleMs = staleMs;
  }

  onCamera(node: string, camera: string, isOk: boolean): void {
    if (isOk) this.#unwell.delete(`${node}/${camera}`);
    else if (this.#unwell.size < CAMERAS_MAX) this.#unwell.add(`${node}/${camera}`);
  }

  /** True unless a camera that is well shows a frame that is too old. */
  isFresh(node: string, cameras: Beat['cameras']): boolean {
    return Object.entries(cameras).every(
      ([camera, { frameAgeMs }]) =>
        frameAgeMs === null || frameAgeMs <= this.#staleMs || this.#unwell.has(`${node}/${camera}`),
    );
  }
}
