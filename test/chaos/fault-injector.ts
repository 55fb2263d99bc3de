import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import { type DemoRun, descendants, isAlive } from '../system/demo-run.js';
import type { ChaosFault } from './chaos-history.js';
import type { NextFault } from './chaos-plan.js';

/** Does faults to the processes of one demo, by their ids, and to nobody else. */
export class FaultInjector {
  readonly #demo: DemoRun;
  readonly #clock: Clock;

  constructor(demo: DemoRun, clock: Clock) {
    this.#demo = demo;
    this.#clock = clock;
  }

  /** Undefined where the process is not there at the moment: then nothing was done. */
  inject({ kind, target, pauseMs }: NextFault): ChaosFault | undefined {
    const main = this.#mainProcess(target);
    if (main === undefined) return undefined;
    const inv = target.startsWith('cam') ? invocationOf(main) : undefined;
    const part = kind.split(' ')[0] ?? '';
    const pid = part === 'vision' ? child(main, 'vision-child') : part === 'camera' ? cameraOf(main) : main;
    if (pid === undefined || (target.startsWith('cam') && inv === undefined)) return undefined;
    if (!send(pid, kind.endsWith('killed') ? 'SIGKILL' : 'SIGSTOP')) return undefined;
    const atMs = this.#clock.nowMs();
    // Whoever was ended meanwhile, by its board or its node, cannot be let go on; its number is not used again so soon.
    if (pauseMs !== undefined) this.#clock.after(pauseMs, () => send(pid, 'SIGCONT'));
    return {
      kind,
      target,
      atMs,
      ...(inv === undefined ? {} : { inv }),
      ...(pauseMs === undefined ? {} : { untilMs: atMs + pauseMs }),
    };
  }

  #mainProcess(target: string): number | undefined {
    if (!target.startsWith('cam')) return this.#demo.processes(target)[0];
    try {
      const pid = Number(readFileSync(join(this.#demo.stateDir, 'state', 'run', target, 'pid'), 'utf8'));
      return Number.isInteger(pid) && pid > 1 && isAlive(pid) ? pid : undefined;
    } catch {
      return undefined;
    }
  }
}

function child(pid: number, text: string): number | undefined {
  return descendants(pid).find((one) => isAlive(one) && argumentsOf(one).some((arg) => arg.includes(text)));
}

function cameraOf(pid: number): number | undefined {
  return descendants(pid).find((one) => isAlive(one) && argumentsOf(one).includes('camera'));
}

function argumentsOf(pid: number): string[] {
  return nulSeparated(`/proc/${pid}/cmdline`);
}

function invocationOf(pid: number): string | undefined {
  return nulSeparated(`/proc/${pid}/environ`)
    .find((entry) => entry.startsWith('INVOCATION_ID='))
    ?.slice('INVOCATION_ID='.length);
}

function nulSeparated(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\0');
  } catch {
    return [];
  }
}

function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch {
    return false;
  }
}
