/** An earlier picture of the same bytes. */
export type EarlierPicture = { readonly e: string; readonly s: number; readonly atMs: number };

/** A slow camera's picture stands for a while, and is read more than once. */
const STANDS_MS = 5_000;

/**
 * Remembers the pictures of live cameras: a sensor's noise never repeats, so the same bytes at another time are no view of
 * what is there now. The oldest are forgotten at the limit.
 */
export class StuckWatch {
  readonly #max: number;
  /** By worker, camera and digest, in the order they came. */
  readonly #seen = new Map<string, EarlierPicture>();

  constructor(max: number) {
    this.#max = max;
  }

  /** Notes a picture. @returns the first one of the same bytes, if that is older than a picture stands. */
  note(worker: string, camera: string, digest: string, picture: EarlierPicture): EarlierPicture | undefined {
    const key = `${worker}/${camera}/${digest}`;
    const earlier = this.#seen.get(key);
    if (earlier !== undefined) return Math.abs(picture.atMs - earlier.atMs) < STANDS_MS ? undefined : earlier;
    this.#seen.set(key, picture);
    if (this.#seen.size > this.#max) {
      const [oldest] = this.#seen.keys();
      if (oldest !== undefined) this.#seen.delete(oldest);
    }
    return undefined;
  }

  get count(): number {
    return this.#seen.size;
  }
}
