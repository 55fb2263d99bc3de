import { posix } from 'node:path';
import type { Random } from '../../../base/random.js';
import { DiskFile } from './disk-file.js';

/** What a power cut did to a disk. */
export type PowerCutReport = { readonly lostWrites: number; readonly tornWrites: number; readonly undoneNames: number };

/** A disk at one time: paths and contents, all of it durable. */
export type DiskImage = ReadonlyMap<string, Uint8Array>;

export type DiskCounts = { writes: number; syncs: number; bytesWritten: number; refusals: number; bitFlips: number };

/** An error as the system's calls give them. */
export class DiskError extends Error {
  readonly code: string;

  constructor(code: string, path: string) {
    super(`${code}: ${path}`);
    this.code = code;
  }
}

/**
 * A card with a journalling file system. Writes are visible at once and durable after `sync` of their file; names (made,
 * moved, removed) are durable in their order, at the latest with the next sync of any file. A power cut takes back an
 * end of both. All calls take effect at once: how long a disk takes is for its caller to simulate.
 */
export class SimulatedDisk {
  readonly counts: DiskCounts = { writes: 0, syncs: 0, bytesWritten: 0, refusals: 0, bitFlips: 0 };
  /** Bytes it has room for. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** While set, every write and sync fails with it: `EIO`, `EROFS`. */
  failsWith: string | undefined;
  readonly #files = new Map<string, DiskFile>();
  /** Folders that were made; they need not be for files to lie in them. */
  readonly #folders = new Set<string>();
  /** How to take back each change of names that is not durable. */
  #undoNames: (() => void)[] = [];
  #usedBytes = 0;

