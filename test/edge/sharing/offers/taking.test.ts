import { describe, expect, it } from 'vitest';
import { OFFER_LIMITS } from '../../../../edge/sharing/offers/offer-limits.js';
import { Taking } from '../../../../edge/sharing/offers/taking.js';

function make(spareFps = 100) {
  const taking = new Taking(OFFER_LIMITS);
  taking.setSpare(spareFps, 0);
  taking.setSpare(spareFps, 1_000);
  return taking;
}
let next = 0;
const look = (from: string, deadlineMs = 1_000) => ({ from, id: `o${next++}`, deadlineMs });

describe('taking looks of others', () => {
  it('takes what fits into the room it has, and is busy at once for the rest', () => {
    const taking = make();
    const { offersMax } = OFFER_LIMITS;
    const answers = Array.from({ length: offersMax + 2 }, () => taking.ask(look('a'), 1_000));
    expect(answers).toEqual([...Array.from({ length: offersMax }, () => 'take'), 'busy', 'busy']);
    expect(taking.underWay).toBe(offersMax);
    expect(taking.counters['take-full']).toBe(2);
  });

  it('takes at once what it can do one after the other by the deadline', () => {
    const ask = (deadlineMs: number) => {
      const taking = make(10);
      return Array.from({ length: 6 }, () => taking.ask(look('a', deadlineMs), 1_000)).indexOf('busy');
    };
    expect(ask(100)).toBe(1);
    expect(ask(310)).toBe(3);
    // Of what is unused for half a second; the rest comes as time goes by.
    expect(ask(2_000)).toBe(5);
    expect(make(10).counters['take-full']).toBe(0);
  });

  it('takes nothing when it has nothing unused', () => {
    expect(make(0).ask(look('a'), 1_000)).toBe('busy');
  });

  it('takes no more than it has unused, second for second', () => {
    const taking = make(3);
    let taken = 0;
    for (let atMs = 1_000; atMs < 11_000; atMs += 20) {
      const asked = look('a');
      if (taking.ask(asked, atMs) !== 'take') continue;
      taken++;
      taking.end(asked, 'done', atMs);
    }
    expect(taken).toBeGreaterThanOrEqual(29);
    expect(taken).toBeLessThanOrEqual(32);
  });

  it('divides its room among those who ask', () => {
    const taking = make(8);
    const ask = (from: string) => taking.ask(look(from, 500), 1_000);
    expect([ask('a'), ask('b'), ask('a')]).toEqual(['take', 'take', 'take']);
    expect(ask('a')).toBe('busy');
    expect(ask('b')).toBe('take');
  });

  it('does not take what it cannot do in time, and finds out when it can again', () => {
    const taking = make();
    const slow = look('a');
    taking.ask(slow, 1_000);
    taking.end(slow, 'done', 1_900);
    expect(taking.ask(look('a', 500), 2_000)).toBe('busy');
    let tries = 0;
    while (taking.ask(look('a', 500), 2_000) === 'busy') tries++;
    expect(tries).toBeLessThan(10);
  });

  it('does a look once that comes twice', () => {
    const taking = make();
    const asked = look('a');
    expect(taking.ask(asked, 1_000)).toBe('take');
    expect(taking.ask(asked, 1_001)).toBe('ignore');
    expect(taking.end(asked, 'done', 1_100)).toBe(true);
    expect(taking.end(asked, 'done', 1_101)).toBe(false);
  });

  it('counts what came of each look', () => {
    const taking = make();
    const [done, late, failed, skipped] = ['a', 'b', 'c', 'd'].map((from) => look(from, 100));
    if (!done || !late || !failed || !skipped) throw new Error('four were made');
    for (const asked of [done, late, failed, skipped]) expect(taking.ask(asked, 1_000)).toBe('take');
    taking.end(done, 'done', 1_050);
    taking.end(late, 'done', 1_101);
    taking.end(failed, 'failed', 1_020);
    taking.end(skipped, 'skipped', 1_120);
    expect(taking.underWay).toBe(0);
    expect(taking.counters).toMatchObject({
      ...{ 'take-done': 1, 'take-lateDone': 1, 'take-failed': 1, 'take-late': 1, 'take-busy': 0 },
    });
  });
});
