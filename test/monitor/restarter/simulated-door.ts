import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { utils } from 'ssh2';
import { SystemClock } from '../../../base/clock.js';
import { Boardctl } from '../../../firmware-sim/board/boardctl.js';
import { makeKeyPair, SshDoor } from '../../../firmware-sim/board/ssh-door.js';
import { UnitProcess } from '../../../firmware-sim/board/unit-process.js';
import type { RestarterLimits } from '../../../monitor/restarter/limits.js';
import { fingerprintOf, SshRestarter } from '../../../monitor/restarter/ssh-restarter.js';
import type { WorkingBoard } from './restarter-contract.js';

export const clock = new SystemClock();
export const monitorKey = makeKeyPair('monitor');
export const UNIT = 'vedette-edge@cam1.service';

/** The SHA256 fingerprint of a private key's public half. */
export function fingerprintOfKey(privateKey: string): string {
  const key = utils.parseKey(privateKey);
  if (key instanceof Error) throw key;
  return fingerprintOf(key.getPublicSSH());
}

export function restarter(limits: Partial<RestarterLimits> = {}): SshRestarter {
  return new SshRestarter({ privateKey: monitorKey.privateKey, clock, limits });
}

/** A simulated board with a service that sleeps. */
export async function openBoard(): Promise<WorkingBoard & { readonly unitProcess: UnitProcess }> {
  const runtimeDir = mkdtempSync(join(tmpdir(), 'vedette-board-'));
  let onEnd = () => {};
  const unitProcess = new UnitProcess({
    command: [process.execPath, '-e', 'setInterval(() => {}, 1000)'],
    env: { PATH: process.env.PATH },
    runtimeDir,
    clock,
    onEnd: () => onEnd(),
  });
  const boardctl = new Boardctl({
    unitName: UNIT,
    unit: unitProcess,
    runtimeDir,
    boot: '0'.repeat(36),
    clock,
    reboot: () => {},
    audit: () => {},
  });
  const hostKey = makeKeyPair('board');
  const door = new SshDoor({
    host: '127.0.0.1',
    port: 0,
    hostKey: hostKey.privateKey,
    authorizedKey: monitorKey.publicKey,
    user: 'vedette-ctl',
    run: async (line) => JSON.stringify(await boardctl.answer(line)),
  });
  const port = await door.open();
  unitProcess.start();
  return {
    restarter: restarter(),
    address: {
      board: 'barn',
      host: '127.0.0.1',
      port,
      user: 'vedette-ctl',
      hostKey: fingerprintOfKey(hostKey.privateKey),
    },
    unit: UNIT,
    unitProcess,
    kill: () =>
      new Promise((resolve) => {
        onEnd = resolve;
        process.kill(unitProcess.state.pid ?? Number.NaN, 'SIGKILL');
      }),
    close: async () => {
      await unitProcess.stop();
      await door.close();
      rmSync(runtimeDir, { recursive: true, force: true });
    },
  };
}
