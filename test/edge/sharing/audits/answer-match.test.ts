import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AnswerBox, differenceOf } from '../../../../edge/sharing/audits/answer-match.js';

const SCORE_MIN = 0.5;
const box = (l: string, p: number, b: AnswerBox['b'] = [100, 100, 200, 300]): AnswerBox => ({ l, p, b });
const person = box('person', 0.8);

describe('two answers to the same picture', () => {
  it('are the same when both see nothing', () => {
    expect(differenceOf([], [], SCORE_MIN)).toBeUndefined();
  });

  it.each([
    ['a score 0.079 apart', box('person', 0.721), undefined],
    ['a score 0.09 apart', box('person', 0.71), 'other-score'],
    ['a box that overlaps by 0.6', box('person', 0.8, [100, 100, 200, 220]), undefined],
    ['a box that overlaps by less', box('person', 0.8, [100, 100, 200, 219]), 'other-box'],
    ['another label', box('dog', 0.8), 'other-label'],
    ['a box elsewhere', box('person', 0.8, [400, 100, 500, 300]), 'missing-box'],
  ])('%s', (_, other, difference) => {
    expect(differenceOf([person], [other], SCORE_MIN)).toBe(difference);
    expect(differenceOf([other], [person], SCORE_MIN)).toBe(difference);
  });

  it('may miss a box that is near the threshold, and no other', () => {
    expect(differenceOf([person, box('dog', 0.579, [0, 0, 50, 50])], [person], SCORE_MIN)).toBeUndefined();
    expect(differenceOf([person, box('dog', 0.581, [0, 0, 50, 50])], [person], SCORE_MIN)).toBe('missing-box');
  });

  it('may miss a box that nobody can be sure of, where the threshold is low', () => {
    const LOW = 0.3;
    expect(differenceOf([person, box('dog', 0.49, [0, 0, 50, 50])], [person], LOW)).toBeUndefined();
    expect(differenceOf([person, box('dog', 0.5, [0, 0, 50, 50])], [person], LOW)).toBe('missing-box');
  });

  it('may differ twice as much in a score that one of them is not sure of', () => {
    const LOW = 0.3;
    expect(differenceOf([box('person', 0.63)], [box('person', 0.48)], LOW)).toBeUndefined();
    expect(differenceOf([box('person', 0.65)], [box('person', 0.48)], LOW)).toBe('other-score');
    expect(differenceOf([box('person', 0.61)], [box('person', 0.52)], LOW)).toBe('other-score');
  });

  it('may miss a box that lies largely under a better one of its label, which a detector may give alone', () => {
    const under = box('person', 0.75, [150, 100, 250, 300]);
    const apart = box('person', 0.75, [170, 100, 270, 300]);
    const wide = box('person', 0.8, [100, 100, 220, 300]);
    expect(differenceOf([wide, under], [wide], SCORE_MIN)).toBeUndefined();
    expect(differenceOf([wide], [wide, under], SCORE_MIN)).toBeUndefined();
    expect(differenceOf([wide, apart], [wide], SCORE_MIN)).toBe('missing-box');
    expect(differenceOf([wide, { ...under, l: 'dog' }], [wide], SCORE_MIN)).toBe('missing-box');
    expect(differenceOf([wide, { ...under, p: 0.85 }], [wide], SCORE_MIN)).toBe('missing-box');
  });

  it('pairs each box once', () => {
    const twice = [person, box('person', 0.79, [101, 101, 201, 301])];
    expect(differenceOf(twice, [person], SCORE_MIN)).toBe('missing-box');
    expect(differenceOf(twice, [...twice].reverse(), SCORE_MIN)).toBeUndefined();
  });

  it('compares alike in both directions and in any order, and an answer with itself never differs', () => {
    const corner = fc.integer({ min: 0, max: 40 });
    const anyBox = fc
      .record({ l: fc.constantFrom('a', 'b'), p: fc.integer({ min: 50, max: 100 }), x: corner, y: corner })
      .map(({ l, p, x, y }) => box(l, p / 100, [x, y, x + 40, y + 40]));
    const answer = fc.array(anyBox, { maxLength: 5 });
    fc.assert(
      fc.property(answer, answer, (one, other) => {
        expect(differenceOf(one, one, SCORE_MIN)).toBeUndefined();
        const isSame = differenceOf(one, other, SCORE_MIN) === undefined;
        expect(differenceOf(other, one, SCORE_MIN) === undefined).toBe(isSame);
      }),
    );
  });
});
