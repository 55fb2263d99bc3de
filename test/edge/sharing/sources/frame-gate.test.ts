import { describe, expect, it } from 'vitest';
import { FrameGate } from '../../../../edge/sharing/sources/frame-gate.js';

function gateWith(...frames: string[]): FrameGate<string> {
  const gate = new FrameGate<string>();
  for (const frame of frames) gate.offer(frame);
  return gate;
}

describe('the gate of a source', () => {
  it('gives a frame on once', () => {
    const gate = gateWith('a');
    expect(gate.next(0)).toBe('a');
    expect(gate.next(0)).toBeUndefined();
  });

  it('gives the newest of those that waited, and counts the others', () => {
    const gate = gateWith('a', 'b', 'c');
    expect(gate.next(0)).toBe('c');
    expect(gate.counters()).toMatchObject({ 'source-frames': 3, 'source-given': 1, 'source-replaced': 2 });
  });

  it('gives no frame while the one before is under way', () => {
    const gate = gateWith('a');
    gate.next(0);
    gate.offer('b');
    expect(gate.next(1_000)).toBeUndefined();
    gate.taken();
    expect(gate.next(1_000)).toBe('b');
  });

  it('gives ten a second of a flood', () => {
    const gate = new FrameGate<number>();
    let given = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      gate.offer(ms);
      if (gate.next(ms) === undefined) continue;
      given++;
      gate.taken();
    }
    expect(given).toBe(100);
    expect(gate.counters()['source-replaced']).toBe(10_000 - 100 - gate.waiting);
  });

  it('goes on when a frame was never taken', () => {
    const gate = gateWith('a');
    gate.next(0);
    gate.offer('b');
    expect(gate.next(4_999)).toBeUndefined();
    expect(gate.dueMs(4_999)).toBe(5_000);
    expect(gate.next(5_000)).toBe('b');
  });

  it('counts what it discards', () => {
    const gate = gateWith('a');
    gate.discard();
    expect(gate.next(0)).toBeUndefined();
    expect(gate.counters()['source-discarded']).toBe(1);
    gate.offer('b');
    expect(gate.next(0)).toBe('b');
  });
});
