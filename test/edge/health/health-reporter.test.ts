import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { UNKNOWN_BOARD } from '../../../edge/health/board-probe.js';
import { HealthReporter, type NodeReading } from '../../../edge/health/health-reporter.js';
import { Health } from '../../../protocol/status.js';

/** A node on a simulated clock that delivers what `counts` says. */
function reporterOf(counts: { frames: number; overruns: number }, disk: { ok: boolean }) {
  const clock = new SimulatedClock();
  const published: Health[] = [];
  const reporter = new HealthReporter({
    stateDir: '/nowhere',
    periodMs: 10_000,
    clock,
    log: silentLog,
    read: () => ({
      ...{ ...counts, share: 1, disk, rssMiB: 100, broker: 'mqtt://127.0.0.1:1883', queues: {}, drops: {} },
    }),
    publish: (health) => published.push(health),
    probe: () => Promise.resolve(UNKNOWN_BOARD),
  });
  reporter.open();
  return { clock, reporter, load: () => published.at(-1)?.load };
}

describe('HealthReporter', () => {
  it('calls a node without frames well again as soon as its disk is', async () => {
    const disk = { ok: false };
    const { clock, reporter, load } = reporterOf({ frames: 0, overruns: 0 }, disk);
    await clock.advance(20_001);
    expect(load()).toBe('overloaded');
    disk.ok = true;
    await clock.advance(10_001);
    expect(load()).toBe('active');
    reporter.close();
  });

  it('calls an overloaded node active a minute after its last frame', async () => {
    const counts = { frames: 0, overruns: 0 };
    const { clock, reporter, load } = reporterOf(counts, { ok: true });
    Object.assign(counts, { frames: 100, overruns: 90 });
    await clock.advance(40_001);
    expect(load()).toBe('overloaded');
    await clock.advance(40_001);
    expect(load()).toBe('active');
    reporter.close();
  });

  it('tells of a disk that does not answer, though the board cannot be read for it', async () => {
    const clock = new SimulatedClock();
    const published: Health[] = [];
    let disk: NodeReading['disk'] = { ok: true };
    let isHanging = false;
    const broker = 'mqtt://127.0.0.1:1883';
    let probes = 0;
    const reporter = new HealthReporter({
      stateDir: '/nowhere',
      periodMs: 60_000,
      clock,
      log: silentLog,
      read: () => ({
        frames: 0,
        overruns: 0,
        share: 1,
        disk,
        rssMiB: 100,
        broker,
        queues: { recordsUnwritten: 7 },
        drops: {},
      }),
      publish: (health) => published.push(health),
      probe: () => {
        probes++;
        return isHanging ? new Promise(() => {}) : Promise.resolve({ ...UNKNOWN_BOARD, totalMiB: 4096 });
      },
    });
    reporter.open();
    await clock.advance(1);
    isHanging = true;
    disk = { ok: false, reason: 'stalled' };
    reporter.reportNow();
    await clock.advance(5_001);
    await clock.advance(120_000);
    reporter.close();
    expect(probes).toBe(2);
    expect(published).toHaveLength(4);
    expect(Health.parse(published[1])).toMatchObject({
      load: 'overloaded',
      memory: { totalMiB: 4096 },
      disk: { ok: false, reason: 'stalled' },
      queues: { recordsUnwritten: 7 },
    });
  });
});
