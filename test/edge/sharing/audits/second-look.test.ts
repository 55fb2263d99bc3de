import { describe, expect, it } from 'vitest';
import type { AnswerBox } from '../../../../edge/sharing/audits/answer-match.js';
import { isWithinReach } from '../../../../edge/sharing/audits/second-look.js';

const SCORE_MIN = 0.5;
const box = (l: string, p: number, x: number): AnswerBox => ({ l, p, b: [x, 100, x + 80, 300] });
const person = (p: number) => box('person', p, 100);
const dog = (p: number) => box('dog', p, 400);

describe('what another one saw', () => {
  it('is within reach where the answer to one of the copies is the same', () => {
    expect(isWithinReach([person(0.7)], [person(0.9)], [[person(0.9)], [person(0.75)]], SCORE_MIN)).toBe(true);
    expect(isWithinReach([person(0.7)], [person(0.9)], [[person(0.9)], [person(0.85)]], SCORE_MIN)).toBe(false);
    expect(isWithinReach([person(0.7)], [person(0.9)], [], SCORE_MIN)).toBe(false);
  });

  it('is within reach where one copy shows this of it, and another one that', () => {
    const worker = [person(0.7), dog(0.9)];
    const mine = [person(0.9)];
    expect(isWithinReach(worker, mine, [[person(0.7)], [person(0.9), dog(0.9)]], SCORE_MIN)).toBe(true);
    expect(isWithinReach(worker, mine, [[person(0.7)], [person(0.7)]], SCORE_MIN)).toBe(false);
  });

  it('is not within reach for a copy that shows something else again in its place', () => {
    expect(isWithinReach([box('dog', 0.9, 100)], [person(0.9)], [[box('cow', 0.9, 100)]], SCORE_MIN)).toBe(false);
    expect(isWithinReach([dog(0.9)], [], [[box('dog', 0.9, 430)]], SCORE_MIN)).toBe(false);
  });

  it('is within reach whatever else a copy shows elsewhere', () => {
    expect(isWithinReach([person(0.7)], [person(0.9)], [[person(0.7), dog(0.9)]], SCORE_MIN)).toBe(true);
  });
});
