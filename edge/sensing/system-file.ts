import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { SensorSourceConfig } from './config.js';
import { numberOf, type SensorSource } from './sensor-source.js';

type SystemConfig = Extract<SensorSourceConfig, { driver: 'iio' | 'hwmon' | 'w1' | 'file' }>;
type Quantity = { readonly unit: string; readonly factor: number };

/** Larger than any number in a file of the system. */
const FILE_BYTES_MAX = 4096;

// Documentation/ABI/testing/sysfs-bus-iio: what `in_<channel>_input` is in, and a factor to the unit people use.
const IIO_QUANTITIES: Readonly<Record<string, Quantity>> = {
  temp: { unit: '°C', factor: 0.001 },
  humidityrelative: { unit: '%', factor: 0.001 },
  pressure: { unit: 'hPa', factor: 10 },
  illuminance: { unit: 'lx', factor: 1 },
  concentration: { unit: '%', factor: 1 },
  voltage: { unit: 'V', factor: 0.001 },
  current: { unit: 'A', factor: 0.001 },
};
const CO2: Quantity = { unit: 'ppm', factor: 10_000 };

// Documentation/hwmon/sysfs-interface.rst.
const HWMON_QUANTITIES: Readonly<Record<string, Quantity>> = {
  temp: { unit: '°C', factor: 0.001 },
  humidity: { unit: '%', factor: 0.001 },
  in: { unit: 'V', factor: 0.001 },
  fan: { unit: 'rpm', factor: 1 },
  curr: { unit: 'A', factor: 0.001 },
  power: { unit: 'W', factor: 0.000_001 },
};

/** A part the kernel has a driver for, or any file that holds a number. Read anew each time: parts may be plugged. */
export class SystemFileSource implements SensorSource {
  readonly unit: string | undefined;
  readonly #config: SystemConfig;
  readonly #sysDir: string;

  /** @param sysDir where `bus` and `class` lie; the system's own unless told. */
  constructor(config: SystemConfig, sysDir = '/sys') {
    this.#config = config;
    this.#sysDir = sysDir;
    this.unit = quantityOf(config)?.unit;
  }

  async read(): Promise<number> {
    const value = await this.#readRaw();
    // Without it 21.5 °C would be 21.500000000000004.
    return Number((value * (quantityOf(this.#config)?.factor ?? 1)).toPrecision(12));
  }

  async close(): Promise<void> {}

  async #readRaw(): Promise<number> {
    const config = this.#config;
    switch (config.driver) {
      case 'file':
        return numberOf(await readText(config.path));
      case 'w1':
        return readW1(path.join(this.#sysDir, 'bus/w1/devices', config.id));
      case 'hwmon':
        return numberOf(
          await readText(path.join(await find(`${this.#sysDir}/class/hwmon`, config.chip), `${config.input}_input`)),
        );
      case 'iio':
        return readIio(await find(`${this.#sysDir}/bus/iio/devices`, config.device), config.channel);
    }
  }
}

/** What the kernel gives for such a part, where it says. */
export function quantityOf(config: SystemConfig): Quantity | undefined {
  if (config.driver === 'w1') return { unit: '°C', factor: 0.001 };
  if (config.driver === 'hwmon') return HWMON_QUANTITIES[config.input.replace(/\d+$/, '')];
  if (config.driver !== 'iio') return undefined;
  if (/co2/.test(config.channel)) return CO2;
  return IIO_QUANTITIES[config.channel.replace(/\d*$/, '')] ?? IIO_QUANTITIES[config.channel.split('_')[0] ?? ''];
}

/** The folder of a part, by its own name or by what its file `name` says. */
async function find(dir: string, wanted: string): Promise<string> {
  const folders = await readdir(dir).catch((): string[] => []);
  if (folders.includes(wanted)) return path.join(dir, wanted);
  const names: string[] = [];
  for (const folder of folders.sort()) {
    const name = (await readText(path.join(dir, folder, 'name')).catch(() => '')).trim();
    if (name === wanted) return path.join(dir, folder);
    if (name !== '') names.push(name);
  }
  throw new Error(`no part ${JSON.stringify(wanted)} in ${dir}; there: ${names.join(', ') || 'none'}`);
}

// A driver gives the number ready, or as it is with what makes it one.
async function readIio(dir: string, channel: string): Promise<number> {
  const file = (suffix: string) => readText(path.join(dir, `in_${channel}_${suffix}`));
  const ready = await file('input').catch(() => undefined);
  if (ready !== undefined) return numberOf(ready);
  const raw = numberOf(await file('raw'));
  const offset = numberOf(await file('offset').catch(() => '0'));
  const scale = numberOf(await file('scale').catch(() => '1'));
  return (raw + offset) * scale;
}

// 85 °C is what a DS18B20 says before its first conversion, and what it says when its supply fails.
const W1_POWER_ON = 85_000;

async function readW1(dir: string): Promise<number> {
  const lines = await readText(path.join(dir, 'w1_slave'));
  if (!/\bYES\b/.test(lines)) throw new Error('its checksum is wrong');
  const value = numberOf(/\bt=(-?\d+)/.exec(lines)?.[1] ?? '');
  if (value === W1_POWER_ON) throw new Error('it says 85 °C, which is its word for no measurement');
  return value;
}

async function readText(file: string): Promise<string> {
  const bytes = await readFile(file);
  if (bytes.byteLength > FILE_BYTES_MAX) throw new Error(`${file} holds more than a number`);
  return bytes.toString('utf8');
}
