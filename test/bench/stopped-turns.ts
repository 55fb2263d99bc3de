import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** After a stop the pipe is full and the frame that was looked at is old: so long nothing is counted. */
const WARM_MS = 300;
const TURN_MS = 1000;

type NodeProcesses = { readonly main: number; readonly vision: number };

export type StoppedTurns = {
  readonly count: number;
  /** What the vision process reads for a frame. */
  readonly frameBytes: number;
  /** Done while the node is stopped. */
  readonly between: () => Promise<void>;
};

/**
 * Lets a node and something else work in turns, so that a machine whose speed drifts is as fast for both. The node's
 * processes are stopped for less time than anybody who watches over them waits; its capture program then waits at its pipe.
 * @returns frames/s of the node in each turn, by the bytes its vision process has read: all but some kilobytes are frames.
 */
export async function takeTurns({ main, vision }: NodeProcesses, turns: StoppedTurns): Promise<number[]> {
  const signal = (name: NodeJS.Signals) => {
    for (const pid of [main, vision]) process.kill(pid, name);
  };
  const rates: number[] = [];
  for (let turn = 0; turn < turns.count; turn++) {
    await sleep(WARM_MS);
    const before = { ms: performance.now(), bytes: readBy(vision) };
    await sleep(TURN_MS);
    const frames = (readBy(vision) - before.bytes) / turns.frameBytes;
    rates.push((frames * 1000) / (performance.now() - before.ms));
    signal('SIGSTOP');
    try {
      await turns.between();
    } finally {
      signal('SIGCONT');
    }
  }
  return rates;
}

function readBy(pid: number): number {
  const bytes = /^rchar: (\d+)$/m.exec(textOf(`/proc/${pid}/io`))?.[1];
  if (bytes === undefined) throw new Error(`process ${pid} is gone`);
  return Number(bytes);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
