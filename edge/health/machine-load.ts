import { readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';

/** How much the machine works and holds. */
export type LoadReading = {
  /** Share of all cores in use since the last reading, at first since the machine started, 0..1. */
  readonly cpu: number;
  readonly usedBytes: number;
  readonly totalBytes: number;
};

/** Time of all cores since the machine started, in ticks. */
export type CpuTicks = { readonly busy: number; readonly total: number };

/**
 * Reads the load of the machine. Where there is /proc it is read from it: systeminformation, which knows the other
 * systems, starts a shell for the cores and waits for it, which stops the event loop of the node, and takes 9 MiB.
 */
export class MachineLoad {
  readonly #statFile: string;
  #before: CpuTicks = { busy: 0, total: 0 };

  /** @param statFile the system's own unless told. */
  constructor(statFile = '/proc/stat') {
    this.#statFile = statFile;
  }

  /** @throws what the system says when it cannot be asked. */
  async read(): Promise<LoadReading> {
    const now = await readFile(this.#statFile, 'utf8').then(parseCpuTicks, () => undefined);
    if (now === undefined) return readElsewhere();
    const busy = now.busy - this.#before.busy;
    const total = now.total - this.#before.total;
    this.#before = now;
    // What could be had, page cache included, counts as free: MemAvailable of /proc/meminfo (proc(5)).
    return { cpu: total > 0 ? busy / total : 0, usedBytes: totalmem() - freemem(), totalBytes: totalmem() };
  }
}

/** The times of all cores in /proc/stat: user, nice, system, idle, iowait, irq, softirq, steal (proc(5)). */
export function parseCpuTicks(stat: string): CpuTicks | undefined {
  const line = /^cpu +(\d[\d ]*)$/m.exec(stat)?.[1];
  if (line === undefined) return undefined;
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] = line
    .split(' ')
    .map(Number);
  const busy = user + nice + system + irq + softirq;
  return { busy, total: busy + idle + iowait + steal };
}

async function readElsewhere(): Promise<LoadReading> {
  const { currentLoad, mem } = await import('systeminformation');
  const [load, memory] = await Promise.all([currentLoad(), mem()]);
  return { cpu: load.currentLoad / 100, usedBytes: memory.active, totalBytes: memory.total };
}
