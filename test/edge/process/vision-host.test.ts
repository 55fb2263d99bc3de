import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { VisionHost } from '../../../edge/process/vision-host.js';
import { eventually } from '../../eventually.js';

const TOO_MUCH = 'VEDETTE_TEST_TOO_MUCH';

afterEach(() => {
  delete process.env[TOO_MUCH];
});

function hostOf(onLost: (cause: string) => void): VisionHost {
  return new VisionHost({
    clock: new SystemClock(),
    random: new Random('host'),
    log: silentLog,
    limits: { frameDeadlineMs: 5_000, startDeadlineMs: 60_000, memoryMaxMiB: 400 },
    buildStart: () => ({
      type: 'start',
      node: 'cam1',
      modelPath: '/nowhere.onnx',
      threads: 1,
      instances: 1,
      frameDeadlineMs: 5_000,
      tickMs: 250,
      simCommand: [],
      logLevel: 'silent',
      cameras: {},
      firstTrackIds: {},
      share: 1,
      offers: false,
      tellsWork: false,
      audits: false,
      adjustments: {},
      sources: [],
    }),
    onReport: () => {},
    onLost,
  });
}

/** What the kernel would think of our children where memory runs out. */
function scoresOfChildren(): string[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
  return children.filter((pid) => pid !== '').map((pid) => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8').trim());
}

describe('VisionHost', () => {
  it('lets its child go first where memory runs out, from the moment that there is one', async () => {
    const host = hostOf(() => {});
    const stop = new AbortController();
    const running = host.run(stop.signal);
    expect(scoresOfChildren()).toContain('1000');
    stop.abort();
    await running;
  });

  it('tries again when the system cannot start a process, and keeps its node alive', async () => {
    const causes: string[] = [];
    const host = hostOf((cause) => causes.push(cause));
    const stop = new AbortController();
    // More than Linux hands to a new process: fork throws, as it does without memory.
    process.env[TOO_MUCH] = 'x'.repeat(256 * 1024);
    const running = host.run(stop.signal);
    await eventually(() => causes.length === 1, 'the first attempt');
    delete process.env[TOO_MUCH];
    await eventually(() => (host.counters.snapshot().visionStarts ?? 0) > 1, 'the second attempt');
    stop.abort();
    await running;
    expect(causes[0]).toMatch(/E2BIG/);
  });
});
