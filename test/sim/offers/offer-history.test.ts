import { describe, expect, it } from 'vitest';
import { ABLATIONS, type Ablation, runOfferHistory } from './offer-history.js';
import { measureScale } from './offer-scale.js';

const MINUTE_MS = 60_000;
const SEEDS = Array.from({ length: 60 }, (_, i) => i + 1);

// Two hundred histories take a second each on a machine that others use.
describe('nodes that take looks off each other', { timeout: 180_000 }, () => {
  it('keep what they promise in 50 histories of liars, slow links, cuts, crashes and frozen nodes', () => {
    const histories = Array.from({ length: 50 }, (_, i) => runOfferHistory(i + 1, MINUTE_MS));
    const broken = histories.flatMap(({ seed, violations }) => violations.map((violation) => ({ seed, ...violation })));
    expect(broken).toEqual([]);
    const sum = (name: string) => histories.reduce((total, { figures }) => total + (figures[name] ?? 0), 0);
    expect(sum('of them elsewhere')).toBeGreaterThan(5_000);
    expect(sum('frames shared')).toBeGreaterThan(1.05 * sum('frames alone'));
  });

  it('do the same in the same history', () => {
    const [one, two] = [runOfferHistory(7, MINUTE_MS), runOfferHistory(7, MINUTE_MS)];
    expect(two).toEqual(one);
  });

  it.each<[Ablation, string, number[]?]>([
    ['deadline', 'O1 every frame taken is looked at or counted'],
    ['own cameras first', 'O3 no node is worse off than alone'],
    ['budget of the taker', 'O2 no more than it said is unused'],
    ['leaving alone', 'O6 who does not answer is left alone'],
    ['age of a frame', 'O4 latency is bounded'],
    ['cameras that stay', 'O3 no node is worse off than alone', [719, 1642]],
    ['hysteresis', 'O5 overload does not flap'],
  ])('are seen to break their promises without %s', (rule, invariant, seeds = SEEDS) => {
    const breaks = (seed: number) =>
      runOfferHistory(seed, MINUTE_MS, ABLATIONS[rule]).violations.some(
        (violation) => violation.invariant === invariant,
      );
    // Histories of which one at least needs the rule.
    expect(seeds.some(breaks)).toBe(true);
  });

  it('reach 85 % of what an even spread of cameras does, whatever their number, and none is preferred', () => {
    for (const nodes of [4, 40]) {
      const { sharedFps, evenFps, aloneFps, fairness, p99Ms } = measureScale(1, nodes, MINUTE_MS);
      expect(sharedFps).toBeGreaterThan(0.85 * evenFps);
      expect(aloneFps).toBeLessThan(0.4 * evenFps);
      expect(fairness).toBeGreaterThan(0.95);
      expect(p99Ms).toBeLessThan(1_000);
    }
  });

  it('reach it too where boards rest most of the time and a look away costs as much of their own as one here', () => {
    const board = { workMs: 10, prepareMs: 9, share: 0.06, cameraPeriodMs: 250 };
    for (const nodes of [4, 8]) {
      const { sharedFps, evenFps, p99Ms } = measureScale(1, nodes, MINUTE_MS, board);
      expect(sharedFps).toBeGreaterThan(0.97 * evenFps);
      expect(p99Ms).toBeLessThan(500);
    }
  });
});
