import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EventQueue } from './event-queue.js';

describe('the event queue', () => {
  it('runs events in order of their time, then of their making, whatever is cancelled', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ atMs: fc.nat(50), isCancelled: fc.boolean() }), { maxLength: 200 }), (plan) => {
        const queue = new EventQueue();
        const ran: number[] = [];
        const events = plan.map(({ atMs }, i) => queue.at(atMs, () => ran.push(i)));
        for (const [i, event] of events.entries()) if (plan[i]?.isCancelled) queue.cancel(event);
        queue.runUntil(50);
        const expected = plan
          .map(({ atMs, isCancelled }, i) => ({ atMs, isCancelled, i }))
          .filter(({ isCancelled }) => !isCancelled)
          .sort((a, b) => a.atMs - b.atMs || a.i - b.i);
        expect(ran).toEqual(expected.map(({ i }) => i));
      }),
    );
  });

  it('runs what an event schedules for now after what is already due, and never moves back', () => {
    const queue = new EventQueue();
    const ran: string[] = [];
    queue.at(10, () => {
      ran.push('a');
      queue.at(3, () => ran.push(`late at ${queue.nowMs}`));
    });
    queue.at(10, () => ran.push('b'));
    queue.runUntil(100);
    expect(ran).toEqual(['a', 'b', 'late at 10']);
    expect(queue.nowMs).toBe(100);
  });

  it('lets promises settle between two events when asked to', async () => {
    const queue = new EventQueue();
    const ran: string[] = [];
    queue.at(1, async () => {
      await Promise.resolve();
      await Promise.resolve();
      ran.push('settled');
    });
    queue.at(1, () => ran.push('next'));
    await queue.runUntilSettling(1);
    expect(ran).toEqual(['settled', 'next']);
  });
});
