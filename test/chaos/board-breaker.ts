import type { Clock } from '../../base/clock.js';
import { Board } from '../lab/board.js';
import { BROKER_BOARD, NODES, type NodeName, unitOf } from '../lab/fleet-plan.js';
import { lab, push } from '../lab/lab-command.js';
import type { BoardAudit } from './board-audit.js';
import type { ChaosFault, FaultKind } from './chaos-history.js';
import type { NextFault } from './chaos-plan.js';

/** Where a fault goes. */
type Place = { readonly board: Board; readonly index: string; readonly unit: string };
type Step = (place: Place) => Promise<unknown>;

const DROP_IN = '/etc/vedette-chaos.conf';

/** What is made ready, what is done, what is cleared up at once, and what takes it back later. */
type Steps = { readonly ready?: Step; readonly break: Step; readonly clear?: Step; readonly mend?: Step };

const STEPS: Readonly<Partial<Record<FaultKind, Steps>>> = {
  'node killed': { break: kill },
  'broker killed': { break: kill },
  'monitor killed': { break: kill },
  'node given up': { ready: withoutRestart, break: kill, clear: withRestart },
  'node frozen': { break: ({ index, unit }) => lab('freeze', index, unit) },
  'broker paused': {
    break: ({ index, unit }) => lab('freeze', index, unit),
    mend: ({ index, unit }) => lab('thaw', index, unit),
  },
  'node stopped': {
    break: ({ board, unit }) => board.console('systemctl', 'stop', unit),
    mend: ({ board, unit }) => board.console('systemctl', 'start', '--no-block', unit),
  },
  'vision killed': { break: ({ board }) => board.console('pkill', '-KILL', '-f', 'vision-child') },
  'vision frozen': { break: ({ board }) => board.console('pkill', '-STOP', '-f', 'vision-child') },
  'camera wedged': { break: ({ board }) => board.console('pkill', '-STOP', '-f', 'sim camera --pipe') },
  'board cut off': {
    break: ({ index }) => lab('cut', index, '--silent'),
    mend: ({ index }) => lab('heal', index),
  },
  'board unplugged': {
    break: ({ index }) => lab('power-off', index),
    mend: ({ index }) => lab('power-on', index),
  },
};

function kill({ index, unit }: Place): Promise<unknown> {
  return lab('kill', index, unit);
}

/** As after too many starts, in one stroke: its board does not start it again. */
async function withoutRestart({ board, unit }: Place): Promise<void> {
  const folder = dropIns(unit);
  await push(board.index, '[Service]\nRestart=no\n', DROP_IN);
  await board.console(
    'sh',
    '-c',
    `mkdir -p ${folder} && cp ${DROP_IN} ${folder}/chaos.conf && systemctl daemon-reload`,
  );
}

async function withRestart({ board, unit }: Place): Promise<void> {
  await board.reaches(unit, 'ActiveState', 'failed');
  await board.console('sh', '-c', `rm -r ${dropIns(unit)} && systemctl daemon-reload`);
}

function dropIns(unit: string): string {
  return `/run/systemd/system/${unit}.d`;
}

/** Does faults to the boards of the lab, and takes back what is to be taken back. */
export class BoardBreaker {
  readonly #clock: Clock;
  readonly #audit: BoardAudit;
  readonly #mending = new Set<Promise<unknown>>();

  constructor(clock: Clock, audit: BoardAudit) {
    this.#clock = clock;
    this.#audit = audit;
  }

  /** Undefined where the service does not run at the moment: then nothing was done. */
  async inject({ kind, target, pauseMs }: NextFault): Promise<ChaosFault | undefined> {
    const steps = STEPS[kind];
    if (steps === undefined) return undefined;
    const place = placeOf(target);
    const { board, unit } = place;
    const { status, out } = await board.tried('systemctl', 'show', '-p', 'ActiveState', '-p', 'InvocationID', unit);
    const inv = /^InvocationID=([0-9a-f]{32})$/m.exec(out)?.[1];
    if (status !== 0 || inv === undefined || !/^ActiveState=active$/m.test(out)) return undefined;
    // Its own budget of an hour would be used up by a run; and a power cut takes the newest lines of its audit log.
    await board.console('sh', '-c', 'rm -f /run/vedette-boardctl/restarts.*');
    await this.#audit.collect(board.index);
    await steps.ready?.(place);
    await steps.break(place);
    // From when it is done: what is heard before, on a board that is slow to be told, is no recovery.
    const atMs = this.#clock.nowMs();
    await steps.clear?.(place);
    const untilMs = pauseMs === undefined ? undefined : atMs + pauseMs;
    const { mend } = steps;
    if (pauseMs !== undefined && mend !== undefined) this.#mendAfter(pauseMs, () => mend(place));
    return { kind, target, inv, atMs, ...(untilMs === undefined ? {} : { untilMs }) };
  }

  #mendAfter(ms: number, mend: () => Promise<unknown>): void {
    const mending = this.#clock
      .sleep(ms)
      .then(mend)
      // What is not mended is not back, which is told.
      .catch(() => {})
      .finally(() => this.#mending.delete(mending));
    this.#mending.add(mending);
  }

  /** Resolves when all is taken back. */
  async end(): Promise<void> {
    await Promise.all(this.#mending);
  }
}

function placeOf(target: string): Place {
  const index = isNode(target) ? NODES[target] : BROKER_BOARD;
  const unit = isNode(target) ? unitOf(target) : `vedette-${target}.service`;
  return { board: new Board(index), index: String(index), unit };
}

function isNode(target: string): target is NodeName {
  return target in NODES;
}
