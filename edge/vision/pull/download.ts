import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { basename, dirname } from 'node:path';
import { backoffDelayMs } from '../../../base/backoff.js';
import type { Clock } from '../../../base/clock.js';
import { messageOf, OperationError, systemCodeOf } from '../../../base/errors.js';
import { FolderLock } from '../../../base/folder-lock.js';
import type { Random } from '../../../base/random.js';
import { httpGet } from './http-get.js';
import type { PullLimits } from './limits.js';
import { PartFile } from './part-file.js';
import { planResponse, type ResponseHead, type ResponsePlan, strongEtag } from './response-plan.js';

export type DownloadProgress = {
  readonly receivedBytes: number;
  /** Undefined while nobody knows. */
  readonly totalBytes: number | undefined;
  /** From 1. */
  readonly attempt: number;
  /** Why the last attempt ended, while waiting for the next. */
  readonly waitingFor?: string;
};

export type DownloadOptions = {
  /** http or https. */
  readonly url: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
  /** Size of the file where it is known beforehand. */
  readonly bytes?: number;
  /** Where the file goes; its folder must exist. */
  readonly targetPath: string;
  readonly limits: PullLimits;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: DownloadProgress) => void;
};

export type DownloadResult = {
  readonly bytes: number;
  readonly attempts: number;
  /** True if the file was there already with the right sum, and nothing was asked for. */
  readonly alreadyThere: boolean;
};

/**
 * Gets a file with a known sha256. Breaks are resumed with `Range`/`If-Range`, also by a later call or process; the
 * target appears only when the bytes on the disk have the sum. A part whose sum is wrong at the end is thrown away.
 * @throws OperationError `checksum-mismatch`, `not-found`, `refused`, `unreachable`, `timeout`, `disk-full`,
 * `state-unwritable`, `state-locked`; or the signal's reason, with the part kept for the next call.
 */
export async function downloadFile(options: DownloadOptions): Promise<DownloadResult> {
  try {
    const present = await sumOfFile(options.targetPath);
    if (present?.sha256 === options.sha256) return { bytes: present.bytes, attempts: 0, alreadyThere: true };
    // Two writers of one part file would tear it.
    const lock = await FolderLock.acquire(dirname(options.targetPath), `download ${basename(options.targetPath)}`);
    try {
      return await new Download(options, await PartFile.open(options.targetPath, options)).run();
    } finally {
      await lock.release();
    }
  } catch (error) {
    throw describeDiskFault(error, options);
  }
}

type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'again'; readonly reason: OperationError; readonly afterMs?: number | undefined };

class Download {
  readonly #options: DownloadOptions;
  readonly #part: PartFile;
  #totalBytes: number | undefined;
  #attempt = 0;
  #resumed = false;

  constructor(options: DownloadOptions, part: PartFile) {
    this.#options = options;
    this.#part = part;
    this.#totalBytes = options.bytes;
  }

