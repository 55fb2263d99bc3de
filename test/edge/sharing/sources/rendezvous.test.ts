import { describe, expect, it } from 'vitest';
import { nameHash, pairHash, Rendezvous, weightOf } from '../../../../edge/sharing/sources/rendezvous.js';

const NODES = ['cam1', 'cam2', 'cam3', 'cam4'];
const SOURCES = Array.from({ length: 4_000 }, (_, i) => `source${i}`);

function firsts(candidates: readonly { node: string; weight: number }[]): Map<string, number> {
  const rendezvous = new Rendezvous();
  const counts = new Map<string, number>();
  for (const source of SOURCES) {
    const first = rendezvous.order(source, candidates)[0] ?? '';
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}

describe('the order of nodes for a source', () => {
  it('does not depend on the order they are given in', () => {
    const rendezvous = new Rendezvous();
    const candidates = NODES.map((node) => ({ node, weight: 2 }));
    for (const source of SOURCES.slice(0, 50)) {
      expect(rendezvous.order(source, [...candidates].reverse())).toEqual(rendezvous.order(source, candidates));
    }
  });

  it('gives each a share as large as its share of the weights', () => {
    const counts = firsts([
      { node: 'small', weight: 1 },
      { node: 'large', weight: 3 },
    ]);
    expect((counts.get('large') ?? 0) / SOURCES.length).toBeCloseTo(0.75, 1);
  });

  it('moves only what the one had who goes', () => {
    const rendezvous = new Rendezvous();
    const all = NODES.map((node) => ({ node, weight: 1 }));
    const rest = all.filter(({ node }) => node !== 'cam2');
    for (const source of SOURCES.slice(0, 500)) {
      const [before, next] = rendezvous.order(source, all);
      expect(rendezvous.order(source, rest)[0]).toBe(before === 'cam2' ? next : before);
    }
  });

  it('puts those who can do nothing more last', () => {
    const rendezvous = new Rendezvous();
    const candidates = [
      { node: 'full', weight: 0 },
      { node: 'idle', weight: 0.25 },
    ];
    for (const source of SOURCES.slice(0, 100)) expect(rendezvous.order(source, candidates)[0]).toBe('idle');
  });
});

describe('the weight of a node', () => {
  it.each([
    [0, 0],
    [0.24, 0],
    [0.25, 0.25],
    [1, 1],
    [1.9, 1],
    [3.9, 1],
    [4, 4],
    [30, 16],
    [64, 64],
    [1e9, 256],
    [Number.NaN, 0],
    [-5, 0],
  ])('of %f spare frames/s is %f', (spareFps, weight) => expect(weightOf(spareFps)).toBe(weight));
});

describe('the hash of a pair', () => {
  const hashesWith = (node: string) => SOURCES.map((source) => pairHash(nameHash(source), nameHash(node)));
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

  it('is a number between 0 and 1, exclusive, and evenly spread', () => {
    const hashes = hashesWith('cam1');
    expect(Math.min(...hashes)).toBeGreaterThan(0);
    expect(Math.max(...hashes)).toBeLessThan(1);
    for (const tenth of Array.from({ length: 10 }, (_, i) => i / 10)) {
      const share = hashes.filter((hash) => hash >= tenth && hash < tenth + 0.1).length / hashes.length;
      expect(share).toBeCloseTo(0.1, 1);
    }
  });

  it('says nothing of the hash with another node, however alike the names', () => {
    const [one, other] = [hashesWith('cam1'), hashesWith('cam2')];
    const product = mean(one.map((hash, i) => (hash - 0.5) * ((other[i] ?? 0) - 0.5)));
    // Of independent ones it is 0, give or take a twelfth over the root of their number.
    expect(Math.abs(product)).toBeLessThan(5 / 12 / Math.sqrt(SOURCES.length));
  });
});
