import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { COOLING_PERIOD_MS, decideShare } from '../../../edge/health/cooling.js';
import { Cooling } from '../../../edge/health/cooling-loop.js';
import { readThermal, UNKNOWN_THERMAL } from '../../../edge/health/thermal.js';

const LIMITS = { temperatureMaxC: 75, shareMin: 0.25, shareMax: 1 };

describe('a board that is to work less than it could', () => {
  it('never works more than it may, be it cool or unable to tell', () => {
    const limits = { ...LIMITS, shareMin: 0.05, shareMax: 0.2 };
    expect(decideShare(0.2, { temperatureC: 20, throttled: false }, limits)).toBe(0.2);
    expect(decideShare(0.2, { temperatureC: null, throttled: null }, limits)).toBe(0.2);
    expect(decideShare(0.2, { temperatureC: 90, throttled: false }, limits)).toBeCloseTo(0.1);
  });
});

describe('the share of the time the detectors may work', () => {
  it('is all of it on a board that is cool, or that cannot tell', () => {
    expect(decideShare(1, { temperatureC: 60, throttled: false }, LIMITS)).toBe(1);
    expect(decideShare(1, UNKNOWN_THERMAL, LIMITS)).toBe(1);
  });

  it('falls above the limit, stays as it is a little below, rises further below', () => {
    const at = (temperatureC: number) => decideShare(0.6, { temperatureC, throttled: false }, LIMITS);
    expect([at(76), at(74), at(70.5), at(69)]).toEqual([0.5, 0.6, 0.6, 0.65]);
  });

  it('rises step by step where the sensor cannot be read for once, or where the firmware alone tells', () => {
    expect(decideShare(0.5, UNKNOWN_THERMAL, LIMITS)).toBe(0.55);
    expect(decideShare(0.7, { temperatureC: null, throttled: false }, LIMITS)).toBe(0.75);
  });

  it('falls fastest when the board throttles itself, whatever its temperature, and never below its least', () => {
    expect(decideShare(1, { temperatureC: 50, throttled: true }, LIMITS)).toBe(0.7);
    expect(decideShare(0.3, { temperatureC: null, throttled: true }, LIMITS)).toBe(0.25);
    expect(decideShare(0.25, { temperatureC: 90, throttled: false }, LIMITS)).toBe(0.25);
  });

  // Newton's cooling with a time constant of a minute: at full work 95 degrees, at rest 45, as a board without a fan.
  it.each([25, 35, 45])(
    'settles below the limit on a board without a fan at %i degrees, without swinging',
    (ambientC) => {
      let temperatureC = ambientC;
      let share = 1;
      const shares: number[] = [];
      const temperatures: number[] = [];
      for (let ms = 0; ms < 3_600_000; ms += COOLING_PERIOD_MS) {
        const targetC = ambientC + 15 + 50 * share;
        temperatureC += (targetC - temperatureC) * (1 - Math.exp(-COOLING_PERIOD_MS / 60_000));
        share = decideShare(share, { temperatureC, throttled: temperatureC > 82 }, LIMITS);
        shares.push(share);
        temperatures.push(temperatureC);
      }
      const settled = shares.slice(-360);
      expect(Math.max(...temperatures)).toBeLessThan(83);
      expect(Math.max(...temperatures.slice(-360))).toBeLessThan(77);
      expect(Math.max(...settled) - Math.min(...settled)).toBeLessThanOrEqual(0.2);
      // What is allowed is used: the share is near what holds the board at the limit.
      const possible = Math.min(1, (LIMITS.temperatureMaxC - ambientC - 15) / 50);
      expect(settled.reduce((sum, value) => sum + value, 0) / settled.length).toBeGreaterThan(possible - 0.15);
    },
  );

  it('is told when it changes, and again when the board has cooled down', async () => {
    const clock = new SimulatedClock();
    const told: number[] = [];
    let temperatureC = 80;
    const cooling = new Cooling({
      clock,
      log: silentLog,
      limits: LIMITS,
      onShare: (share) => told.push(share),
      read: () => Promise.resolve({ temperatureC, throttled: false }),
    });
    cooling.open();
    await clock.advance(2 * COOLING_PERIOD_MS);
    temperatureC = 60;
    await clock.advance(20 * COOLING_PERIOD_MS);
    cooling.close();
    expect(told).toEqual([0.9, 0.8, 0.85, 0.9, 0.95, 1]);
    expect(cooling.share).toBe(1);
  });

  it('is not told any more by a reading that comes after the end', async () => {
    const clock = new SimulatedClock();
    const told: number[] = [];
    let answer = (_: { temperatureC: number; throttled: boolean }) => {};
    const read = () =>
      new Promise<{ temperatureC: number; throttled: boolean }>((resolve) => {
        answer = resolve;
      });
    const cooling = new Cooling({ clock, log: silentLog, limits: LIMITS, onShare: (share) => told.push(share), read });
    cooling.open();
    await clock.advance(COOLING_PERIOD_MS);
    cooling.close();
    answer({ temperatureC: 90, throttled: true });
    await clock.advance(1);
    expect(told).toEqual([]);
  });

  it('asks a sensor that does not answer once', async () => {
    const clock = new SimulatedClock();
    let reads = 0;
    const read = () => {
      reads++;
      return new Promise<never>(() => {});
    };
    const cooling = new Cooling({ clock, log: silentLog, limits: LIMITS, onShare: () => {}, read });
    cooling.open();
    await clock.advance(10 * COOLING_PERIOD_MS);
    cooling.close();
    expect(reads).toBe(1);
  });
});

