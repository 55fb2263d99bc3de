import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { DEMO } from './chaos-bounds.js';
import { FAULT_KINDS, isDeath } from './chaos-history.js';
import { type ChaosRules, type FaultSoFar, planFault } from './chaos-plan.js';

const NODES = ['cam1', 'cam2', 'cam3', 'cam4'];
const RULES: ChaosRules = {
  nodes: NODES,
  weights: Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 2])),
  times: DEMO,
};

/** Faults of one seed where every service is back after `tookMs`. */
function planAll(seed: number, steps: number, tookMs: number): FaultSoFar[] {
  const random = new Random(seed);
  const past: { fault: FaultSoFar['fault']; backAtMs: number | undefined }[] = [];
  for (let nowMs = 0; nowMs < steps * 1_000; nowMs += 1_000) {
    for (const one of past) if (nowMs - one.fault.atMs >= tookMs) one.backAtMs ??= nowMs;
    const next = planFault(RULES, past, nowMs, random);
    if (next === undefined) continue;
    const { kind, target, pauseMs } = next;
    const until = pauseMs === undefined ? {} : { untilMs: nowMs + pauseMs };
    past.push({ fault: { kind, target, atMs: nowMs, ...until }, backAtMs: undefined });
  }
  return past;
}

describe('the plan of faults', () => {
  it('never silences three nodes within the mass window, nor a node that is not well yet', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const past = planAll(seed, 300, 12_000);
      const silencing = past.filter(({ fault }) => /^(node|board)/.test(fault.kind)).map(({ fault }) => fault.atMs);
      const near = silencing.map(
        (fromMs) => silencing.filter((atMs) => atMs >= fromMs && atMs < fromMs + 20_000).length,
      );
      expect(Math.max(...near), `seed ${seed}`).toBeLessThanOrEqual(2);
      for (const node of NODES) {
        const mine = past.filter(({ fault }) => fault.target === node).map(({ fault }) => fault.atMs);
        const gapsMs = mine.slice(1).map((atMs, i) => atMs - (mine[i] ?? 0));
        expect(Math.min(...gapsMs), `seed ${seed}, ${node}`).toBeGreaterThanOrEqual(12_000);
      }
    }
  });

  it('does every kind of fault, and pauses only what is let go on', () => {
    const past = planAll(1, 1_800, 12_000);
    expect(new Set(past.map(({ fault }) => fault.kind))).toEqual(new Set(FAULT_KINDS));
    const isTakenBack = /paused|stopped|unplugged|cut off/;
    for (const { fault } of past) expect(fault.untilMs !== undefined).toBe(isTakenBack.test(fault.kind));
  });

  it('does nothing that its rules do not name', () => {
    const rules = { ...RULES, weights: { 'node killed': 1 } };
    const random = new Random(1);
    for (let i = 0; i < 100; i++) expect(planFault(rules, [], i, random)?.kind).toBe('node killed');
  });

  it('breaks nothing more of a node that does not come back, and at most two', () => {
    const past = planAll(3, 600, Number.POSITIVE_INFINITY);
    const nodes = past.filter(({ fault }) => fault.target.startsWith('cam')).map(({ fault }) => fault.target);
    expect(new Set(nodes).size).toBe(nodes.length);
    expect(past.filter(({ fault }) => isDeath(fault)).length).toBeLessThanOrEqual(2);
  });

  it('draws the same faults from the same seed', () => {
    expect(planAll(7, 300, 9_000)).toEqual(planAll(7, 300, 9_000));
    expect(planAll(7, 300, 9_000)).not.toEqual(planAll(8, 300, 9_000));
  });
});
