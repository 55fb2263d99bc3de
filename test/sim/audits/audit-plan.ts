import { Random } from '../../../base/random.js';

/** How a node does as an auditor of others; what it publishes itself is right, unless it is also wrong. */
export const MANNERS = ['agrees', 'disputes', 'garbage', 'late', 'mute', 'stuck', 'invents'] as const;
export type Manner = 'fair' | (typeof MANNERS)[number];

/** A free detector; one with more to see than it can; one that says it has time and has none; one that says it has none. */
export type Load = 'free' | 'full' | 'boasts' | 'denies';

/** Kinds of histories, by who is in the fleet. */
export const CASTS = {
  'one wrong': { nodes: [3, 4, 5, 6] },
  'one lies as an auditor': { nodes: [5, 5, 6] },
  'two wrong': { nodes: [5, 5, 6] },
  'two wrong alike': { nodes: [5, 5, 6] },
  'full detectors': { nodes: [4, 5] },
  'lies about load': { nodes: [5, 5, 6] },
  'one leaves': { nodes: [4, 5] },
  'older peers': { nodes: [5, 5, 6] },
  'another decoder': { nodes: [4, 5] },
  'most are wrong alike': { nodes: [3] },
} as const;
export type Cast = keyof typeof CASTS;

/** A history's fleet, and what befalls it. Times are virtual ms. */
export type AuditPlan = {
  readonly cast: Cast;
  readonly nodes: readonly PlannedNode[];
  /** Results of each that others found valid before the history began. */
  readonly validBefore: number;
  /** Halves that do not hear each other for a while. */
  readonly partitions: readonly { readonly fromMs: number; readonly toMs: number; readonly left: readonly string[] }[];
  readonly restarts: readonly { readonly node: string; readonly atMs: number; readonly downMs: number }[];
  /** Its vision process is gone for a while. */
  readonly blinds: readonly { readonly node: string; readonly atMs: number; readonly forMs: number }[];
  readonly clockJumps: readonly { readonly node: string; readonly atMs: number; readonly byMs: number }[];
  readonly latency: { readonly baseMs: number; readonly jitterMs: number };
  /** Part of the messages that get lost, and that come twice. */
  readonly lossRate: number;
  readonly repeatRate: number;
};

export type PlannedNode = {
  readonly node: string;
  readonly joinMs: number;
  /** Then it goes, and does not come back; infinitely late: never. */
  readonly leavesMs: number;
  /** A program that knows no audits. */
  readonly isOld: boolean;
  readonly manner: Manner;
  readonly load: Load;
  /** From then on this part of its answers is wrong; infinitely late: never. */
  readonly wrongFromMs: number;
  readonly wrongRate: number;
  /** It has another decoder of JPEG: right, and in some pictures the only one that sees what it sees. */
  readonly hasOtherDecoder: boolean;
  /** Those of one name are wrong in the same pictures, in the same way. */
  readonly wrongAs: string;
  /** The first picture it has audited after this is one in which it differs from all others, though it is honest. */
  readonly oddFromMs: number;
  /** Its link is slow by this much more. */
  readonly slowMs: number;
  /** How soon others know that it is gone: by its will, or by heartbeats that are missing. */
  readonly missedMs: number;
  readonly resultsPerTick: number;
};

export const HISTORY_MS = 1_500_000;
export const QUIET_MS = 180_000;
/** Of its cameras. Who is right in most pictures has many, or it would hardly be found in any history. */
const RESULTS_PER_TICK = { few: 4, many: 16, most: 40 };
const NEVER = Number.POSITIVE_INFINITY;

/** Draws a history from its seed. @param cast undefined: of the seed. */
export function planHistory(seed: number, cast?: Cast): AuditPlan {
  const random = new Random(`audits ${seed}`);
  return new Planner(random, cast ?? random.pick(castNames())).plan();
}

export function castNames(): readonly Cast[] {
  return Object.keys(CASTS).filter((name): name is Cast => name in CASTS);
}

class Planner {
  readonly #random: Random;
  readonly #cast: Cast;
  readonly #names: readonly string[];
  readonly #rate: number;

  constructor(random: Random, cast: Cast) {
    this.#random = random;
    this.#cast = cast;
    this.#names = Array.from({ length: random.pick<number>(CASTS[cast].nodes) }, (_, i) => `cam${i + 1}`);
    this.#rate = cast === 'most are wrong alike' ? 1 : random.pick([1, 0.5, 0.1]);
  }

