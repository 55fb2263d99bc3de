import { describe, expect, it } from 'vitest';
import { CoreUnderTest, EPOCH, linesOf, signed, WrittenLog } from './replica-fixture.js';

const POLL_MS = 60_000;

/** A replica that holds six closed segments of each of two others. */
function holder(): CoreUnderTest {
  const test = new CoreUnderTest('cam1', { pollMs: POLL_MS });
  test.hear({ type: 'up' });
  for (const node of ['cam2', 'cam3']) {
    test.hear({ type: 'peer', node, state: 'online' });
    const log = new WrittenLog(node, EPOCH, 6);
    for (let seq = 10; seq <= 60; seq += 10) {
      test.hear({ type: 'live', node, epoch: EPOCH, lines: linesOf(seq - 9, seq) });
      const entry = log.entry(seq);
      test.hear({ type: 'head', head: signed({ node, inst: 'i', t: seq, logs: [entry] }, `key-${node}`) });
    }
  }
  expect(test.take('saveSegment')).toHaveLength(12);
  return test;
}

/** Whose logs were polled about since this was asked last. */
function polled(test: CoreUnderTest): string[] {
  return [...new Set(test.take('poll').map(({ poll }) => `${poll.id} ${poll.of}`))].map(
    (text) => text.split(' ')[1] ?? '',
  );
}

describe('the schedule of polls', () => {
  it('begins at once, and with them, where others answered otherwise about some logs', () => {
    for (const doubted of ['cam2', 'cam3']) {
      const test = holder();
      test.pass(1_000);
      expect(polled(test)).toEqual([]);
      test.hear({ type: 'doubt', cut: [[doubted, EPOCH, 60]] });
      test.pass(100);
      expect(polled(test)).toEqual([doubted]);
    }
  });

  it('asks no oftener for being told again and again', () => {
    const test = holder();
    for (let second = 0; second < 300; second++) {
      test.hear({ type: 'doubt', cut: [['cam2', EPOCH, 60]] });
      test.pass(1_000);
    }
    // The first one, and one every half period.
    expect(polled(test).length).toBeLessThanOrEqual(1 + 300_000 / (POLL_MS / 2));
    expect(test.core.counters().polls).toBeGreaterThan(5);
  });

  it('does not mind logs that are not held', () => {
    const test = holder();
    test.hear({ type: 'doubt', cut: [['cam9', EPOCH, 60]] });
    test.pass(5_000);
    expect(polled(test)).toEqual([]);
  });
});
