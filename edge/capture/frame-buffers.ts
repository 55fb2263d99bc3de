// One being written, one waiting in the slot, one at the reader, one on its way back.
const SPARE_BUFFERS_MAX = 4;

/**
 * Pixel buffers of one camera, reused once they were given back. A reader that never gives back costs reuse, never
 * correctness: `acquire` then makes a new one. A fresh 900 kB buffer per frame costs page faults and collector runs.
 */
export class FrameBuffers {
  readonly #spare: Uint8Array[] = [];
  #made = 0;

  /** A buffer of exactly this length; its contents are arbitrary. It is the caller's until `release`. */
  acquire(byteLength: number): Uint8Array {
    const at = this.#spare.findIndex((buffer) => buffer.byteLength === byteLength);
    const found = at >= 0 ? this.#spare.splice(at, 1)[0] : undefined;
    if (found !== undefined) return found;
    this.#made++;
    // Not from Node's shared pool: the buffer outlives the call and its memory is measured by its own size.
    return new Uint8Array(new ArrayBuffer(byteLength));
  }

  /** Gives a buffer back; nobody may touch it afterwards. Giving the same one back twice does nothing. */
  release(buffer: Uint8Array): void {
    if (this.#spare.includes(buffer)) return;
    this.#spare.push(buffer);
    // The oldest goes: after a change of size the buffers of the old size are the ones nobody asks for.
    if (this.#spare.length > SPARE_BUFFERS_MAX) this.#spare.shift();
  }

  /** Buffers made since the start; with a steady reader it stays at the few that are in flight. */
  get made(): number {
    return this.#made;
  }
}
