import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseJson } from '../../protocol/codec.js';

export const CLI = resolve('dist/cli/vedette.js');

export type Json = { readonly [key: string]: unknown };

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A field of an object somewhere below; undefined where there is none. */
export function field(value: unknown, ...path: (string | number)[]): unknown {
  let current: unknown = value;
  for (const step of path) {
    if (Array.isArray(current)) current = current[Number(step)];
    else if (isJson(current)) current = current[step];
    else return undefined;
  }
  return current;
}

/** Waits until something holds, looking ten times a second. @throws Error with `what` when it does not in time */
export async function until<T>(
  what: string | (() => string),
  look: () => T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const untilMs = Date.now() + timeoutMs;
  for (;;) {
    const found = look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > untilMs)
      throw new Error(`not within ${timeoutMs} ms: ${typeof what === 'string' ? what : what()}`);
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** A program with its output collected, line by line. Ends only what it started. */
export class Program {
  readonly lines: string[] = [];
  readonly errors: string[] = [];
  readonly child: ChildProcess;
  readonly exit: Promise<number | null>;
  isOver = false;

  constructor(command: string, args: readonly string[]) {
    this.child = spawn(command, [...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    collect(this.child.stdout, this.lines);
    collect(this.child.stderr, this.errors);
    this.exit = new Promise((done, fail) => {
      this.child.once('error', fail);
      this.child.once('close', (code) => {
        this.isOver = true;
        done(code);
      });
    });
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    this.child.kill(signal);
    return this.exit;
  }
}

function collect(stream: NodeJS.ReadableStream | null, lines: string[]): void {
  let rest = '';
  stream?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
  });
}

export function runVedette(...args: string[]): Program {
  if (!existsSync(CLI)) throw new Error(`${CLI} is missing: npm run build`);
  return new Program(process.execPath, [CLI, ...args]);
}

/** `vedette demo --json` on an ephemeral port and a state folder of its own. */
export class DemoRun {
  readonly stateDir: string;
  readonly program: Program;

  constructor(...args: string[]) {
    this.stateDir = mkdtempSync(join(tmpdir(), 'vedette-demo-'));
    this.program = runVedette('demo', '--json', '--port', '0', '--state', this.stateDir, ...args);
  }

  /** All objects printed so far. */
  statuses(): Json[] {
    return this.program.lines.flatMap((line) => {
      const value = parseJson(line);
      return isJson(value) ? [value] : [];
    });
  }

  /** Waits until a status has what is asked for. */
  status(what: string, has: (status: Json) => boolean, timeoutMs = 90_000): Promise<Json> {
    return until(
      () =>
        `${what}; last: ${this.program.lines.at(-1)?.slice(0, 2000)} ${this.program.errors.join('\n').slice(0, 2000)}\n${this.logs()}`,
      () => {
        if (this.program.isOver) throw new Error(`demo ended early: ${this.program.errors.join('\n')}\n${this.logs()}`);
        return this.statuses().findLast(has);
      },
      timeoutMs,
    );
  }

  async port(): Promise<number> {
    const status = await this.status('the broker is up', (one) => field(one, 'broker', 'connected') === true);
    return Number(new URL(String(field(status, 'broker', 'url'))).port);
  }

  /** Process ids of everything that was started on this state folder, the demo itself not among them. */
  processes(role = ''): number[] {
    return readdirSync('/proc').flatMap((name) => {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === this.program.child.pid) return [];
      try {
        const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return args.some((arg) => arg.includes(this.stateDir)) && (role === '' || args.includes(role)) ? [pid] : [];
      } catch {
        return [];
      }
    });
  }

  /** The main process of a node. */
  nodeProcess(node: string): number {
    const pid = this.processes('edge').find((candidate) =>
      readFileSync(`/proc/${candidate}/cmdline`, 'utf8').includes(join('config', `${node}.yaml`)),
    );
    if (pid === undefined) throw new Error(`no process of ${node}`);
    return pid;
  }

  logs(): string {
    const folder = join(this.stateDir, 'logs');
    if (!existsSync(folder)) return '';
    return readdirSync(folder)
      .map((name) => `--- ${name}\n${readFileSync(join(folder, name), 'utf8').slice(-1500)}`)
      .join('\n');
  }

  /** Ends the demo if it still runs and removes its folder. */
  async remove(): Promise<void> {
    if (!this.program.isOver) await this.program.end('SIGTERM');
    rmSync(this.stateDir, { recursive: true, force: true });
  }
}

/** All processes below a process, children of children included. */
export function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // proc(5): the command in brackets may hold anything, so the fields count from its end.
      const after = readFileSync(`/proc/${name}/stat`, 'utf8').replace(/^.*\) /s, '');
      parents.set(Number(name), Number(after.split(' ')[1]));
    } catch {
      // Gone meanwhile.
    }
  }
  const below = (of: number): number[] =>
    [...parents].flatMap(([child, parent]) => (parent === of ? [child, ...below(child)] : []));
  return below(pid);
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}
