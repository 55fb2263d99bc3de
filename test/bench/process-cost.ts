import { readFileSync } from 'node:fs';

/** Linux counts processor time in hundredths of a second, whatever the kernel's own tick is. */
const TICKS_PER_S = 100;

/** Processor time of one process so far, ms, without that of its children; undefined when it is gone. */
export function cpuMs(pid: number): number | undefined {
  const fields = statFields(pid);
  return fields === undefined ? undefined : msOf(fields, 11) + msOf(fields, 12);
}

/** Processor time of all children of this process that have ended and were waited for, ms. */
export function endedChildrenCpuMs(): number {
  const fields = statFields(process.pid) ?? [];
  return msOf(fields, 13) + msOf(fields, 14);
}

/** Resident memory, MiB; 0 when it is gone. */
export function rssMiB(pid: number): number {
  try {
    const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return Number(kib ?? 0) / 1024;
  } catch {
    return 0;
  }
}

// The second field is the program's name in brackets, which may hold blanks: what follows is counted from behind it.
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}

function msOf(fields: readonly string[], index: number): number {
  return (Number(fields[index] ?? 0) * 1000) / TICKS_PER_S;
}
