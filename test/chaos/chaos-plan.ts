import type { Random } from '../../base/random.js';
import type { ChaosTimes } from './chaos-bounds.js';
import { type ChaosFault, FAULT_KINDS, type FaultKind, isBlinding, isDeath } from './chaos-history.js';

/** A fault and, once it is known, when its service was back. */
export type FaultSoFar = { readonly fault: ChaosFault; readonly backAtMs: number | undefined };

export type NextFault = { readonly kind: FaultKind; readonly target: string; readonly pauseMs?: number };

/** What may be broken of a ground, and how often each kind is drawn. */
export type ChaosRules = {
  readonly nodes: readonly string[];
  readonly weights: Readonly<Partial<Record<FaultKind, number>>>;
  readonly times: Pick<ChaosTimes, 'healthyMs'>;
};

/** Longer than a series of restarts lasts: a node is hit again only when its ladder begins anew. */
const LADDER_MS = 5_000;
/** After a fault that its node mends itself there is no ladder to wait for. */
const SHORT_QUIET_MS = 8_000;
/** Three nodes within 20 s are a mass incident, which is held back: no more than two fall silent within this time. */
const MASS_WINDOW_MS = 25_000;
const SILENCED_MAX = 2;
/** Broker and monitor are left alone for so long: a monitor that settles all the time sees nothing. */
const CENTRE_QUIET_MS = 45_000;

/** How long a fault lasts that is taken back, ms. */
const PAUSES: Partial<Record<FaultKind, readonly [number, number]>> = {
  'node paused': [1_000, 12_000],
  'broker paused': [1_000, 8_000],
  // Until its monitor has asked after it.
  'node stopped': [75_000, 90_000],
  'board cut off': [5_000, 40_000],
  'board unplugged': [3_000, 30_000],
};

/** What to break next; undefined while nothing may be broken. Pure but for the random numbers it draws. */
export function planFault(
  rules: ChaosRules,
  past: readonly FaultSoFar[],
  nowMs: number,
  random: Random,
): NextFault | undefined {
  const targets = new Map(kindsOf(rules).map((kind) => [kind, targetsOf(kind, rules, past, nowMs)]));
  const possible = [...targets.keys()].filter((kind) => (targets.get(kind) ?? []).length > 0);
  if (possible.length === 0) return undefined;
  const kind = pickWeighted(possible, rules, random);
  const target = random.pick(targets.get(kind) ?? []);
  const pause = PAUSES[kind];
  return pause === undefined ? { kind, target } : { kind, target, pauseMs: Math.round(random.range(...pause)) };
}

function kindsOf({ weights }: ChaosRules): FaultKind[] {
  return FAULT_KINDS.filter((kind) => (weights[kind] ?? 0) > 0);
}

function targetsOf(
  kind: FaultKind,
  { nodes, times }: ChaosRules,
  past: readonly FaultSoFar[],
  nowMs: number,
): readonly string[] {
  const role = kind.split(' ')[0] ?? '';
  if (isBlinding({ target: role })) {
    const centre = past.filter(({ fault }) => isBlinding(fault));
    return isQuiet(centre, nowMs, CENTRE_QUIET_MS) ? [role] : [];
  }
  const recent = past.filter(({ fault }) => isSilencing(fault.kind) && nowMs - fault.atMs < MASS_WINDOW_MS).length;
  if (isSilencing(kind) && recent >= SILENCED_MAX) return [];
  const open = past.filter(({ fault, backAtMs }) => isDeath(fault) && backAtMs === undefined).length;
  if (isDeath({ kind }) && open >= SILENCED_MAX) return [];
  return nodes.filter((node) =>
    isQuiet(
      past.filter(({ fault }) => fault.target === node),
      nowMs,
      times.healthyMs + LADDER_MS,
    ),
  );
}

function isSilencing(kind: FaultKind): boolean {
  return /^(node|board)/.test(kind);
}

function isQuiet(past: readonly FaultSoFar[], nowMs: number, quietMs: number): boolean {
  return past.every(({ fault, backAtMs }) => {
    const waitMs = /^(vision|camera)/.test(fault.kind) ? SHORT_QUIET_MS : quietMs;
    return backAtMs !== undefined && nowMs - backAtMs >= waitMs;
  });
}

function pickWeighted(possible: readonly FaultKind[], { weights }: ChaosRules, random: Random): FaultKind {
  const pool = possible.flatMap((kind) => Array.from({ length: weights[kind] ?? 0 }, () => kind));
  return random.pick(pool);
}
