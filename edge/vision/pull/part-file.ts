import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { z } from 'zod';
import { syncFolder, writeFileAtomic } from '../../../base/atomic-file.js';
import { parseJson } from '../../../protocol/codec.js';

const PartNote = z.object({ url: z.string(), sha256: z.string(), etag: z.string().optional() });

const READ_BYTES = 256 * 1024;

/**
 * A download on its way: `NAME.part` beside the target, and `NAME.part.json` that says what it is a part of.
 * The target appears by one rename, of verified bytes that were fsynced; until then nobody can take it for the file.
 */
export class PartFile {
  readonly #targetPath: string;
  readonly #file: FileHandle;
  #hash: Hash;
  #bytes: number;
  #etag: string | undefined;

  private constructor(targetPath: string, file: FileHandle, hash: Hash, bytes: number, etag: string | undefined) {
    this.#targetPath = targetPath;
    this.#file = file;
    this.#hash = hash;
    this.#bytes = bytes;
    this.#etag = etag;
  }

  /** Opens what an earlier attempt left if it was of the same file, else an empty part. @throws the system's error */
  static async open(targetPath: string, wanted: { readonly url: string; readonly sha256: string }): Promise<PartFile> {
    const note = await readNote(`${targetPath}.part.json`);
    const usable = note !== undefined && note.url === wanted.url && note.sha256 === wanted.sha256;
    const file = await openReadWrite(`${targetPath}.part`);
    try {
      const hash = createHash('sha256');
      const bytes = usable ? await hashFile(file, hash) : 0;
      const part = new PartFile(targetPath, file, bytes > 0 ? hash : createHash('sha256'), bytes, note?.etag);
      if (!usable) await part.restart();
      await part.#writeNote({ ...wanted, etag: usable ? note.etag : undefined });
      return part;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Bytes held so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The strong entity tag the held bytes came with. */
  get etag(): string | undefined {
    return this.#etag;
  }

  /** Notes the entity tag of what follows, so that another process can go on from it. */
  async noteEtag(wanted: { readonly url: string; readonly sha256: string }, etag: string | undefined): Promise<void> {
    this.#etag = etag;
    await this.#writeNote({ ...wanted, etag });
  }

  /** @throws the system's error (ENOSPC ...); the part may then hold some of the chunk. */
  async append(chunk: Uint8Array): Promise<void> {
    let offset = 0;
    while (offset < chunk.byteLength) {
      const { bytesWritten } = await this.#file.write(chunk, offset, chunk.byteLength - offset, this.#bytes + offset);
      offset += bytesWritten;
    }
    this.#hash.update(chunk);
    this.#bytes += chunk.byteLength;
  }

  /** Throws away what is held. */
  async restart(): Promise<void> {
    const { size } = await this.#file.stat();
    if (size > 0) await this.#file.truncate(0);
    this.#hash = createHash('sha256');
    this.#bytes = 0;
    this.#etag = undefined;
  }

  /** Sum of the bytes as they came, 64 hex digits. */
  sum(): string {
    return this.#hash.copy().digest('hex');
  }

  /**
   * Makes the part the target if the bytes read back from the disk have the sum; afterwards the part is closed.
   * @returns false, with nothing renamed, if they have not.
   */
  async promote(sha256: string): Promise<boolean> {
    await this.#file.sync();
    const fromDisk = createHash('sha256');
    await hashFile(this.#file, fromDisk);
    if (fromDisk.digest('hex') !== sha256) return false;
    await this.#file.chmod(0o644);
    await this.#file.close();
    await rename(`${this.#targetPath}.part`, this.#targetPath);
    await rm(`${this.#targetPath}.part.json`, { force: true });
    await syncFolder(dirname(this.#targetPath));
    return true;
  }

  /** Closes and keeps the part for a later attempt. */
  async keep(): Promise<void> {
    await this.#file.close().catch(() => {});
  }

  /** Closes and removes the part. */
  async remove(): Promise<void> {
    await this.keep();
    await rm(`${this.#targetPath}.part`, { force: true });
    await rm(`${this.#targetPath}.part.json`, { force: true });
  }

  async #writeNote(note: { url: string; sha256: string; etag: string | undefined }): Promise<void> {
    await writeFileAtomic(
      `${this.#targetPath}.part.json`,
      `${JSON.stringify({ file: basename(this.#targetPath), ...note })}\n`,
    );
  }
}

async function openReadWrite(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return open(path, 'wx+', 0o600);
    throw error;
  }
}

// A note that is broken or missing only costs the bytes it spoke of.
async function readNote(path: string): Promise<z.infer<typeof PartNote> | undefined> {
  try {
    return PartNote.parse(parseJson(await readFile(path, 'utf8')));
  } catch {
    return undefined;
  }
}

async function hashFile(file: FileHandle, hash: Hash): Promise<number> {
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let position = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, position);
    if (bytesRead === 0) return position;
    hash.update(buffer.subarray(0, bytesRead));
    position += bytesRead;
  }
}
