import { execFile } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export type Ran = { readonly status: number; readonly out: string; readonly err: string };

/** Runs a program to its end; does not throw for an exit status. */
export function ran(program: string, args: readonly string[], timeoutMs = 120_000): Promise<Ran> {
  return new Promise((done) => {
    execFile(program, [...args], { timeout: timeoutMs, maxBuffer: 8 * 1024 * 1024 }, (error, out, err) => {
      const status = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
      done({ status, out, err });
    });
  });
}

/** The lab's own program; what it printed. @throws Error when it fails */
export async function lab(...args: string[]): Promise<string> {
  const program = process.env.VEDETTE_LAB_PROGRAM;
  if (program === undefined) throw new Error('run the chapters by `npm run test:lab`');
  const { status, out, err } = await ran(program, args);
  if (status !== 0) throw new Error(`lab ${args.join(' ')}: status ${status}\n${out}${err}`);
  return out;
}

/** A folder of these chapters on this machine: keys, passwords, files on their way to a board. */
export function workDir(): string {
  const dir = process.env.VEDETTE_LAB_WORK ?? '';
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  return dir;
}

/** Puts a text into a file of a board. */
export async function push(board: number, text: string, path: string, mode = 0o644): Promise<void> {
  const local = join(workDir(), 'push');
  writeFileSync(local, text, { mode: 0o600 });
  chmodSync(local, mode);
  await lab('push', String(board), local, path);
}
