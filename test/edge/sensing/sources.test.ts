import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SensorConfig, type SensorSourceConfig, SIM_KINDS } from '../../../edge/sensing/config.js';
import { ProgramSource } from '../../../edge/sensing/program-source.js';
import { sourceUnit } from '../../../edge/sensing/source-factory.js';
import { SystemFileSource } from '../../../edge/sensing/system-file.js';
import { SENSOR_KINDS, SENSOR_TRAITS } from '../../../firmware-sim/sensor/sensor-kind.js';

let sys: string;
beforeEach(async () => {
  sys = await mkdtemp(join(tmpdir(), 'vedette-sys-'));
});
afterEach(() => rm(sys, { recursive: true, force: true }));

async function put(path: string, text: string): Promise<void> {
  await mkdir(dirname(join(sys, path)), { recursive: true });
  await writeFile(join(sys, path), text);
}

function source(short: string): SystemFileSource {
  const config: SensorSourceConfig = SensorConfig.parse({ source: short }).source;
  if (config.driver === 'sim' || config.driver === 'command' || config.driver === 'mqtt')
    throw new Error('another driver');
  return new SystemFileSource(config, sys);
}

// Layouts as the kernel's drivers bme280, bh1750, scd30, cpu_thermal and w1_therm make them.
describe('a part the kernel has a driver for', () => {
  it('is found by its name and read in the unit people use', async () => {
    await put('bus/iio/devices/iio:device0/name', 'bh1750\n');
    await put('bus/iio/devices/iio:device1/name', 'bme280\n');
    await put('bus/iio/devices/iio:device1/in_temp_input', '21540\n');
    await put('bus/iio/devices/iio:device1/in_humidityrelative_input', '48310\n');
    await put('bus/iio/devices/iio:device1/in_pressure_input', '101.325000000\n');
    expect(await source('iio:bme280/temp').read()).toBe(21.54);
    expect(await source('iio:iio:device1/humidityrelative').read()).toBe(48.31);
    expect(await source('iio:bme280/pressure').read()).toBe(1013.25);
    expect(source('iio:bme280/pressure').unit).toBe('hPa');
  });

  it('is computed from its raw number where the driver gives no ready one', async () => {
    await put('bus/iio/devices/iio:device0/name', 'bh1750\n');
    await put('bus/iio/devices/iio:device0/in_illuminance_raw', '240\n');
    await put('bus/iio/devices/iio:device0/in_illuminance_scale', '0.833333\n');
    expect(await source('iio:bh1750/illuminance').read()).toBeCloseTo(200, 3);
  });

  it('of hwmon is read by chip and input', async () => {
    await put('class/hwmon/hwmon0/name', 'cpu_thermal\n');
    await put('class/hwmon/hwmon0/temp1_input', '48312\n');
    expect(await source('hwmon:cpu_thermal/temp1').read()).toBe(48.312);
    expect(source('hwmon:cpu_thermal/temp1').unit).toBe('°C');
  });

  it('on 1-wire is believed with its checksum only, and not when it says 85 degrees', async () => {
    const id = '28-0316a2795bff';
    const slave = `bus/w1/devices/${id}/w1_slave`;
    await put(slave, '5b 01 4b 46 7f ff 0c 10 2b : crc=2b YES\n5b 01 4b 46 7f ff 0c 10 2b t=21687\n');
    expect(await source(`w1:${id}`).read()).toBe(21.687);
    await put(slave, 'ff ff ff ff ff ff ff ff ff : crc=c9 NO\nff t=-62\n');
    await expect(source(`w1:${id}`).read()).rejects.toThrow('checksum');
    await put(slave, '50 05 4b 46 7f ff 0c 10 1c : crc=1c YES\n50 t=85000\n');
    await expect(source(`w1:${id}`).read()).rejects.toThrow('85');
  });

  it('that is not there is named, with those that are', async () => {
    await put('class/hwmon/hwmon0/name', 'nvme\n');
    await expect(source('hwmon:bme280/temp1').read()).rejects.toThrow('no part "bme280"');
    await expect(source('hwmon:bme280/temp1').read()).rejects.toThrow('there: nvme');
  });
});

describe('a file', () => {
  it('holds a number, or is told for what it holds', async () => {
    await put('value', ' 17.25 C\n');
    expect(await source(`file:${sys}/value`).read()).toBe(17.25);
    await put('value', 'offline\n');
    await expect(source(`file:${sys}/value`).read()).rejects.toThrow('no number: "offline\\n"');
    await put('value', '1'.repeat(5000));
    await expect(source(`file:${sys}/value`).read()).rejects.toThrow('more than a number');
    await expect(source(`file:${sys}/gone`).read()).rejects.toThrow('ENOENT');
  });
});

describe('a program', () => {
  const program = (...argv: string[]) => new ProgramSource({ argv, timeoutMs: 2_000, unit: undefined });

  it('prints one number', async () => {
    expect(await program('/bin/echo', '-12.5').read()).toBe(-12.5);
  });

  it('that fails is told in its own words, one that is not there by name', async () => {
    await expect(program('/bin/sh', '-c', 'echo bus error >&2; exit 3').read()).rejects.toThrow('bus error');
    await expect(program('/no/such/program').read()).rejects.toThrow('/no/such/program');
  });

  it('that hangs, or prints without end, is ended', async () => {
    const hung = new ProgramSource({ argv: ['/bin/sleep', '60'], timeoutMs: 100, unit: undefined });
    await expect(hung.read()).rejects.toThrow('no answer in 100 ms');
    await expect(program('/usr/bin/yes').read()).rejects.toThrow('maxBuffer');
  });

  it('is ended with its sensor', async () => {
    const sleeping = program('/bin/sleep', '60');
    const reading = sleeping.read().catch((error: Error) => error.message);
    await sleeping.close();
    expect(await reading).toContain('abort');
  });
});

describe('the configuration of a sensor', () => {
  const faults = (value: unknown) => SensorConfig.safeParse(value).error?.issues.map(({ message }) => message) ?? [];

  it('takes short forms and tells what they are', () => {
    expect(SensorConfig.parse({ source: 'sim:light' }).source).toEqual({ driver: 'sim', kind: 'light', seed: '1' });
    expect(faults({ source: 'i2c:0x76' })[0]).toContain('iio:NAME/CHANNEL');
    expect(faults({ source: 'iio:bme280' })[0]).toContain('iio:NAME/CHANNEL');
  });

  it('knows the simulated parts as they are: the rooms meet on the wire only', () => {
    expect(SIM_KINDS).toEqual(SENSOR_KINDS);
    for (const kind of SIM_KINDS) expect(sourceUnit({ driver: 'sim', kind, seed: '1' })).toBe(SENSOR_TRAITS[kind].unit);
  });

  it('lets no path of the system through, and no range upside down', () => {
    expect(faults({ source: 'iio:../../etc/temp' })).not.toEqual([]);
    expect(faults({ source: 'w1:../28-0316a2795bff' })).not.toEqual([]);
    expect(faults({ source: 'sim:light', min: 5, max: 1 })).toEqual(['min is to be below max']);
  });
});