  async run(): Promise<DownloadResult> {
    const { limits } = this.#options;
    let fruitless = 0;
    try {
      for (;;) {
        this.#attempt++;
        const before = this.#part.bytes;
        const outcome = await this.#runOnce();
        if (outcome.kind === 'done') {
          return { bytes: this.#part.bytes, attempts: this.#attempt, alreadyThere: false };
        }
        fruitless = this.#part.bytes > before ? 0 : fruitless + 1;
        if (fruitless >= limits.fruitlessMax || this.#attempt >= limits.attemptsMax) throw outcome.reason;
        await this.#wait(fruitless, outcome);
      }
    } catch (error) {
      // A full disk needs its bytes back, and wrong bytes or none are of no use to anyone; anything else can be resumed.
      const isWrong = error instanceof OperationError && ['checksum-mismatch', 'not-found'].includes(error.code);
      if (isWrong || this.#part.bytes === 0 || systemCodeOf(error) === 'ENOSPC') await this.#part.remove();
      else await this.#part.keep();
      throw error;
    }
  }

  async #wait(fruitless: number, outcome: Extract<Outcome, { kind: 'again' }>): Promise<void> {
    const { limits, clock, random, signal } = this.#options;
    this.#tell(outcome.reason.message);
    const backoffMs = backoffDelayMs(Math.max(0, fruitless - 1), limits.backoff, random.next());
    const askedMs = Math.min(outcome.afterMs ?? 0, limits.retryAfterMaxMs);
    await clock.sleep(Math.max(backoffMs, askedMs), signal);
  }

  async #runOnce(): Promise<Outcome> {
    try {
      return await this.#fetchRest();
    } catch (error) {
      if (error instanceof OperationError && error.transient) return { kind: 'again', reason: error };
      throw error;
    }
  }

  async #fetchRest(): Promise<Outcome> {
    const { url, limits, clock, signal } = this.#options;
    signal.throwIfAborted();
    const response = await httpGet({ url, headers: this.#rangeHeaders(), limits, clock, signal });
    const plan = planResponse(response.head, {
      haveBytes: this.#part.bytes,
      totalBytes: this.#options.bytes,
      bytesMax: limits.bytesMax,
    });
    if (plan.kind !== 'append' && plan.kind !== 'restart') {
      await response.discard();
      return await this.#withoutBody(plan);
    }
    await this.#begin(plan, response.head);
    for await (const chunk of response.body) await this.#take(chunk);
    return await this.#finish();
  }

  // If-Range: a file that changed upstream comes whole instead of as the tail of another one.
  #rangeHeaders(): Record<string, string> {
    if (this.#part.bytes === 0) return {};
    const range = { range: `bytes=${this.#part.bytes}-` };
    return this.#part.etag === undefined ? range : { ...range, 'if-range': this.#part.etag };
  }

  async #withoutBody(plan: Exclude<ResponsePlan, { kind: 'append' | 'restart' }>): Promise<Outcome> {
    switch (plan.kind) {
      case 'complete':
        this.#resumed = true;
        return await this.#finish();
      case 'discard':
        await this.#part.restart();
        return { kind: 'again', reason: this.#error('refused', plan.reason) };
      case 'retry':
        return { kind: 'again', reason: this.#error('unreachable', plan.reason), afterMs: plan.afterMs };
      case 'fail':
        throw this.#error(plan.code, plan.reason);
    }
  }

  async #begin(plan: Extract<ResponsePlan, { kind: 'append' | 'restart' }>, head: ResponseHead): Promise<void> {
    if (plan.kind === 'restart') await this.#part.restart();
    this.#resumed = plan.kind === 'append';
    this.#totalBytes = plan.totalBytes ?? this.#options.bytes;
    await this.#part.noteEtag(this.#options, strongEtag(head));
    this.#tell();
  }

  async #take(chunk: Uint8Array): Promise<void> {
    const bytes = this.#part.bytes + chunk.byteLength;
    // Whatever the headers said: this is what really comes.
    const allowed = Math.min(this.#options.bytes ?? Number.POSITIVE_INFINITY, this.#options.limits.bytesMax);
    if (bytes > allowed) throw this.#error('checksum-mismatch', `more than the ${allowed} bytes it may have`);
    await this.#part.append(chunk);
    this.#tell();
  }

  async #finish(): Promise<Outcome> {
    const { sha256 } = this.#options;
    if (this.#totalBytes !== undefined && this.#part.bytes < this.#totalBytes) {
      const reason = `the server stopped at byte ${this.#part.bytes} of ${this.#totalBytes}`;
      return { kind: 'again', reason: this.#error('unreachable', reason) };
    }
    const sum = this.#part.sum();
    if (sum === sha256 && (await this.#part.promote(sha256))) return { kind: 'done' };
    const reason = sum === sha256 ? 'the disk gave back other bytes than were written' : `its sha256 is ${sum}`;
    const mismatch = this.#error('checksum-mismatch', `${reason}, expected ${sha256}`);
    // A file put together from two responses may be wrong where either one is right: once more, whole.
    if (!this.#resumed || sum === sha256) throw mismatch;
    await this.#part.restart();
    return { kind: 'again', reason: mismatch };
  }

  #tell(waitingFor?: string): void {
    this.#options.onProgress?.({
      receivedBytes: this.#part.bytes,
      totalBytes: this.#totalBytes,
      attempt: this.#attempt,
      ...(waitingFor === undefined ? {} : { waitingFor }),
    });
  }

  #error(code: 'not-found' | 'refused' | 'checksum-mismatch' | 'unreachable', message: string): OperationError {
    const hint = code === 'checksum-mismatch' ? 'the file upstream is not the one that was asked for' : undefined;
    const subject = this.#options.url;
    return new OperationError({ code, op: 'download', subject, message, ...(hint === undefined ? {} : { hint }) });
  }
}

/** Size and sha256 of a file; undefined if there is none. @throws the system's error for anything but its absence. */
export async function sumOfFile(path: string): Promise<{ bytes: number; sha256: string } | undefined> {
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const chunk of createReadStream(path)) {
      hash.update(chunk);
      bytes += chunk.length;
    }
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  return { bytes, sha256: hash.digest('hex') };
}

const DISK_FAULTS: Readonly<Record<string, { code: 'disk-full' | 'state-unwritable'; message: string }>> = {
  ENOSPC: { code: 'disk-full', message: 'the disk is full' },
  EDQUOT: { code: 'disk-full', message: 'the disk quota is used up' },
  EROFS: { code: 'state-unwritable', message: 'the disk is read-only' },
  EACCES: { code: 'state-unwritable', message: 'no permission to write there' },
  ENOENT: { code: 'state-unwritable', message: 'its folder does not exist' },
  ENOTDIR: { code: 'state-unwritable', message: 'its folder is a file' },
  EISDIR: { code: 'state-unwritable', message: 'it is a folder' },
};

function describeDiskFault(error: unknown, options: DownloadOptions): unknown {
  const fault = error instanceof OperationError ? undefined : DISK_FAULTS[systemCodeOf(error) ?? ''];
  if (fault === undefined) return error;
  return new OperationError({
    code: fault.code,
    op: 'write',
    subject: options.targetPath,
    message: `${fault.message} (${messageOf(error)})`,
    cause: error,
  });
}
