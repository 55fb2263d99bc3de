import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { DemoRun, descendants, field, isAlive, runVedette, until } from './demo-run.js';

function oomScore(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'));
}

describe('vedette demo when its processes are killed', () => {
  let demo: DemoRun | undefined;

  afterEach(async () => {
    await demo?.remove();
  });

  it('starts a killed node again as a new life: will, restart, higher generation, detections go on', async () => {
    demo = new DemoRun('--nodes', '1', '--duration', '240');
    const running = await demo.status('track events', (one) => Number(field(one, 'records')) > 3);
    expect(field(running, 'nodes', 0, 'restarts')).toBe(0);
    const pid = demo.nodeProcess('cam1');
    const family = descendants(pid);
    expect(family.length).toBeGreaterThan(0);
    expect(Math.max(...family.map(oomScore)), 'its vision goes first where memory runs out').toBe(1000);
    expect(oomScore(pid)).toBeLessThan(1000);
    process.kill(pid, 'SIGKILL');

    await demo.status(
      'it is missed',
      (one) => ['lost', 'restarting'].includes(String(field(one, 'nodes', 0, 'state'))),
      20_000,
    );
    await until('its helpers are gone with it', () => family.every((member) => !isAlive(member)), 10_000);
    const back = await demo.status(
      'it is back',
      (one) => field(one, 'nodes', 0, 'state') === 'online' && field(one, 'nodes', 0, 'restarts') === 1,
    );
    const before = Number(field(back, 'nodes', 0, 'records'));
    await demo.status('new records', (one) => Number(field(one, 'nodes', 0, 'records')) > before + 1);
    expect(String(field(back, 'nodes', 0, 'incident', 'cause'))).toBe('will');
    await demo.status('the monitor believes it again', (one) => field(one, 'nodes', 0, 'monitor') === 'up');

    expect(await demo.program.end('SIGTERM')).toBe(0);
    expect(field(demo.statuses().at(-1), 'nodes', 0, 'missing')).toBe(0);
    expect(demo.processes()).toEqual([]);
  }, 240_000);

  it('leaves no process behind even when it is killed itself', async () => {
    demo = new DemoRun('--nodes', '1', '--duration', '240');
    await demo.status('the node is online', (one) => field(one, 'nodes', 0, 'state') === 'online');
    const second = runVedette('demo', '--nodes', '1', '--port', '0', '--state', demo.stateDir);
    expect(await second.exit, 'a second demo on the same folder').toBe(73);
    const family = demo.processes().flatMap((pid) => [pid, ...descendants(pid)]);
    expect(family.length).toBeGreaterThanOrEqual(4);
    await demo.program.end('SIGKILL');
    await until('everything is gone', () => family.every((pid) => !isAlive(pid)), 20_000);
  }, 180_000);

  it('starts a killed broker again on the same port, and everybody comes back', async () => {
    demo = new DemoRun('--nodes', '1', '--duration', '240');
    const running = await demo.status('track events', (one) => Number(field(one, 'records')) > 3);
    const [broker] = demo.processes('broker');
    if (broker === undefined) throw new Error('no broker process');
    process.kill(broker, 'SIGKILL');
    const back = await demo.status(
      'records after the restart',
      (one) =>
        field(one, 'broker', 'restarts') === 1 &&
        field(one, 'broker', 'connected') === true &&
        field(one, 'nodes', 0, 'state') === 'online' &&
        Number(field(one, 'records')) > Number(field(running, 'records')) + 3,
    );
    expect(field(back, 'broker', 'url')).toBe(field(running, 'broker', 'url'));
    expect(field(back, 'nodes', 0, 'restarts')).toBe(0);
  }, 240_000);
});
