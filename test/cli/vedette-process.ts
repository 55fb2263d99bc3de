import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

export type Ended = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  readonly cwd?: string;
  /** Gets standard output as it comes, for commands that write no text. */
  readonly onBytes?: (chunk: Buffer) => void;
  /** Resolves when the process is to get Ctrl-C. */
  readonly interruptWhen?: () => Promise<void>;
  /** Called with everything written so far whenever something comes; may signal the process. */
  readonly onOutput?: (output: { stdout: string; stderr: string }, kill: (signal: NodeJS.Signals) => void) => void;
};

const ENTRY = resolve('dist/cli/vedette.js');

/** Runs `vedette ...` from the built files as a process of its own, to its end. Nothing of our environment leaks in. */
export function runVedette(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
  if (!existsSync(ENTRY)) throw new Error(`${ENTRY} is missing: npm run build`);
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [ENTRY, ...args], {
      env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '/', ...options.env },
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    });
    const output = { stdout: '', stderr: '' };
    // No command of these tests takes longer on its own; a hung one must not outlive its test.
    const limit = setTimeout(() => child.kill('SIGKILL'), 60_000);
    if (options.onBytes !== undefined) child.stdout.on('data', options.onBytes);
    for (const name of options.onBytes === undefined ? (['stdout', 'stderr'] as const) : (['stderr'] as const)) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        output[name] += text;
        options.onOutput?.(output, (signal) => child.kill(signal));
      });
    }
    options.interruptWhen?.().then(() => child.kill('SIGINT'), fail);
    child.on('error', fail);
    child.on('close', (code) => {
      clearTimeout(limit);
      done({ code, ...output });
    });
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}
