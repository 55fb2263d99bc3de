import { type FileHandle, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { syncFolder, writeFileAtomic } from '../../base/atomic-file.js';
import { makeFolder } from '../../base/state-folder.js';

/** An open segment file, written at places its owner keeps: a retry after a torn write overwrites the torn part. */
export interface SegmentFile {
  writeAt(bytes: Uint8Array, position: number): Promise<void>;
  /** What was written before survives a power cut once resolved. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The disk under a log: narrow, so that tests can fill it, tear it and break it. All throw the system's errors. */
export interface RecordDisk {
  /** Makes the file, or opens it as it is. */
  openSegment(path: string): Promise<SegmentFile>;
  /** Replaces a file as a whole, durably. */
  replace(path: string, bytes: string | Uint8Array): Promise<void>;
  read(path: string): Promise<Buffer>;
  makeFolder(path: string): Promise<void>;
  list(path: string): Promise<string[]>;
  move(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with all in it; no error if absent. */
  remove(path: string): Promise<void>;
}

/** The machine's own file system. */
export const localDisk: RecordDisk = {
  async openSegment(path) {
    return new LocalSegmentFile(await openForWriting(path));
  },
  replace: (path, bytes) => writeFileAtomic(path, bytes),
  read: (path) => readFile(path),
  async makeFolder(path) {
    await makeFolder(path);
    await syncFolder(path);
  },
  list: (path) => readdir(path),
  move: (from, to) => rename(from, to),
  remove: (path) => rm(path, { recursive: true, force: true }),
};

// 'r+' needs the file, 'w' would empty it: the open segment must survive a second opening.
async function openForWriting(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch {
    return open(path, 'wx', 0o600);
  }
}

class LocalSegmentFile implements SegmentFile {
  readonly #file: FileHandle;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  async writeAt(bytes: Uint8Array, position: number): Promise<void> {
    let written = 0;
    while (written < bytes.length) {
      const left = bytes.length - written;
      const { bytesWritten } = await this.#file.write(bytes, written, left, position + written);
      written += bytesWritten;
    }
  }

  sync(): Promise<void> {
    return this.#file.datasync();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