  get usedBytes(): number {
    return this.#usedBytes;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  /** Length of a file, or undefined where there is none. */
  size(path: string): number | undefined {
    return this.#files.get(path)?.length;
  }

  /** A copy of a file. @throws DiskError ENOENT, EIO. */
  read(path: string): Uint8Array {
    if (this.failsWith === 'EIO') throw new DiskError('EIO', path);
    return this.#file(path).read();
  }

  /** See DiskFile: the same object for as long as the bytes of the file are the same. Errors as `read`. */
  contentOf(path: string): object {
    if (this.failsWith === 'EIO') throw new DiskError('EIO', path);
    return this.#file(path).content;
  }

  /** Makes an empty file, or leaves the one that is there. */
  create(path: string): void {
    if (!this.#files.has(path)) this.#undoNames.push(this.#name(path, new DiskFile()));
  }

  /**
   * Writes into a file, made if absent. @throws DiskError ENOSPC after writing what there was room for; EIO, EROFS.
   */
  write(path: string, bytes: Uint8Array, position: number): void {
    this.#mayWrite(path);
    this.create(path);
    const file = this.#file(path);
    const growth = Math.max(0, position + bytes.length - file.length);
    const room = Math.max(0, this.capacityBytes - this.#usedBytes);
    const fitting = growth <= room ? bytes : bytes.subarray(0, Math.max(0, bytes.length - (growth - room)));
    if (fitting.length > 0) {
      this.#usedBytes += Math.max(0, position + fitting.length - file.length);
      file.write(fitting, position);
      this.counts.writes++;
      this.counts.bytesWritten += fitting.length;
    }
    if (fitting.length < bytes.length) this.#refuse('ENOSPC', path);
  }

  /** Writes at the end of a file. Errors as `write`. */
  append(path: string, bytes: Uint8Array): void {
    this.write(path, bytes, this.size(path) ?? 0);
  }

  /** What was written into the file before, and every name, survives a power cut from now on. @throws DiskError EIO, ENOENT. */
  sync(path: string): void {
    this.#mayWrite(path);
    this.#file(path).sync();
    this.#undoNames = [];
    this.counts.syncs++;
  }

  /** Replaces a file as a whole, durably: a reader finds the old or the new one. Errors as `write`, the old one stays. */
  replace(path: string, bytes: Uint8Array): void {
    this.#mayWrite(path);
    // The old one is given up only when the new one is whole.
    if (this.#usedBytes + bytes.length > this.capacityBytes) this.#refuse('ENOSPC', path);
    this.#usedBytes += bytes.length - (this.size(path) ?? 0);
    this.#files.set(path, new DiskFile(bytes));
    this.#undoNames = [];
    this.counts.writes++;
    this.counts.syncs++;
    this.counts.bytesWritten += bytes.length;
  }

  /** Cuts a file, on a full disk too. Durable at once: recovery cuts torn ends and must not find them again. @throws DiskError */
  truncate(path: string, length: number): void {
    this.#mayWrite(path);
    const file = this.#file(path);
    this.#usedBytes -= Math.max(0, file.length - length);
    file.truncate(length);
  }

  /** Makes a folder, durably. */
  makeFolder(path: string): void {
    this.#folders.add(path);
  }

  /** Names of files and folders directly in a folder, sorted; none where there is no such folder. */
  list(folder: string): string[] {
    const prefix = folder === '' ? '' : `${folder}/`;
    const names = new Set<string>();
    for (const path of [...this.#files.keys(), ...this.#folders]) {
      if (path.startsWith(prefix)) names.add(path.slice(prefix.length).split('/')[0] ?? '');
    }
    return [...names].sort();
  }

  hasFolder(path: string): boolean {
    if (this.#folders.has(path) || this.#below(path).length > 0) return true;
    return [...this.#folders].some((folder) => folder.startsWith(`${path}/`));
  }

  /** Every file, sorted by path. */
  paths(): string[] {
    return [...this.#files.keys()].sort();
  }

  /** Moves a file, or a folder with all in it. @throws DiskError ENOENT. */
  move(from: string, to: string): void {
    const moved = this.#below(from);
    if (moved.length === 0 && !this.#folders.has(from)) throw new DiskError('ENOENT', from);
    const undos = moved.flatMap(([path, file]) => [
      this.#unname(path),
      this.#name(posix.join(to, posix.relative(from, path)), file),
    ]);
    if (this.#folders.delete(from)) this.#folders.add(to);
    // One rename, whole or not at all.
    this.#undoNames.push(() => {
      for (const undo of undos.reverse()) undo();
    });
  }

  /** Removes a file, or a folder with all in it. */
  remove(path: string): void {
    for (const [inside] of this.#below(path)) this.#undoNames.push(this.#unname(inside));
    for (const folder of this.#folders) {
      if (folder === path || folder.startsWith(`${path}/`)) this.#folders.delete(folder);
    }
  }

  // ---- what befalls it

  /** The power goes: an end of what was not durable is lost, the last write that is not may be torn. */
  powerCut(random: Random): PowerCutReport {
    let lostWrites = 0;
    let tornWrites = 0;
    for (const path of this.paths()) {
      const file = this.#file(path);
      const writes = file.unsyncedWrites;
      if (writes === 0) continue;
      const kept = random.int(writes + 1);
      const tornBytes = random.chance(0.5) ? random.int(200) : 0;
      file.powerCut(kept, tornBytes, random.chance(0.15));
      lostWrites += writes - kept;
      if (kept < writes && tornBytes > 0) tornWrites++;
    }
    const undone = this.#undoNames.splice(random.int(this.#undoNames.length + 1)).reverse();
    for (const undo of undone) undo();
    this.#undoNames = [];
    this.#measure();
    return { lostWrites, tornWrites, undoneNames: undone.length };
  }

  /** Flips one bit of one file that `choose` accepts. @returns the path, or undefined where there is nothing to flip. */
  flipBit(random: Random, choose: (path: string) => boolean = () => true): string | undefined {
    const paths = this.paths().filter((path) => (this.size(path) ?? 0) > 0 && choose(path));
    if (paths.length === 0) return undefined;
    const path = random.pick(paths);
    const file = this.#file(path);
    file.flipBit(random.int(8 * file.length));
    this.counts.bitFlips++;
    return path;
  }

  /** What a copy of the card made now would hold. */
  image(): DiskImage {
    return new Map([...this.#files].map(([path, file]) => [path, file.read()]));
  }

  /** Becomes another card: an older image of this one, or of another. */
  restore(image: DiskImage): void {
    this.#files.clear();
    this.#folders.clear();
    for (const [path, bytes] of image) this.#files.set(path, new DiskFile(bytes));
    this.#undoNames = [];
    this.#measure();
  }

  wipe(): void {
    this.restore(new Map());
  }

  #file(path: string): DiskFile {
    const file = this.#files.get(path);
    if (file === undefined) throw new DiskError('ENOENT', path);
    return file;
  }

  #below(path: string): [string, DiskFile][] {
    return [...this.#files].filter(([inside]) => inside === path || inside.startsWith(`${path}/`));
  }

  // Both give what takes them back.
  #name(path: string, file: DiskFile): () => void {
    const before = this.#files.get(path);
    this.#usedBytes += file.length - (before?.length ?? 0);
    this.#files.set(path, file);
    return () => {
      if (before === undefined) this.#files.delete(path);
      else this.#files.set(path, before);
    };
  }

  #unname(path: string): () => void {
    const file = this.#file(path);
    this.#usedBytes -= file.length;
    this.#files.delete(path);
    return () => {
      this.#files.set(path, file);
    };
  }

  #measure(): void {
    this.#usedBytes = [...this.#files.values()].reduce((sum, file) => sum + file.length, 0);
  }

  #mayWrite(path: string): void {
    if (this.failsWith !== undefined) this.#refuse(this.failsWith, path);
  }

  #refuse(code: string, path: string): never {
    this.counts.refusals++;
    throw new DiskError(code, path);
  }
}
