import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { DemoRun, descendants, field, isAlive, runVedette } from './demo-run.js';

/** The vision processes of a node. */
function visionOf(pid: number): number[] {
  return descendants(pid).filter((one) => {
    try {
      return readFileSync(`/proc/${one}/cmdline`, 'utf8').includes('vision-child');
    } catch {
      return false;
    }
  });
}

/** What the monitor wrote down about one node. */
async function evidenceOf(node: string, broker: string): Promise<string[]> {
  const asked = runVedette('monitor', 'incidents', '--broker', broker, '--json');
  expect(await asked.exit).toBe(0);
  const incidents = field(parseJson(asked.lines.join('\n')), 'incidents');
  const mine = Array.isArray(incidents) ? incidents.find((one) => field(one, 'node') === node) : undefined;
  const evidence = field(mine, 'evidence');
  return Array.isArray(evidence) ? evidence.map((one) => String(field(one, 'what'))) : [];
}

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

  it('sees a pipeline that hangs whatever its node does, asks the board, restarts the node and verifies', async () => {
    demo = new DemoRun('--nodes', '1', '--duration', '300');
    const running = await demo.status(
      'it is watched',
      (one) => field(one, 'nodes', 0, 'monitor') === 'up' && field(one, 'monitor', 'mode') === 'watching',
    );
    const pid = demo.nodeProcess('cam1');
    const faultMs = performance.now();
    // In this life every vision process hangs: the node starts another one in vain, and lives.
    const freezing = setInterval(() => {
      for (const vision of visionOf(pid)) process.kill(vision, 'SIGSTOP');
    }, 100);
    try {
      // A start may take a minute before it is called dead.
      await demo.status(
        'it is acted on',
        (one) => ['acting', 'verifying'].includes(String(field(one, 'nodes', 0, 'monitor'))),
        150_000,
      );
    } finally {
      clearInterval(freezing);
    }
    const back = await demo.status(
      'it is back and verified',
      (one) => field(one, 'nodes', 0, 'monitor') === 'up' && field(one, 'nodes', 0, 'incident', 'isOpen') === false,
    );
    const tookS = ((performance.now() - faultMs) / 1000).toFixed(1);
    const decided = await evidenceOf('cam1', String(field(running, 'broker', 'url')));
    process.stdout.write(`wedged pipeline: verified after ${tookS} s: ${decided.join(' | ')}\n`);
    expect(decided.filter((what) => /restart of .*: active, but its pulse is .* old/.test(what))).toHaveLength(1);
    expect(decided.at(-1)).toContain('verified: invocation');
    expect(field(back, 'nodes', 0, 'restarts')).toBe(1);
    expect(isAlive(pid)).toBe(false);
    expect(field(back, 'nodes', 0, 'missing')).toBe(0);
  }, 300_000);
});
