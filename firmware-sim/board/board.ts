import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../../base/clock.js';
import type { Log } from '../../base/log.js';
import { makeFolder } from '../../base/state-folder.js';
import { edgeUnit } from '../../protocol/board.js';
import { Boardctl } from './boardctl.js';
import { SshDoor } from './ssh-door.js';
import { noteUnitEnd } from './unit-end.js';
import { UnitProcess } from './unit-process.js';

export type BoardOptions = {
  readonly node: string;
  /** Program and arguments of its edge service. */
  readonly command: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The board's `/run`: pulse of the service, its process id. */
  readonly runDir: string;
  readonly port: number;
  readonly hostKey: string;
  readonly authorizedKey: string;
  readonly user: string;
  readonly restartsPerHour?: number;
  readonly clock: Clock;
  readonly log: Log;
};

/**
 * Runs a simulated board until the signal aborts: one edge service as a real process, and an SSH door that speaks
 * docs/board-protocol.md. Nothing on the board brings the service back when it dies: that is the monitor's business.
 * @throws OperationError `port-busy`.
 */
export async function runBoard(options: BoardOptions, signal: AbortSignal): Promise<void> {
  const { node, command, env, runDir, clock, log, restartsPerHour } = options;
  const running = new AbortController();
  await makeFolder(runDir);
  const unit = new UnitProcess({
    command,
    env,
    runtimeDir: runDir,
    clock,
    onEnd: ({ active, result, exitCode, exitStatus }) => {
      log.warn('service ended', { node, active, result, exitCode, exitStatus });
      noteUnitEnd(runDir, exitStatus).catch(() => {});
    },
    onStart: ({ pid, inv }) => {
      log.info('service started', { node, pid, inv });
      // For a person with `kill -9 $(cat ...)`.
      writeFile(join(runDir, 'pid'), `${pid}\n`).catch(() => {});
      noteUnitEnd(runDir, null).catch(() => {});
    },
  });
  const boardctl = new Boardctl({
    unitName: edgeUnit(node),
    unit,
    runtimeDir: runDir,
    boot: randomUUID(),
    clock,
    // Whoever started this process starts it again: with another boot id.
    reboot: () => running.abort(),
    audit: (line, answer) => log.info('order', { line, outcome: answer.outcome }),
    ...(restartsPerHour === undefined ? {} : { restartsPerHour }),
  });
  const door = new SshDoor({
    host: '127.0.0.1',
    port: options.port,
    hostKey: options.hostKey,
    authorizedKey: options.authorizedKey,
    user: options.user,
    run: async (line) => JSON.stringify(await boardctl.answer(line)),
  });
  const port = await door.open();
  log.info('board runs', { node, sshPort: port });
  unit.start();
  const end = AbortSignal.any([signal, running.signal]);
  await new Promise<void>((resolve) => {
    if (end.aborted) resolve();
    end.addEventListener('abort', () => resolve(), { once: true });
  });
  await unit.stop();
  await door.close();
}
