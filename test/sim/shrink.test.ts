import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shrink } from './shrink.js';

describe('shrinking', () => {
  it('finds exactly the elements that a failure takes', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.uniqueArray(fc.nat(59), { maxLength: 4 }), (length, wanted) => {
        const list = Array.from({ length }, (_, i) => i);
        const needed = wanted.filter((i) => i < length).sort((a, b) => a - b);
        const fails = (part: readonly number[]) => needed.every((i) => part.includes(i));
        expect(shrink(list, fails, 10_000)).toEqual(needed);
      }),
    );
  });

  it('gives a list that fails when its budget runs out', () => {
    let runs = 0;
    const fails = (part: readonly number[]) => {
      runs++;
      return part.includes(3) && part.includes(90);
    };
    const found = shrink(
      Array.from({ length: 100 }, (_, i) => i),
      fails,
      5,
    );
    expect(runs).toBe(5);
    expect(found).toContain(3);
    expect(found).toContain(90);
  });
});
