import type { Random } from '../../base/random.js';
import { DEMO } from './chaos-bounds.js';
import { type ChaosFault, type FaultKind, isDeath } from './chaos-history.js';

/** A fault and, once it is known, when its service was back. */
export type FaultSoFar = { readonly fault: ChaosFault; readonly backAtMs: number | undefined };

export type NextFault = { readonly kind: FaultKind; readonly target: string; readonly pauseMs?: number };

/** Longer than a series of restarts lasts: a node is hit again only when its ladder begins anew. */
const QUIET_MS = DEMO.healthyMs + 5_000;
/** After a fault that its node mends itself there is no ladder to wait for. */
const SHORT_QUIET_MS = 8_000;
/** Three nodes within 20 s are a mass incident, which is held back: no more than two fall silent within this time. */
const MASS_WINDOW_MS = 25_000;
const SILENCED_MAX = 2;
/** Broker and monitor are left alone for so long: a monitor that settles all the time sees nothing. */
const CENTRE_QUIET_MS = 45_000;

const WEIGHTS: Readonly<Record<FaultKind, number>> = {
  'node killed': 6,
  'node frozen': 4,
  'node paused': 3,
  'vision killed': 2,
  'vision frozen': 2,
  'camera wedged': 2,
  'broker killed': 2,
  'broker paused': 1,
  'monitor killed': 2,
};

/** What to break next; undefined while nothing may be broken. Pure but for the random numbers it draws. */
export function planFault(
  nodes: readonly string[],
  past: readonly FaultSoFar[],
  nowMs: number,
  random: Random,
): NextFault | undefined {
  const targets = new Map<FaultKind, readonly string[]>();
  for (const kind of kinds()) targets.set(kind, targetsOf(kind, nodes, past, nowMs));
  const possible = kinds().filter((kind) => (targets.get(kind) ?? []).length > 0);
  if (possible.length === 0) return undefined;
  const kind = pickWeighted(possible, random);
  const target = random.pick(targets.get(kind) ?? []);
  if (kind === 'node paused') return { kind, target, pauseMs: Math.round(random.range(1_000, 12_000)) };
  if (kind === 'broker paused') return { kind, target, pauseMs: Math.round(random.range(1_000, 8_000)) };
  return { kind, target };
}

function kinds(): FaultKind[] {
  return Object.keys(WEIGHTS).filter((kind): kind is FaultKind => kind in WEIGHTS);
}

function targetsOf(
  kind: FaultKind,
  nodes: readonly string[],
  past: readonly FaultSoFar[],
  nowMs: number,
): readonly string[] {
  if (kind.startsWith('broker') || kind.startsWith('monitor')) {
    const centre = past.filter(({ fault }) => fault.target === 'broker' || fault.target === 'monitor');
    return isQuiet(centre, nowMs, CENTRE_QUIET_MS) ? [kind.split(' ')[0] ?? ''] : [];
  }
  const silencing = past.filter(({ fault }) => fault.kind.startsWith('node'));
  const recent = silencing.filter(({ fault }) => nowMs - fault.atMs < MASS_WINDOW_MS).length;
  if (kind.startsWith('node') && recent >= SILENCED_MAX) return [];
  const open = past.filter(({ fault, backAtMs }) => isDeath(fault) && backAtMs === undefined).length;
  if (isDeath({ kind }) && open >= SILENCED_MAX) return [];
  return nodes.filter((node) =>
    isQuiet(
      past.filter(({ fault }) => fault.target === node),
      nowMs,
      QUIET_MS,
    ),
  );
}

function isQuiet(past: readonly FaultSoFar[], nowMs: number, quietMs: number): boolean {
  return past.every(({ fault, backAtMs }) => {
    const waitMs = /^(vision|camera)/.test(fault.kind) ? SHORT_QUIET_MS : quietMs;
    return backAtMs !== undefined && nowMs - backAtMs >= waitMs;
  });
}

function pickWeighted(possible: readonly FaultKind[], random: Random): FaultKind {
  const pool = possible.flatMap((kind) => Array.from({ length: WEIGHTS[kind] }, () => kind));
  return random.pick(pool);
}
