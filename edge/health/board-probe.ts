import { statfs } from 'node:fs/promises';
import { MachineLoad } from './machine-load.js';
import { readThermal, type ThermalReading, UNKNOWN_THERMAL } from './thermal.js';

/** What a board says of itself. Null where it has no sensor for it. */
export type BoardReading = ThermalReading & {
  /** Share of all cores in use since the last reading, 0..1. */
  readonly cpu: number;
  readonly usedMiB: number;
  readonly totalMiB: number;
  readonly diskFreeMiB: number;
  readonly diskTotalMiB: number;
};

/** Before the first reading. */
export const UNKNOWN_BOARD: BoardReading = {
  ...UNKNOWN_THERMAL,
  cpu: 0,
  usedMiB: 0,
  totalMiB: 0,
  diskFreeMiB: 0,
  diskTotalMiB: 0,
};

const MIB = 1024 * 1024;

/** Reads a board again and again. */
export class BoardProbe {
  readonly #load = new MachineLoad();

  /** Reads the board once. Parts that cannot be read are null or zero; it never throws. */
  async read(stateDir: string): Promise<BoardReading> {
    const [load, thermal, disk] = await Promise.all([
      this.#load.read().catch(() => undefined),
      readThermal(),
      statfs(stateDir).catch(() => undefined),
    ]);
    return {
      ...thermal,
      cpu: round(load?.cpu ?? 0, 3),
      usedMiB: round((load?.usedBytes ?? 0) / MIB, 0),
      totalMiB: round((load?.totalBytes ?? 0) / MIB, 0),
      diskFreeMiB: disk === undefined ? 0 : round((disk.bavail * disk.bsize) / MIB, 0),
      diskTotalMiB: disk === undefined ? 0 : round((disk.blocks * disk.bsize) / MIB, 0),
    };
  }
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.max(0, Math.round(value * scale) / scale);
}
