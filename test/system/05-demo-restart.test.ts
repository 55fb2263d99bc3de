import { afterEach, describe, expect, it } from 'vitest';
import { DemoRun, field, isAlive } from './demo-run.js';

describe('the monitor of the demo, over SSH', () => {
  let demo: DemoRun | undefined;

  afterEach(async () => {
    await demo?.remove();
  });

  it.each([
    ['kill -9', 'SIGKILL'],
    ['SIGSTOP', 'SIGSTOP'],
  ] as const)(
    'sees a node that is gone by %s, asks its board, restarts it and verifies',
    async (_name, signalName) => {
      demo = new DemoRun('--nodes', '1', '--duration', '240');
      const running = await demo.status(
        'it is watched',
        (one) => field(one, 'nodes', 0, 'monitor') === 'up' && field(one, 'monitor', 'mode') === 'watching',
      );
      expect(field(running, 'nodes', 0, 'restarts')).toBe(0);
      const pid = demo.nodeProcess('cam1');
      const faultMs = performance.now();
      process.kill(pid, signalName);

      await demo.status('it is acted on', (one) =>
        ['acting', 'verifying'].includes(String(field(one, 'nodes', 0, 'monitor'))),
      );
      const back = await demo.status(
        'it is back and verified',
        (one) => field(one, 'nodes', 0, 'monitor') === 'up' && field(one, 'nodes', 0, 'incident', 'isOpen') === false,
      );
      const tookS = ((performance.now() - faultMs) / 1000).toFixed(1);
      const last = String(field(back, 'nodes', 0, 'incident', 'last'));
      process.stdout.write(`${signalName}: verified after ${tookS} s: ${last}\n`);
      expect(last).toContain('verified: invocation');
      expect(field(back, 'nodes', 0, 'restarts')).toBe(1);
      expect(isAlive(pid)).toBe(false);
      expect(demo.nodeProcess('cam1')).not.toBe(pid);
      expect(field(back, 'nodes', 0, 'missing')).toBe(0);
    },
    240_000,
  );
});
