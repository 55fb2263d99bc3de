import { open, readdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '../base/atomic-file.js';
import { OperationError, systemCodeOf } from '../base/errors.js';
import { makeFolder } from '../base/state-folder.js';
import { decodeEntries, decodeHeader, encodeEntry, encodeHeader, HEADER_BYTES } from './journal-entry.js';
import type { Retained } from './retained-store.js';

/** The part of an open file that the journal writes with; tests hand in one that fails. */
export interface JournalFile {
  write(bytes: Uint8Array, offset: number, length: number, position: number): Promise<{ bytesWritten: number }>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** Where the retained messages lie between two lives of the broker. */
export interface RetainedDisk {
  /** Reads the snapshot and every journal that is not older, oldest first. */
  load(): Promise<Loaded>;
  /** Makes and opens the empty journal of a generation. Survives a power cut once this resolves. */
  createJournal(generation: number): Promise<JournalFile>;
  /** Replaces the snapshot: what held when the journal of this generation began. Whole and synced, or untouched. */
  writeSnapshot(generation: number, messages: Iterable<Retained>): Promise<number>;
  /** Removes the journals older than a generation. */
  removeBefore(generation: number): Promise<void>;
}

export type Loaded = {
  /** Changes in the order in which they happened; a message with an empty payload is a removal. */
  readonly entries: readonly Retained[];
  /** Highest generation seen; the next journal takes a higher one. */
  readonly generation: number;
  /** Bytes that were no whole entry: torn tails and rot. */
  readonly badBytes: number;
  /** True if journals were read: a new snapshot spares the next start their length. */
  readonly worthSnapshot: boolean;
};

type Read = Omit<Loaded, 'worthSnapshot'>;

const SNAPSHOT = 'retained.snapshot';
const JOURNAL_PATTERN = /^retained\.journal\.(\d{1,10})$/;
/** Written in pieces, so that a big snapshot does not stand in memory twice nor block the event loop. */
const CHUNK_BYTES = 256 * 1024;

/** The folder of a broker's retained messages: `retained.snapshot` and `retained.journal.<generation>`. */
export class RetainedFolder implements RetainedDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async load(): Promise<Loaded> {
    await makeFolder(this.#path);
    const snapshot = await this.#read(SNAPSHOT);
    const entries: Retained[] = [...snapshot.entries];
    let { badBytes, generation } = snapshot;
    let worthSnapshot = false;
    for (const [number, name] of await this.#journals()) {
      // What is older is in the snapshot already; it was left behind by a crash before its removal.
      if (number < snapshot.generation) continue;
      const journal = await this.#read(name);
      for (const entry of journal.entries) entries.push(entry);
      badBytes += journal.badBytes;
      worthSnapshot ||= journal.entries.length > 0;
      generation = Math.max(generation, number);
    }
    return { entries, generation, badBytes, worthSnapshot };
  }

  async createJournal(generation: number): Promise<JournalFile> {
    const file = await open(join(this.#path, `retained.journal.${generation}`), 'w', 0o600);
    try {
      await file.write(encodeHeader(generation), 0, HEADER_BYTES, 0);
      await file.sync();
      await syncFolder(this.#path);
    } catch (error) {
      await file.close().catch(() => {});
      throw error;
    }
    return file;
  }

  async writeSnapshot(generation: number, messages: Iterable<Retained>): Promise<number> {
    const temporary = join(this.#path, '.retained.snapshot.tmp');
    let bytes = 0;
    try {
      const file = await open(temporary, 'w', 0o600);
      try {
        for (const chunk of chunksOf(encodeHeader(generation), messages)) {
          await file.writeFile(chunk);
          bytes += chunk.byteLength;
        }
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, join(this.#path, SNAPSHOT));
    } catch (error) {
      await unlink(temporary).catch(() => {});
      throw error;
    }
    await syncFolder(this.#path);
    return bytes;
  }

  async removeBefore(generation: number): Promise<void> {
    for (const [number, name] of await this.#journals()) {
      if (number < generation) await unlink(join(this.#path, name));
    }
  }

  async #journals(): Promise<[number, string][]> {
    const found: [number, string][] = [];
    for (const name of await readdir(this.#path)) {
      const number = JOURNAL_PATTERN.exec(name)?.[1];
      if (number !== undefined) found.push([Number(number), name]);
    }
    return found.sort(([a], [b]) => a - b);
  }

  async #read(name: string): Promise<Read> {
    let bytes: Buffer;
    try {
      bytes = await readFile(join(this.#path, name));
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return { entries: [], generation: 0, badBytes: 0 };
      throw new OperationError({
        code: 'state-unwritable',
        op: 'read',
        subject: `retained messages in ${join(this.#path, name)}`,
        message: systemCodeOf(error) ?? 'failed',
        cause: error,
      });
    }
    const generation = decodeHeader(bytes);
    if (generation === undefined) return { entries: [], generation: 0, badBytes: bytes.length };
    return { generation, ...decodeEntries(bytes) };
  }
}

function* chunksOf(header: Buffer, messages: Iterable<Retained>): Generator<Buffer> {
  let waiting: Buffer[] = [header];
  let waitingBytes = header.byteLength;
  for (const message of messages) {
    const entry = encodeEntry(message);
    waiting.push(entry);
    waitingBytes += entry.byteLength;
    if (waitingBytes >= CHUNK_BYTES) {
      yield Buffer.concat(waiting);
      waiting = [];
      waitingBytes = 0;
    }
  }
  yield Buffer.concat(waiting);
}
