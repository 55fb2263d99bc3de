/** A write that no sync has covered: where, and what was there before. */
type Unsynced = {
  readonly position: number;
  readonly length: number;
  readonly before: Uint8Array;
  /** Length of the file before. */
  readonly fileLength: number;
};

/** One file: what a program reads of it, and what of that a power cut may take back. */
export class DiskFile {
  #bytes: Uint8Array;
  #length: number;
  #unsynced: Unsynced[] = [];
  #content: object = {};

  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
  }

  get length(): number {
    return this.#length;
  }

  /** Stands for what the file holds: another one after each change of its bytes, for those who remember what they read. */
  get content(): object {
    return this.#content;
  }

  /** Bytes that a sync would make durable, overwritten ones counted each time. */
  get unsyncedBytes(): number {
    return this.#unsynced.reduce((sum, { length }) => sum + length, 0);
  }

  /** A copy of the bytes. */
  read(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  /** Writes at a place; a hole before it reads as zeros. */
  write(bytes: Uint8Array, position: number): void {
    this.#content = {};
    const overwritten = this.#bytes.slice(position, Math.min(this.#length, position + bytes.length));
    this.#unsynced.push({ position, length: bytes.length, before: overwritten, fileLength: this.#length });
    this.#grow(position + bytes.length);
    this.#bytes.set(bytes, position);
    this.#length = Math.max(this.#length, position + bytes.length);
  }

  /** Cuts the file; what is cut off does not come back with a power cut. */
  truncate(length: number): void {
    this.#content = {};
    this.#length = Math.min(this.#length, length);
    this.#unsynced = this.#unsynced
      .filter(({ position, fileLength }) => position < length || fileLength < length)
      .map((write) => ({
        ...write,
        length: Math.max(0, Math.min(write.length, length - write.position)),
        before: write.before.subarray(0, Math.max(0, length - write.position)),
        fileLength: Math.min(write.fileLength, length),
      }));
  }

  sync(): void {
    this.#unsynced = [];
  }

  /**
   * The power goes: the first `kept` unsynced writes are there, of the next one `tornBytes` bytes, and of the rest nothing.
   * With `zeros` the file keeps its length, and zeros stand where bytes never came to the disk.
   */
  powerCut(kept: number, tornBytes: number, zeros: boolean): void {
    this.#content = {};
    const lost = this.#unsynced.slice(kept);
    const wasLength = this.#length;
    for (const [i, write] of [...lost.entries()].reverse()) {
      const torn = i === 0 ? Math.min(tornBytes, write.length) : 0;
      this.#undo(write, torn);
    }
    if (zeros && this.#length < wasLength) {
      this.#bytes.fill(0, this.#length, wasLength);
      this.#length = wasLength;
    }
    this.#unsynced = [];
  }

  /** Unsynced writes, in the order they were made. */
  get unsyncedWrites(): number {
    return this.#unsynced.length;
  }

  /** Flips one bit where it lies, synced or not; programs are not told. */
  flipBit(bit: number): void {
    this.#content = {};
    const at = Math.floor(bit / 8);
    this.#bytes[at] = (this.#bytes[at] ?? 0) ^ (1 << (bit % 8));
  }

  /** The file as the disk holds it now, all of it durable. */
  clone(): DiskFile {
    return new DiskFile(this.#bytes.subarray(0, this.#length));
  }

  // Undone from the last write back, so that the file is as it was right after the write.
  #undo({ position, before, fileLength }: Unsynced, torn: number): void {
    if (before.length > torn) this.#bytes.set(before.subarray(torn), position + torn);
    this.#length = torn > 0 ? Math.max(fileLength, position + torn) : fileLength;
  }

  #grow(length: number): void {
    if (length <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(256, length, 2 * this.#bytes.length));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}