describe('reading how hot a board is', () => {
  let dir: string;

  beforeEach(async () => {
    dir = await mkdtemp(path.join(tmpdir(), 'vedette-thermal-'));
  });
  afterEach(() => rm(dir, { recursive: true, force: true }));

  async function writeZone(name: string, type: string, temp: string): Promise<void> {
    await mkdir(path.join(dir, name));
    await writeFile(path.join(dir, name, 'type'), `${type}\n`);
    await writeFile(path.join(dir, name, 'temp'), `${temp}\n`);
  }

  /** What the firmware of a Raspberry Pi says. @param soc the folder of its chip. */
  async function writeThrottled(flags: string, soc = 'soc'): Promise<void> {
    const firmware = path.join(dir, 'platform', soc, `${soc}:firmware`);
    await mkdir(firmware, { recursive: true });
    await writeFile(path.join(firmware, 'get_throttled'), `${flags}\n`);
  }
  const files = () => ({ zonesDir: dir, platformDir: path.join(dir, 'platform') });

  it('takes the zone of the processor, not a hotter one beside it', async () => {
    await writeZone('thermal_zone0', 'gpu-thermal', '91000');
    await writeZone('thermal_zone1', 'cpu-thermal', '61234');
    await writeThrottled('50005');
    expect(await readThermal(files())).toEqual({ temperatureC: 61.2, throttled: true });
  });

  it('takes the hottest where none is the processor, and passes over one that cannot be read', async () => {
    await writeZone('thermal_zone0', 'soc', '48000');
    await writeZone('thermal_zone1', 'acpitz', 'nonsense');
    await writeThrottled('50000');
    expect(await readThermal(files())).toEqual({ temperatureC: 48, throttled: false });
  });

  it('finds the firmware of a Raspberry Pi 5, and passes over a chip without', async () => {
    await mkdir(path.join(dir, 'platform', 'soc'), { recursive: true });
    await writeThrottled('4', 'soc@107c000000');
    expect(await readThermal(files())).toEqual({ temperatureC: null, throttled: true });
  });

  it('knows nothing on a board without sensors', async () => {
    expect(await readThermal(files())).toEqual(UNKNOWN_THERMAL);
  });
});
