/** An earlier picture of the same bytes. */
export type EarlierPicture = { readonly e: string; readonly s: number; readonly atMs: number };

/** A slow camera's picture stands for a while, and is read more than once. Six results a minute are audited meanwhile. */
const STANDS_MS = 10_000;

/**
 * Remembers pictures of cameras: a sensor's noise never repeats, so the same bytes after other ones, or for long, are no
 * view of what is there now. The oldest are forgotten at the limit.
 */
export class StuckWatch {
  readonly #max: number;
  /** By worker, camera and digest, in the order they came. */
  readonly #seen = new Map<string, EarlierPicture>();

  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Notes a picture.
   * @returns the first one of the same bytes, if that is older than a picture stands, or another one came between them.
   */
  note(worker: string, camera: string, digest: string, picture: EarlierPicture): EarlierPicture | undefined {
    const key = `${worker}/${camera}/${digest}`;
    const earlier = this.#seen.get(key);
    if (earlier !== undefined) {
      const isLong = Math.abs(picture.atMs - earlier.atMs) >= STANDS_MS;
      return isLong || this.#isOtherBetween(`${worker}/${camera}/`, earlier, picture) ? earlier : undefined;
    }
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

  // In the order of the records, whatever the clock of their writer did.
  #isOtherBetween(camera: string, one: EarlierPicture, other: EarlierPicture): boolean {
    if (one.e !== other.e) return false;
    const [from, to] = [Math.min(one.s, other.s), Math.max(one.s, other.s)];
    return [...this.#seen].some(([key, { e, s }]) => e === one.e && s > from && s < to && key.startsWith(camera));
  }
}
