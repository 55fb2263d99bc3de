import { localDisk, type RecordDisk, type SegmentFile } from '../../../edge/records/record-disk.js';

/** The real disk, with faults on demand: full (after so many bytes, as a torn write), or failing at fsync. */
export class FlakyDisk implements RecordDisk {
  /** Bytes that still fit; undefined: no limit. */
  bytesLeft: number | undefined;
  syncFails = false;
  /** An fsync begins and has no outcome until `answerSyncs`. */
  syncHangs = false;
  removeFails = false;
  /** Replacing a file begins and never ends: what a kill in the middle of it looks like. */
  replaceHangs = false;
  /** Called before each write to a segment, which waits for it: a card that stalls. */
  beforeWrite: () => Promise<void> = async () => {};
  /** Called before each file is replaced, which waits for it. */
  beforeReplace: () => Promise<void> = async () => {};

  readonly #hanging: (() => void)[] = [];

  answerSyncs(): void {
    this.syncHangs = false;
    for (const resolve of this.#hanging.splice(0)) resolve();
  }

  async openSegment(path: string): Promise<SegmentFile> {
    this.#failIfFull();
    const file = await localDisk.openSegment(path);
    return {
      writeAt: async (bytes, position) => {
        await this.beforeWrite();
        const fits = this.bytesLeft === undefined ? bytes.length : Math.min(this.bytesLeft, bytes.length);
        if (this.bytesLeft !== undefined) this.bytesLeft -= fits;
        await file.writeAt(bytes.subarray(0, fits), position);
        if (fits < bytes.length) throw diskError('ENOSPC');
      },
      sync: async () => {
        if (this.syncFails) throw diskError('EIO');
        if (this.syncHangs) await new Promise<void>((resolve) => this.#hanging.push(resolve));
        await file.sync();
      },
      close: () => file.close(),
    };
  }

  async replace(path: string, bytes: string | Uint8Array): Promise<void> {
    this.#failIfFull();
    if (this.replaceHangs) await new Promise(() => {});
    await this.beforeReplace();
    await localDisk.replace(path, bytes);
  }

  async makeFolder(path: string): Promise<void> {
    this.#failIfFull();
    await localDisk.makeFolder(path);
  }

  read(path: string): Promise<Buffer> {
    return localDisk.read(path);
  }

  list(path: string): Promise<string[]> {
    return localDisk.list(path);
  }

  move(from: string, to: string): Promise<void> {
    return localDisk.move(from, to);
  }

  async remove(path: string): Promise<void> {
    if (this.removeFails) throw diskError('EIO');
    return localDisk.remove(path);
  }

  #failIfFull(): void {
    if (this.bytesLeft === 0) throw diskError('ENOSPC');
  }
}

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code });
}
