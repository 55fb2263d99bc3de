import { createHash } from 'node:crypto';
import { Random } from '../../../base/random.js';
import type { Answer } from '../../../edge/sharing/audits/answer-match.js';

/** A history's fleet, and what befalls it. Times are virtual ms. */
export type AuditPlan = {
  readonly nodes: readonly PlannedNode[];
  /** Halves that do not hear each other for a while. */
  readonly partitions: readonly { readonly fromMs: number; readonly toMs: number; readonly left: readonly string[] }[];
  readonly restarts: readonly { readonly node: string; readonly atMs: number; readonly downMs: number }[];
  readonly clockJumps: readonly { readonly node: string; readonly atMs: number; readonly byMs: number }[];
  readonly latency: { readonly baseMs: number; readonly jitterMs: number };
  /** Part of the messages that get lost. */
  readonly lossRate: number;
};

export type PlannedNode = {
  readonly node: string;
  readonly joinMs: number;
  /** Results that others found valid before the history began. */
  readonly validBefore: number;
  /** From then on this part of its answers is wrong; infinitely late: never. */
  readonly wrongFromMs: number;
  readonly wrongRate: number;
  /** The first picture it has audited after this is one in which it differs from all others, though it is honest. */
  readonly oddFromMs: number;
  /** Its link is slow by this much more. */
  readonly slowMs: number;
};

export const HISTORY_MS = 1_500_000;
/** Everything is healed then, and nobody makes results any more. */
export const QUIET_MS = 180_000;

/** Draws a history from its seed. */
export function planHistory(seed: number): AuditPlan {
  const random = new Random(`audits ${seed}`);
  const names = Array.from({ length: 4 + random.int(3) }, (_, i) => `cam${i + 1}`);
  const wrong = random.pick(names);
  const wrongRate = random.pick([1, 0.5, 0.1]);
  const before = random.pick([0, 30, 200, 200, 2_000]);
  const nodes = names.map((node) => ({
    node,
    joinMs: random.chance(0.2) ? random.range(0, 300_000) : 0,
    validBefore: before,
    wrongFromMs: node === wrong ? random.range(60_000, 600_000) : Number.POSITIVE_INFINITY,
    wrongRate: node === wrong ? wrongRate : 0,
    oddFromMs: node === wrong ? Number.POSITIVE_INFINITY : random.range(0, HISTORY_MS),
    slowMs: random.chance(0.15) ? random.range(500, 4_000) : 0,
  }));
  const some = (max: number) =>
    Array.from({ length: random.int(max + 1) }, () => random.range(60_000, HISTORY_MS * 0.8));
  return {
    nodes,
    partitions: some(3).map((fromMs) => ({
      fromMs,
      toMs: fromMs + random.range(20_000, 300_000),
      left: names.filter(() => random.chance(0.5)),
    })),
    restarts: some(4).map((atMs) => ({ node: random.pick(names), atMs, downMs: random.range(3_000, 120_000) })),
    clockJumps: some(3).map((atMs) => ({
      node: random.pick(names),
      atMs,
      byMs: random.range(-3_600_000, 3_600_000),
    })),
    latency: { baseMs: random.range(2, 60), jitterMs: random.range(1, 200) },
    lossRate: random.pick([0, 0.01, 0.05]),
  };
}

/**
 * What a node sees in a picture: the same every time, as a detector does.
 * @param wrongRate part of the pictures in which it is wrong; each wrong node in a way of its own.
 */
export function answerOf(node: string, picture: string, wrongRate: number): Answer {
  const truth = fractions(`picture ${picture}`);
  const own = fractions(`${node} ${picture}`);
  const isOff = (own[0] ?? 0) < wrongRate;
  const jitter = ((own[1] ?? 0) - 0.5) * 0.01;
  return Array.from({ length: 1 + Math.floor((truth[0] ?? 0) * 4) }, (_, i) => {
    const x = 20 + 150 * i;
    const y = 20 + (truth[i + 1] ?? 0) * 200;
    const label = isOff ? `wrong ${node}` : i % 2 === 0 ? 'person' : 'car';
    return { l: label, p: 0.7 + 0.25 * (truth[i + 2] ?? 0) + jitter, b: [x, y, x + 100 + 40 * jitter, y + 160] };
  });
}

// One hash for a picture and a board: a generator of its own for each would be most of the time.
function fractions(text: string): number[] {
  const hash = createHash('sha256').update(text).digest();
  return Array.from({ length: 8 }, (_, i) => hash.readUInt32BE(4 * i) / 2 ** 32);
}
