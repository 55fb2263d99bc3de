import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Board } from './board.js';
import { BROKER_BOARD, NODES, type NodeName, unitOf } from './fleet-plan.js';
import { FleetWatch, report } from './fleet-watch.js';
import { lab } from './lab-command.js';

const board = new Board(BROKER_BOARD);
const unit = 'vedette-broker.service';
const NAMES = ['cam2', 'cam3'] as const satisfies readonly NodeName[];
let watch: FleetWatch;

beforeAll(async () => {
  watch = new FleetWatch();
  await board.forget(unit);
});
afterAll(() => watch.close());

describe('the broker', () => {
  it('killed by -9: systemd has it back, and no node is restarted', async () => {
    const lives = await Promise.all(NAMES.map((node) => watch.serving(node)));
    const faultMs = Date.now();
    await lab('kill', String(BROKER_BOARD), unit);
    await board.reaches(unit, 'NRestarts', '1');
    await board.reaches(unit, 'ActiveState', 'active');
    const activeS = ((Date.now() - faultMs) / 1000).toFixed(1);
    expect(await Promise.all(NAMES.map((node) => watch.serving(node)))).toEqual(lives);
    const heardS = ((Date.now() - faultMs) / 1000).toFixed(1);
    for (const node of NAMES) {
      expect(await new Board(NODES[node]).property(unitOf(node), 'NRestarts')).toBe('0');
      expect(await new Board(NODES[node]).audit(faultMs)).toEqual([]);
    }
    report(
      'kill -9 of the broker',
      undefined,
      `active in ${activeS} s, all nodes heard in ${heardS} s, none restarted`,
    );
  });

  it('frozen: its watchdog ends it, and no node is restarted', async () => {
    const lives = await Promise.all(NAMES.map((node) => watch.serving(node)));
    const faultMs = Date.now();
    const was = await board.invocation(unit);
    await lab('freeze', String(BROKER_BOARD), unit);
    await watch.waitFor('the watchdog', () => Date.now() - faultMs > 20_000);
    await board.reaches(unit, 'ActiveState', 'active', 120_000);
    while ((await board.invocation(unit)) === was && Date.now() - faultMs < 120_000) {
      await new Promise((done) => setTimeout(done, 500));
    }
    expect(await board.invocation(unit)).not.toBe(was);
    expect(await Promise.all(NAMES.map((node) => watch.serving(node)))).toEqual(lives);
    const heardS = ((Date.now() - faultMs) / 1000).toFixed(1);
    report(
      'SIGSTOP of the broker',
      undefined,
      `its watchdog (30 s) ended it; all nodes heard in ${heardS} s, none restarted`,
    );
  });
});
