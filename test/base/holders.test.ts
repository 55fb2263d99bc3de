import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holdersOf, strictMajority } from '../../base/holders.js';

const names = (count: number) => Array.from({ length: count }, (_, i) => `cam${i + 1}`);

describe('holdersOf', () => {
  it('names everybody up to ten nodes, the writer first', () => {
    expect(holdersOf('cam3', names(10))).toHaveLength(10);
    expect(holdersOf('cam3', names(10))[0]).toBe('cam3');
    expect(holdersOf('cam1', [])).toEqual(['cam1']);
  });

  it('names the writer and three others beyond that', () => {
    expect(new Set(holdersOf('cam3', names(11))).size).toBe(4);
  });

  it('counts a writer that is not in the inventory', () => {
    expect(holdersOf('gone', names(10))).toHaveLength(4);
    expect(holdersOf('gone', names(9))).toHaveLength(10);
  });

  it('does not depend on the order of the inventory', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(names(30), { minLength: 30 }), (shuffled) => {
        expect(holdersOf('cam7', shuffled)).toEqual(holdersOf('cam7', names(30)));
      }),
    );
  });

  it('moves only the share of the node that goes', () => {
    const before = names(40);
    const after = before.filter((name) => name !== 'cam9');
    for (const node of after) {
      const kept = holdersOf(node, before).filter((holder) => holder !== 'cam9');
      for (const holder of kept) expect(holdersOf(node, after)).toContain(holder);
    }
  });
});

describe('strictMajority', () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 2],
    [4, 3],
    [5, 3],
  ])('of %i copies is %i', (assigned, majority) => {
    expect(strictMajority(assigned)).toBe(majority);
  });
});
