import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';

// Read here and not through systeminformation: that starts a shell for it and waits, which stops the event loop of the
// node for 100 ms and more. These are a few small files.
const ZONES_DIR = '/sys/class/thermal';
const PLATFORM_DIR = '/sys/devices/platform';
// Raspberry Pi firmware: bit 0 under-voltage now, 1 frequency capped now, 2 throttled now (vcgencmd get_throttled).
const THROTTLED_NOW = 0b111;

/** How hot the board is. Null where it has no sensor for it. */
export type ThermalReading = { readonly temperatureC: number | null; readonly throttled: boolean | null };

/** Before the first reading, and where a board cannot tell. */
export const UNKNOWN_THERMAL: ThermalReading = { temperatureC: null, throttled: null };

export type ThermalFiles = { readonly zonesDir: string; readonly platformDir: string };

/**
 * Reads the board's sensors once: the thermal zone of its processor, else the hottest zone there is. Never throws.
 * @param files where they are; the system's own unless told.
 */
export async function readThermal(
  files: ThermalFiles = { zonesDir: ZONES_DIR, platformDir: PLATFORM_DIR },
): Promise<ThermalReading> {
  const [temperatureC, throttled] = await Promise.all([
    readTemperature(files.zonesDir),
    readThrottled(files.platformDir),
  ]);
  return { temperatureC, throttled };
}

async function readTemperature(zonesDir: string): Promise<number | null> {
  const names = await readdir(zonesDir).catch(() => []);
  const zones = await Promise.all(
    names.filter((name) => name.startsWith('thermal_zone')).map((name) => readZone(path.join(zonesDir, name))),
  );
  const readable = zones.filter((zone) => zone !== undefined);
  const cpu = readable.filter(({ type }) => type.includes('cpu'));
  const temperatures = (cpu.length > 0 ? cpu : readable).map(({ celsius }) => celsius);
  return temperatures.length === 0 ? null : Math.round(Math.max(...temperatures) * 10) / 10;
}

async function readZone(dir: string): Promise<{ type: string; celsius: number } | undefined> {
  try {
    const [type, milli] = await Promise.all([readFile(`${dir}/type`, 'utf8'), readFile(`${dir}/temp`, 'utf8')]);
    const celsius = Number.parseInt(milli, 10) / 1000;
    return Number.isFinite(celsius) ? { type: type.trim().toLowerCase(), celsius } : undefined;
  } catch {
    // A zone may be switched off: reading it then fails, the others still tell.
    return undefined;
  }
}

// The firmware lies below `soc` up to the Raspberry Pi 4 and below `soc@107c000000` on the 5.
async function readThrottled(platformDir: string): Promise<boolean | null> {
  const names = await readdir(platformDir).catch(() => []);
  for (const soc of names.filter((name) => /^soc(?:@|$)/.test(name))) {
    const file = path.join(platformDir, soc, `${soc}:firmware`, 'get_throttled');
    const flags = Number.parseInt(await readFile(file, 'utf8').catch(() => ''), 16);
    if (!Number.isNaN(flags)) return (flags & THROTTLED_NOW) !== 0;
  }
  return null;
}
