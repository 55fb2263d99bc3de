import type { Random } from '../../../base/random.js';
import type { Cast, Fault, FaultKind } from './fault.js';

export type PlanOptions = {
  readonly random: Random;
  readonly kinds: readonly FaultKind<unknown>[];
  readonly cast: Cast;
  /** The faults fall between `fromMs` and `untilMs`, and end by `untilMs`. */
  readonly fromMs: number;
  readonly untilMs: number;
};

/** Two faults that take away durable state are this far apart: what one took must be copied again before the next. */
const DESTRUCTION_GAP_MS = 25_000;

/**
 * The faults of one history. Each history has a mix of its own: some kinds are left out, the others come with random weights
 * and at a random rate (swarm testing, Groce et al. 2012), as a mix of everything hides what needs much of one thing.
 */
export function planFaults({ random, kinds, cast, fromMs, untilMs }: PlanOptions): Fault[] {
  const share = random.pick([0.2, 0.5, 1]);
  const chosen = kinds
    .map((kind) => ({ kind, weight: random.chance(share) ? random.pick([1, 1, 3, 10]) : 0 }))
    .filter(({ weight }) => weight > 0);
  const meanGapMs = random.pick([1_500, 4_000, 10_000, 30_000]);
  const faults: Fault[] = [];
  const times = new Map<string, number>();
  let destroyedMs = Number.NEGATIVE_INFINITY;
  let atMs = fromMs;
  while (chosen.length > 0) {
    atMs += Math.ceil(-meanGapMs * Math.log(1 - random.next()));
    if (atMs >= untilMs) break;
    const kind = pickByWeight(random, chosen);
    const lastsMs = durationMs(random, kind);
    const targets = kind.draw(random, cast);
    const endMs = Math.min(untilMs, atMs + lastsMs);
    if (targets.length === 0 || (times.get(kind.name) ?? 0) >= (kind.timesMax ?? Number.POSITIVE_INFINITY)) continue;
    if (kind.isDestructive === true) {
      if (atMs - destroyedMs < DESTRUCTION_GAP_MS) continue;
      destroyedMs = endMs;
    }
    times.set(kind.name, (times.get(kind.name) ?? 0) + 1);
    faults.push({ id: faults.length + 1, kind: kind.name, atMs, untilMs: endMs, targets });
  }
  return faults;
}

function pickByWeight(
  random: Random,
  chosen: readonly { readonly kind: FaultKind<unknown>; readonly weight: number }[],
): FaultKind<unknown> {
  let at = random.next() * chosen.reduce((sum, { weight }) => sum + weight, 0);
  for (const { kind, weight } of chosen) {
    at -= weight;
    if (at < 0) return kind;
  }
  return random.pick(chosen).kind;
}

// Short ones are as likely as long ones on a scale of factors: races need the short, catching up needs the long.
function durationMs(random: Random, { lastsMs: [shortest, longest] }: FaultKind<unknown>): number {
  if (longest <= shortest) return shortest;
  const low = Math.max(50, shortest);
  return Math.round(low * (longest / low) ** random.next());
}
