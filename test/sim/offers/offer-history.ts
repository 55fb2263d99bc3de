import { Random } from '../../../base/random.js';
import { OFFER_LIMITS } from '../../../edge/sharing/offers/offer-limits.js';
import { OVERLOAD_BOUNDS } from '../../../edge/sharing/offers/overload-judge.js';
import { InvariantBook, type Violation } from '../invariant-book.js';
import { OfferFleet } from './offer-fleet.js';
import { type FleetPlan, planFleet } from './offer-plan.js';
import type { SharerRules, SimulatedSharer } from './simulated-sharer.js';

/** A frame nobody did in this time is dropped; what `edge/process` does, too. */
export const FRAME_AGE_MAX_MS = 3_000;

export const RULES: SharerRules = {
  limits: OFFER_LIMITS,
  bounds: OVERLOAD_BOUNDS,
  isOwnFirst: true,
  isBudgeted: true,
  isHomeKept: true,
  frameAgeMaxMs: FRAME_AGE_MAX_MS,
};

const FOREVER = Number.POSITIVE_INFINITY;
const MANY = { ...OFFER_LIMITS, offersMax: 16 };
const NEVER = { firstMs: 0, maxMs: 0, factor: 1 };

/** Rules that can be left out, by what they hold up. */
export const ABLATIONS = {
  deadline: {
    ...RULES,
    limits: {
      ...OFFER_LIMITS,
      deadlineFirstMs: FOREVER,
      deadlineMinMs: FOREVER,
      deadlineMaxMs: FOREVER,
      homeFramesMax: FOREVER,
    },
  },
  // What it holds up is seen where much is taken.
  'own cameras first': { ...RULES, limits: MANY, isOwnFirst: false, isBudgeted: false },
  'budget of the taker': { ...RULES, isBudgeted: false },
  'leaving alone': { ...RULES, limits: { ...OFFER_LIMITS, busy: NEVER, late: NEVER, failuresMax: FOREVER } },
  'age of a frame': { ...RULES, limits: MANY, frameAgeMaxMs: FOREVER },
  'cameras that stay': { ...RULES, isHomeKept: false },
  hysteresis: { ...RULES, bounds: { gain: 1, enterShare: 0.1, enterSamples: 1, leaveShare: 0.1, leaveSamples: 1 } },
} as const satisfies Record<string, SharerRules>;
export type Ablation = keyof typeof ABLATIONS;

export type OfferHistory = {
  readonly seed: number;
  readonly plan: FleetPlan;
  readonly violations: readonly Violation[];
  readonly broken: number;
  readonly checks: ReadonlyMap<string, number>;
  readonly figures: Readonly<Record<string, number>>;
  readonly events: number;
};

const WATCH_MS = 100;
/** Times a node may begin or end to be overloaded, per minute. */
const FLIPS_PER_MINUTE_MAX = 10;
/** Of what a node does alone, so much it does with sharing at least; and frames it may lack all the same. */
const ALONE_SHARE_MIN = 0.95;
const ALONE_SLACK = 10;
/** Of what it promised, looks a node may accept at once. */
const BURST_MAX = 8;
/** Offers without an answer in time: so many of those that are done, and so many a minute besides. */
const LATE_SHARE_MAX = 0.25;
const LATE_PER_MINUTE_MAX = 60;

/** One history with sharing and the same without. The same options give the same history. */
export function runOfferHistory(seed: number, durationMs: number, rules: SharerRules = RULES): OfferHistory {
  const plan = planFleet(new Random(`offers ${seed}`), durationMs);
  const fleet = new OfferFleet(seed, plan, rules, true);
  const book = new InvariantBook(() => fleet.queue.nowMs);
  const windows = new Map<SimulatedSharer, SimulatedSharer['budget'][]>();
  for (let atMs = WATCH_MS; atMs <= durationMs; atMs += WATCH_MS) {
    fleet.queue.runUntil(atMs);
    watch(fleet, book, rules);
    if (atMs % 1_000 === 0) watchBudgets(fleet, book, windows);
  }
  const alone = new OfferFleet(seed, plan, rules, false);
  alone.queue.runUntil(durationMs);
  finish(fleet, alone, book, durationMs);
  const { checks, violations, broken } = book;
  const events = fleet.queue.executed + alone.queue.executed;
  return { seed, plan, violations, broken, checks, figures: figuresOf(fleet, alone), events };
}

