import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';

const SCRIPT = resolve('deploy/boardctl/vedette-boardctl');

/** Answers `show` from the file `state`, writes every other call down, and gives a restarted unit a new invocation. */
const SYSTEMCTL = `#!/bin/bash
here=$(dirname "$0")/..
if [[ $1 == show && $* == *UserspaceTimestampMonotonic* ]]; then cat "$here/booted"; exit; fi
if [[ $1 == show ]]; then cat "$here/state"; exit; fi
printf '%s\\n' "$*" >>"$here/calls"
if [[ $* == *' restart '* && -e $here/refuses ]]; then echo 'Job for it failed: "attempted too often"' >&2; exit 1; fi
if [[ $* == *' restart '* ]]; then sed -i "s/^InvocationID=.*/InvocationID=$(printf '%032x' $RANDOM)/" "$here/state"; fi
exit 0
`;

export const UNIT = 'vedette-edge@cam1.service';
export const INVOCATION = '0123456789abcdef0123456789abcdef';

/** An answer: the head that every one has, and whatever else it says. */
export const Answer = z.looseObject({ v: z.literal(1), helper: z.string(), verb: z.string(), outcome: z.string() });
export type Answer = z.infer<typeof Answer>;

export type Call = { readonly answer: Answer; readonly lines: number; readonly status: number | null };

/** The real script on this machine, with folders of its own and a systemctl that only writes down. */
export class StandInBoard {
  readonly root = mkdtempSync(join(tmpdir(), 'vedette-board-'));
  readonly run = join(this.root, 'run/vedette-boardctl');
  readonly state = join(this.root, 'var/lib/vedette-boardctl');
  readonly health = join(this.root, 'run/vedette/edge-cam1');

  constructor() {
    for (const folder of [this.run, this.state, this.health, join(this.root, 'etc/vedette/edge'), this.#bin]) {
      mkdirSync(folder, { recursive: true });
    }
    writeFileSync(join(this.root, 'etc/vedette/edge/cam1.yaml'), '');
    this.#program('systemctl', SYSTEMCTL);
    this.#program('logger', '#!/bin/sh\n');
    this.booted(3600);
    this.is({});
  }

  get #bin(): string {
    return join(this.root, 'bin');
  }

  #program(name: string, text: string): void {
    writeFileSync(join(this.#bin, name), text);
    chmodSync(join(this.#bin, name), 0o755);
  }

  /** What systemd says of every unit from now on. */
  is(properties: Readonly<Record<string, string>>): void {
    const all = {
      LoadState: 'loaded',
      ActiveState: 'active',
      SubState: 'running',
      Result: 'success',
      InvocationID: INVOCATION,
      NRestarts: '0',
      ExecMainCode: '0',
      ExecMainStatus: '0',
      ExecMainStartTimestampMonotonic: '5000000',
      WatchdogTimestampMonotonic: '6000000',
      Job: '',
      ...properties,
    };
    const lines = Object.entries(all).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(join(this.root, 'state'), lines.join(''));
  }

  /** The board has been up for this long. */
  booted(agoS: number): void {
    const upS = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);
    writeFileSync(join(this.root, 'booted'), `${Math.round((upS - agoS) * 1e6)}\n`);
  }

  refusesJobs(): void {
    writeFileSync(join(this.root, 'refuses'), '');
  }

  get invocation(): string {
    return /^InvocationID=(.*)$/m.exec(readFileSync(join(this.root, 'state'), 'utf8'))?.[1] ?? '';
  }

  /** What was asked of systemd, but for questions. */
  get calls(): string[] {
    const path = join(this.root, 'calls');
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  get audit(): string[] {
    return this.#log('audit.jsonl');
  }

  get refused(): string[] {
    return this.#log('refused.jsonl');
  }

  #log(name: string): string[] {
    const path = join(this.state, name);
    return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  }

  /** Sends one line, as sshd would. */
  async send(line: string): Promise<Call> {
    const env = {
      PATH: `${this.#bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
      VEDETTE_BOARDCTL_ROOT: this.root,
      SSH_ORIGINAL_COMMAND: line,
    };
    const child = spawn(SCRIPT, [], { env, cwd: this.root, stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.on('data', (chunk) => {
      out += String(chunk);
    });
    const status = await new Promise<number | null>((done, failed) => {
      child.on('error', failed);
      child.on('close', done);
    });
    const lines = out.split('\n');
    return { answer: Answer.parse(JSON.parse(out)), lines: lines.length - 1, status };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}
