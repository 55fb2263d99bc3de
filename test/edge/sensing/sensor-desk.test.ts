import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { SensorConfig } from '../../../edge/sensing/config.js';
import { SensorDesk } from '../../../edge/sensing/sensor-desk.js';
import type { SensorSource } from '../../../edge/sensing/sensor-source.js';
import { SensorReading } from '../../../protocol/status.js';

function source(read: () => Promise<number>): SensorSource & { closed: boolean } {
  return {
    unit: '°C',
    closed: false,
    read,
    async close() {
      this.closed = true;
    },
  };
}

async function watch(sources: Record<string, SensorSource>, forMs: number, more: object = {}) {
  const clock = new SimulatedClock();
  const told: [string, number | string | null][] = [];
  const desk = new SensorDesk({
    sensors: Object.fromEntries(
      Object.keys(sources).map((id) => [id, SensorConfig.parse({ source: `file:${id}`, intervalMs: 1000, ...more })]),
    ),
    makeSource: ({ source: { ...config } }) => {
      const found = config.driver === 'file' ? sources[config.path] : undefined;
      if (found === undefined) throw new Error('no such source');
      return found;
    },
    clock,
    log: silentLog,
    tell: (sensor, reading) => told.push([sensor, SensorReading.parse(reading).value ?? reading.reason ?? null]),
  });
  desk.open();
  await clock.advance(forMs);
  await desk.close();
  return { told, desk };
}

describe('the sensors of a node', () => {
  it('are read each at its own pace: one that hangs delays no other, and is missing', async () => {
    let value = 0;
    const hangs = source(() => new Promise(() => {}));
    const well = source(async () => value++);
    const { told, desk } = await watch({ hangs, well }, 40_500);
    expect(told.filter(([id]) => id === 'well')).toHaveLength(41);
    expect(told.filter(([id]) => id === 'hangs')).toEqual([['hangs', 'missing']]);
    expect(desk.counters()).toMatchObject({ missing: 1 });
    expect([hangs.closed, well.closed]).toEqual([true, true]);
  });

  it('tell faults once, by cause, and that they read again', async () => {
    const answers = [20, Number.NaN, undefined, undefined, undefined, 21];
    let next = 0;
    const { told, desk } = await watch(
      {
        t: source(async () => {
          const answer = answers[next++];
          if (answer === undefined) throw new Error('bus error');
          return answer;
        }),
      },
      5_500,
    );
    expect(told.map(([, value]) => value)).toEqual([20, 'range', 'missing', 21]);
    expect(desk.counters()).toEqual({ samples: 6, missing: 1, stuck: 0, range: 1 });
    expect(desk.readings.get('t')).toMatchObject({ ok: true, value: 21, unit: '°C' });
  });
});
