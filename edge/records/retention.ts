import { z } from 'zod';
import { parseJson } from '../../protocol/codec.js';

/** How long records are kept. Whole segments go, the oldest first. */
export type RetentionLimits = {
  /** Closed segments of all epochs together. */
  readonly retentionBytes: number;
  readonly retentionRecords: number;
  /** Age of a record of a kind that has no age of its own. */
  readonly retentionMs: number;
  /** Age by kind of record (`track`, `loss`, ...). */
  readonly retentionMsByKind: Readonly<Record<string, number>>;
};

const Stamp = z.looseObject({ t: z.int(), k: z.string() });

/**
 * When every record of a segment is past the age of its kind: wall clock ms, as far as its last time tells.
 * @returns `either` where the kinds of its records decide: `keptUntilMs` tells.
 */
export function judgeAge(t1: number, nowMs: number, limits: RetentionLimits): 'keep' | 'expire' | 'either' {
  const ages = [limits.retentionMs, ...Object.values(limits.retentionMsByKind)];
  if (t1 + Math.min(...ages) >= nowMs) return 'keep';
  if (t1 + Math.max(...ages) < nowMs) return 'expire';
  return 'either';
}

/** Until when the longest wanted of these record lines is kept, wall clock ms; 0 for none. */
export function keptUntilMs(lines: readonly string[], limits: RetentionLimits): number {
  const { retentionMs, retentionMsByKind } = limits;
  return lines.reduce((latest, line) => {
    const { t, k } = Stamp.parse(parseJson(line));
    const ageMs = Object.hasOwn(retentionMsByKind, k) ? (retentionMsByKind[k] ?? retentionMs) : retentionMs;
    return Math.max(latest, t + ageMs);
  }, 0);
}
