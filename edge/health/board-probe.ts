import { readFile, statfs } from 'node:fs/promises';
import { cpuTemperature, currentLoad, mem } from 'systeminformation';

/** What a board says of itself. Null where it has no sensor for it. */
export type BoardReading = {
  /** Share of all cores in use since the last reading, 0..1. */
  readonly cpu: number;
  readonly temperatureC: number | null;
  readonly usedMiB: number;
  readonly totalMiB: number;
  readonly diskFreeMiB: number;
  readonly diskTotalMiB: number;
  readonly throttled: boolean | null;
};

/** Before the first reading. */
export const UNKNOWN_BOARD: BoardReading = {
  cpu: 0,
  temperatureC: null,
  usedMiB: 0,
  totalMiB: 0,
  diskFreeMiB: 0,
  diskTotalMiB: 0,
  throttled: null,
};

const MIB = 1024 * 1024;

// Raspberry Pi firmware: bit 0 under-voltage now, 1 frequency capped now, 2 throttled now (vcgencmd get_throttled).
const THROTTLED_FILE = '/sys/devices/platform/soc/soc:firmware/get_throttled';

/** Reads the board once. Parts that cannot be read are null or zero; it never throws. */
export async function probeBoard(stateDir: string): Promise<BoardReading> {
  const [load, memory, temperature, disk, throttled] = await Promise.all([
    currentLoad().catch(() => undefined),
    mem().catch(() => undefined),
    cpuTemperature().catch(() => undefined),
    statfs(stateDir).catch(() => undefined),
    readThrottled(),
  ]);
  return {
    cpu: round((load?.currentLoad ?? 0) / 100, 3),
    temperatureC: temperature?.main == null ? null : round(temperature.main, 1),
    usedMiB: round((memory?.active ?? 0) / MIB, 0),
    totalMiB: round((memory?.total ?? 0) / MIB, 0),
    diskFreeMiB: disk === undefined ? 0 : round((disk.bavail * disk.bsize) / MIB, 0),
    diskTotalMiB: disk === undefined ? 0 : round((disk.blocks * disk.bsize) / MIB, 0),
    throttled,
  };
}

async function readThrottled(): Promise<boolean | null> {
  try {
    const flags = Number.parseInt(await readFile(THROTTLED_FILE, 'utf8'), 16);
    return Number.isNaN(flags) ? null : (flags & 0b111) !== 0;
  } catch {
    return null;
  }
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.max(0, Math.round(value * scale) / scale);
}
