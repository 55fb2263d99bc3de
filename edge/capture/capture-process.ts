import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';
import type { Clock } from '../../base/clock.js';
import { InvariantError, OperationError, systemCodeOf } from '../../base/errors.js';
import { type CapturePipe, openCapturePipe } from './capture-pipe.js';
import { STDERR_TAIL_BYTES, STOP_GRACE_MS } from './limits.js';
import { PipeReader } from './pipe-reader.js';

export type CaptureProcessOptions = {
  readonly program: string;
  readonly args: readonly string[];
  /** What the program is started for, in an error: `camera front`, a path. */
  readonly subject: string;
  /** What to do when the program is not installed. */
  readonly missingHint: string;
  readonly clock: Clock;
};

/** How a program ended: its exit code, or the signal that ended it. */
export type ProcessEnd = { readonly code: number | null; readonly signal: NodeJS.Signals | null };

/**
 * One capture program: its standard output as bytes, the tail of its standard error, and its end. Started from argv,
 * never by a shell. It ends with us: `stop` ends it; when our process exits it is killed; when our process is killed
 * its next write fails, for which it must write to standard output only.
 */
export class CaptureProcess {
  readonly stdout: PipeReader;
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  readonly #ended: Promise<ProcessEnd>;
  readonly #onOurExit: () => void;
  #isEnded = false;
  #stderr = '';

  private constructor(child: ChildProcess, stdout: PipeReader, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
    this.stdout = stdout;
    this.#onOurExit = () => child.kill('SIGKILL');
    process.once('exit', this.#onOurExit);
    this.#ended = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        this.#isEnded = true;
        process.off('exit', this.#onOurExit);
        resolve({ code, signal });
      });
    });
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-STDERR_TAIL_BYTES);
    });
    // A broken pipe to a dying child is its end, which `exit` reports.
    child.stderr?.on('error', () => {});
    child.on('error', () => {});
  }

  /** @throws OperationError `missing-program`, `camera-refused` (it may not be started). */
  static async start(options: CaptureProcessOptions): Promise<CaptureProcess> {
    const pipe = await openCapturePipe(options.clock);
    try {
      const child = spawnWith(pipe, options);
      const stdout = pipe?.reader ?? readerOf(child.stdout);
      await once(child, 'spawn');
      return new CaptureProcess(child, stdout, options.clock);
    } catch (error) {
      pipe?.reader.destroy();
      const missing = systemCodeOf(error) === 'ENOENT';
      throw new OperationError({
        code: missing ? 'missing-program' : 'camera-refused',
        op: 'start',
        subject: `${options.program} for ${options.subject}`,
        message: missing ? 'the program is not installed' : 'it cannot be started',
        hint: options.missingHint,
        transient: true,
        cause: error,
      });
    } finally {
      // The program has a copy; while ours is open, its end would not be the end of the stream.
      pipe?.programEnd.destroy();
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** The last words on standard error: one line, no control sequences, no password of an address, at most 200 characters. */
  get lastWords(): string {
    // Programs repeat the address they were given. Before the cut: behind it, half an address looks like none.
    return stripVTControlCharacters(this.#stderr)
      .replace(/(\w+:\/\/)[^\s/@]*@/g, '$1***@')
      .trim()
      .replace(/\s*\n\s*/g, '; ')
      .slice(-200);
  }

  /** Resolves when the program has ended. */
  ended(): Promise<ProcessEnd> {
    return this.#ended;
  }

  /** Ends the program: SIGTERM, after a grace SIGKILL. Idempotent; resolves when it is gone. */
  async stop(): Promise<void> {
    // First the pipe: a program that sleeps in a write to it would not see a signal it handles.
    this.stdout.destroy();
    if (this.#isEnded) return;
    this.#child.kill('SIGTERM');
    const cancel = this.#clock.after(STOP_GRACE_MS, () => this.#child.kill('SIGKILL'));
    await this.#ended;
    cancel();
    this.#child.stderr?.destroy();
  }
}

/** `exit code 1` or `SIGKILL`, with the program's last words. */
export function describeEnd(end: ProcessEnd, lastWords: string): string {
  const how = end.signal === null ? `exit code ${end.code}` : `ended by ${end.signal}`;
  return lastWords === '' ? how : `${how} (${lastWords})`;
}

function spawnWith(pipe: CapturePipe | undefined, { program, args }: CaptureProcessOptions): ChildProcess {
  const stdout = pipe?.programEnd ?? 'pipe';
  return spawn(program, [...args], { stdio: ['ignore', stdout, 'pipe'], shell: false });
}

function readerOf(stdout: Readable | null): PipeReader {
  if (stdout === null) throw new InvariantError('a program without our pipe has one of its own');
  const reader = new PipeReader(stdout);
  stdout.on('data', (chunk: Uint8Array) => {
    if (!reader.push(chunk)) stdout.pause();
  });
  return reader;
}