function watch(fleet: OfferFleet, book: InvariantBook, rules: SharerRules): void {
  const { offersMax } = rules.limits;
  for (const { plan, sharer, counts } of fleet.members) {
    if (sharer === undefined) continue;
    const { outstanding } = sharer.offering;
    const { underWay } = sharer.taking;
    book.check('O2 no more at once than allowed', Math.max(outstanding, underWay) <= offersMax, () => {
      return `${plan.name} gives ${outstanding} and takes ${underWay}`;
    });
    const { taken, lookedHere, lookedElsewhere, dropped, lost } = counts;
    const known = lookedHere + lookedElsewhere + dropped + lost + sharer.inHand;
    book.check(
      'O1 every frame taken is looked at or counted',
      taken === known,
      () => `${plan.name}: ${taken}, ${known}`,
    );
  }
}

/** What was accepted in ten seconds is what was promised for them, and what may come at once. */
function watchBudgets(
  fleet: OfferFleet,
  book: InvariantBook,
  windows: Map<SimulatedSharer, SimulatedSharer['budget'][]>,
) {
  for (const { plan, sharer } of fleet.members) {
    if (sharer === undefined) continue;
    const window = windows.get(sharer) ?? [];
    windows.set(sharer, window);
    window.push({ ...sharer.budget });
    if (window.length > 11) window.shift();
    const first = window[0] ?? sharer.budget;
    const accepted = sharer.budget.accepted - first.accepted;
    // The rate of the second that is not over yet is not in the sum.
    const promised = sharer.budget.promised - first.promised + sharer.promisedFps;
    book.check('O2 no more than it said is unused', accepted <= promised + BURST_MAX, () => {
      return `${plan.name} accepted ${accepted} looks of ${promised.toFixed(1)}`;
    });
  }
}

function finish(fleet: OfferFleet, alone: OfferFleet, book: InvariantBook, durationMs: number): void {
  const latencyMaxMs = FRAME_AGE_MAX_MS + latencyOf(alone) + 1_000;
  const worstMs = fleet.latenciesMs.reduce((worst, ms) => Math.max(worst, ms), 0);
  book.check('O4 latency is bounded', worstMs <= latencyMaxMs, () => `${worstMs} ms, allowed ${latencyMaxMs}`);
  for (const [i, { plan, sharer, counts }] of fleet.members.entries()) {
    const before = alone.members[i]?.counts;
    if (before === undefined) continue;
    const looked = counts.lookedHere + counts.lookedElsewhere;
    const least = ALONE_SHARE_MIN * before.lookedHere - ALONE_SLACK;
    book.check('O3 no node is worse off than alone', looked >= least, () => {
      return `${plan.name} (${plan.manner}): ${looked} frames, alone ${before.lookedHere}`;
    });
    book.check('O5 overload does not flap', counts.flips <= (FLIPS_PER_MINUTE_MAX * durationMs) / 60_000 + 1, () => {
      return `${plan.name}: ${counts.flips} times`;
    });
    if (sharer === undefined) continue;
    const { 'offer-late': late = 0, 'offer-done': done = 0 } = sharer.offering.counters;
    const lateMax = LATE_SHARE_MAX * done + (LATE_PER_MINUTE_MAX * durationMs) / 60_000;
    book.check('O6 who does not answer is left alone', late <= lateMax, () => {
      return `${plan.name}: ${late} offers without an answer in time, ${done} done`;
    });
    for (const camera of sharer.stuck(fleet.queue.nowMs - latencyMaxMs)) {
      book.check(
        'O1 every frame taken is looked at or counted',
        false,
        () => `${plan.name}: camera ${camera} waits for ever`,
      );
    }
    const known = counts.answered + counts.skipped + sharer.taking.underWay + counts.unheard;
    book.check('O1 every look taken is answered or counted', counts.received === known, () => {
      return `${plan.name}: received ${counts.received}, known ${known}`;
    });
  }
}

// Alone, a frame waits for its own look and those before it.
function latencyOf(alone: OfferFleet): number {
  return alone.latenciesMs.reduce((worst, ms) => Math.max(worst, ms), 0);
}

function figuresOf(fleet: OfferFleet, alone: OfferFleet): Record<string, number> {
  const sum = (of: OfferFleet, key: 'lookedHere' | 'lookedElsewhere' | 'dropped') =>
    of.members.reduce((total, { counts }) => total + counts[key], 0);
  return {
    'frames alone': sum(alone, 'lookedHere'),
    'frames shared': sum(fleet, 'lookedHere') + sum(fleet, 'lookedElsewhere'),
    'of them elsewhere': sum(fleet, 'lookedElsewhere'),
    'frames dropped': sum(fleet, 'dropped'),
  };
}