  plan(): AuditPlan {
    const random = this.#random;
    const nodes = this.#nodes();
    // Who is outvoted on one side of a cut, or while others are away, is outvoted: that is not what these are about.
    const isCalm = this.#cast === 'two wrong alike' || this.#cast === 'most are wrong alike';
    const isFewHonest = isCalm || this.#cast === 'two wrong' || this.#cast === 'one lies as an auditor';
    const names = this.#names;
    return {
      ...{ cast: this.#cast, nodes },
      validBefore: random.chance(0.05) ? 600 : random.pick([0, 30, 120, 120]),
      partitions: (isCalm ? [] : this.#some(isFewHonest ? 1 : 3)).map((fromMs) => ({
        fromMs,
        toMs: fromMs + random.range(20_000, isFewHonest ? 120_000 : 300_000),
        left: names.filter(() => random.chance(0.5)),
      })),
      restarts: (isCalm ? [] : this.#some(4)).map((atMs) => ({
        ...{ node: random.pick(names), atMs },
        downMs: random.range(3_000, isFewHonest ? 30_000 : 120_000),
      })),
      blinds: (isCalm ? [] : this.#some(2)).map((atMs) => ({
        ...{ node: random.pick(names), atMs, forMs: random.range(5_000, 40_000) },
      })),
      clockJumps: this.#some(3).map((atMs) => ({
        ...{ node: random.pick(names), atMs, byMs: random.range(-3_600_000, 3_600_000) },
      })),
      latency: { baseMs: random.range(2, 60), jitterMs: random.range(1, 200) },
      lossRate: random.pick([0, 0.01, 0.05]),
      repeatRate: random.pick([0, 0.05]),
    };
  }

  #nodes(): PlannedNode[] {
    const random = this.#random;
    const parts = this.#parts();
    return this.#names.map((node) => {
      const part = parts.get(node) ?? {};
      const isRight = part.wrongRate === undefined;
      return {
        ...{ node, leavesMs: NEVER, isOld: false, manner: 'fair' as const, load: 'free' as const },
        hasOtherDecoder: false,
        joinMs: random.chance(0.2) ? random.range(0, 300_000) : 0,
        ...{ wrongFromMs: NEVER, wrongRate: 0, wrongAs: node },
        oddFromMs: isRight && this.#hasOdd() ? random.range(0, HISTORY_MS) : NEVER,
        slowMs: random.chance(0.15) ? random.range(500, 4_000) : 0,
        missedMs: random.pick([1_000, 30_000]),
        resultsPerTick: isRight ? random.pick([RESULTS_PER_TICK.few, RESULTS_PER_TICK.many]) : this.#resultsOfWrong(),
        ...part,
      };
    });
  }

  #resultsOfWrong(): number {
    return this.#rate < 0.5 ? RESULTS_PER_TICK.most : RESULTS_PER_TICK.many;
  }

  // One dispute of its own and one by two that are wrong alike are two.
  #hasOdd(): boolean {
    return this.#cast !== 'two wrong alike' && this.#cast !== 'most are wrong alike';
  }

  /** Who is other than an honest node with time. */
  #parts(): Map<string, Partial<PlannedNode>> {
    const random = this.#random;
    const [first = '', second = '', third = ''] = shuffled(this.#names, random);
    switch (this.#cast) {
      case 'one wrong':
        return new Map([[first, this.#wrong()]]);
      case 'one lies as an auditor':
        return new Map([
          [first, { manner: random.pick(MANNERS) }],
          [second, random.chance(0.8) ? this.#wrong() : {}],
        ]);
      case 'two wrong':
        return new Map([
          [first, this.#wrong()],
          [second, this.#wrong()],
        ]);
      case 'two wrong alike':
      case 'most are wrong alike': {
        const alike = { ...this.#wrong(), wrongAs: 'both' };
        return new Map([
          [first, alike],
          [second, alike],
        ]);
      }
      case 'full detectors':
        return new Map([
          [first, { ...this.#wrong(), load: random.pick(['free', 'full'] as const) }],
          [second, { load: 'full' }],
        ]);
      case 'lies about load':
        return new Map([
          [first, this.#wrong()],
          [second, { load: 'boasts' }],
          [third, { load: 'denies' }],
        ]);
      case 'one leaves':
        return new Map([
          [first, this.#wrong()],
          [second, { leavesMs: random.range(60_000, HISTORY_MS * 0.6) }],
        ]);
      case 'older peers':
        return new Map([
          [first, this.#wrong()],
          [second, { isOld: true }],
        ]);
      case 'another decoder':
        return new Map([
          [first, this.#wrong()],
          [second, { hasOtherDecoder: true }],
        ]);
    }
  }

  #wrong(): Partial<PlannedNode> {
    return { wrongFromMs: this.#random.range(60_000, 600_000), wrongRate: this.#rate };
  }

  #some(max: number): number[] {
    const random = this.#random;
    return Array.from({ length: random.int(max + 1) }, () => random.range(60_000, HISTORY_MS * 0.8));
  }
}

/** In an order of chance. */
function shuffled(names: readonly string[], random: Random): string[] {
  return names
    .map((name) => ({ name, place: random.next() }))
    .sort((a, b) => a.place - b.place)
    .map(({ name }) => name);
}
