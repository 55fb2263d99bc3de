import { afterEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { DemoRun, field, runVedette } from './demo-run.js';

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

describe('counting the records of a demo that loses processes', () => {
  let demo: DemoRun | undefined;
  afterEach(async () => {
    await demo?.remove();
  });

  async function count(run: DemoRun, url: string): Promise<{ count: number; complete: boolean } | undefined> {
    const program = runVedette(
      'query',
      '--count',
      '--json',
      '--broker',
      url,
      '--state',
      run.stateDir,
      '--timeout',
      '8',
    );
    const code = await program.exit;
    const line = program.lines.at(-1);
    if (line === undefined || (code !== 0 && code !== 75)) return undefined;
    const answer = parseJson(line);
    const complete = field(answer, 'complete') === true;
    return { count: Number(field(answer, 'count')), complete };
  }

  it('never goes backwards, whichever node or the broker is killed', async () => {
    const run = new DemoRun('--nodes', '3', '--duration', '600');
    demo = run;
    const url = `mqtt://127.0.0.1:${await run.port()}`;
    await run.status(
      'all replicas are active',
      (one) => [0, 1, 2].every((i) => field(one, 'nodes', i, 'replica', 'state') === 'active'),
      180_000,
    );
    const counts: number[] = [];
    let partial = 0;
    let unanswered = 0;
    const ask = async (times: number) => {
      for (let i = 0; i < times; i++) {
        const said = await count(run, url);
        if (said === undefined) unanswered++;
        else if (!said.complete) partial++;
        else counts.push(said.count);
        await sleep(300);
      }
    };
    await ask(3);
    const before = counts.length;
    process.kill(run.nodeProcess('cam2'), 'SIGKILL');
    await ask(4);
    const broker = run.processes('broker')[0];
    if (broker === undefined) throw new Error('no broker');
    process.kill(broker, 'SIGKILL');
    await sleep(3_000);
    await ask(6);
    console.log(JSON.stringify({ counts, partial, unanswered }));
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    // With a node gone there are two replicas left, and with the broker back all of them: most questions are answered whole.
    expect(counts.length - before).toBeGreaterThanOrEqual(3);
    expect(Math.max(...counts)).toBeGreaterThan(Math.min(...counts));
  }, 420_000);
});
