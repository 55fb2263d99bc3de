import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ReplicaEvent } from '../../../edge/replica/core/effects.js';
import type { ReplicaLimits } from '../../../edge/replica/core/replica-limits.js';
import type { Frontier } from '../../../protocol/replica.js';
import { CoreUnderTest, EPOCH, isSigned, line, linesOf, NO_CONTENT, signed, WrittenLog } from './replica-fixture.js';

const other = new WrittenLog('cam2', EPOCH, 6);
const headOf = (seq: number, options = {}, key = 'key-cam2', t = 1) =>
  signed({ node: 'cam2', inst: 'i', t, logs: [other.entry(seq, options)] }, key);
const live = (from: number, to: number): ReplicaEvent => ({
  type: 'live',
  node: 'cam2',
  epoch: EPOCH,
  lines: linesOf(from, to),
});

const ownLog = new WrittenLog('cam1', EPOCH, 6);
const extent = (without?: number) => ({
  ...{ epoch: EPOCH, isLive: true, first: 1, seq: 65, publishableSeq: 65, openFrom: 61, closed: 6 },
  segments: [0, 1, 2, 3, 4, 5].filter((n) => n !== without).map((n) => ownLog.meta(n)),
  hash: ownLog.meta(5).hash,
});

function online(limits = {}): CoreUnderTest {
  const test = new CoreUnderTest('cam1', limits);
  test.hear({ type: 'up' });
  test.hear({ type: 'peer', node: 'cam2', state: 'online' });
  test.hear({ type: 'peer', node: 'cam3', state: 'online' });
  return test;
}

describe('what a replica takes in', () => {
  it('closes the segments of the writer from lines and a signed head, without asking anybody', () => {
    const test = online();
    test.hear(live(1, 12));
    test.hear({ type: 'head', head: headOf(12) });
    test.pass(5_000);
    const [saved, ...more] = test.take('saveSegment');
    expect(saved?.segment).toEqual(other.segments[0]);
    expect(more).toEqual([]);
    expect(test.take('need')).toEqual([]);
    expect(test.core.positions()).toEqual([{ node: 'cam2', epoch: EPOCH, seq: 12, gone: [] }]);
  });

  it('asks for the segment when its lines do not give the signed hash, and trusts the segment', () => {
    const test = online();
    const lines = linesOf(1, 12).map((held) => (held.s === 4 ? line(4, ',"x":1') : held));
    test.hear({ type: 'live', node: 'cam2', epoch: EPOCH, lines });
    test.hear({ type: 'head', head: headOf(12) });
    expect(test.take('saveSegment')).toEqual([]);
    test.pass(500);
    const [ask] = test.take('need');
    expect(ask).toMatchObject({ to: 'cam2', need: { ranges: [[1, 10]], as: 'segments' } });
    const fill = { id: ask?.need.id ?? '', of: 'cam2', e: EPOCH, part: 0, more: false, first: 1 };
    test.hear({ type: 'fill', from: 'cam2', fill, lines: [], segment: segmentAt(0) });
    expect(test.take('saveSegment')).toHaveLength(1);
    expect(test.core.counters()).toMatchObject({ linesDoubted: 10, segmentsFetched: 1 });
  });

  it('refuses a segment that the chain up to a signed head does not confirm, whoever gives it', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(60) });
    const forged = new WrittenLog('cam2', EPOCH, 6);
    const segment = forged.segments[5];
    if (segment === undefined) throw new Error('no segment');
    const changed = {
      ...segment,
      lines: segment.lines.map((text) => text.replace('track', 'trick')),
      hash: 'f'.repeat(64),
    };
    test.hear({ type: 'retained', segment: changed });
    expect(test.take('saveSegment')).toEqual([]);
    expect(test.core.counters().segmentsRefused).toBe(1);
  });

  it('keeps older segments back until the newer ones confirm them', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(60) });
    for (const n of [3, 4, 2]) test.hear({ type: 'retained', segment: segmentAt(n) });
    expect(test.take('saveSegment')).toEqual([]);
    test.hear({ type: 'retained', segment: segmentAt(5) });
    expect(test.take('saveSegment').map(({ segment }) => segment.header.seg)).toEqual([5, 4, 3, 2]);
  });

  it('keeps records of a co-holder out of answers until a signed head covers them', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(3) });
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 6]]) });
    test.pass(500);
    const ask = test.take('need').at(-1);
    const fill = { id: ask?.need.id ?? '', of: 'cam2', e: EPOCH, part: 0, more: false, first: 1 };
    test.hear({ type: 'fill', from: 'cam3', fill, lines: linesOf(1, 6) });
    expect(test.core.copy('cam2', EPOCH)?.answerable).toBe(3);
    test.hear({ type: 'head', head: headOf(6, {}, 'key-cam2', 2) });
    expect(test.core.copy('cam2', EPOCH)?.answerable).toBe(6);
  });

  it('takes the word of a co-holder once the writer can sign no more: it is away, or lost the key of that log', () => {
    const ends: ReplicaEvent[] = [
      { type: 'peer', node: 'cam2', state: 'away' },
      { type: 'peerKey', node: 'cam2', publicKey: 'key-after' },
    ];
    for (const end of ends) {
      const test = online();
      test.hear({ type: 'head', head: headOf(3) });
      test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 6]]) });
      test.pass(500);
      const ask = test.take('need').at(-1);
      const fill = { id: ask?.need.id ?? '', of: 'cam2', e: EPOCH, part: 0, more: false, first: 1 };
      test.hear({ type: 'fill', from: 'cam3', fill, lines: linesOf(1, 6) });
      test.pass(5_000);
      expect(test.core.copy('cam2', EPOCH)?.answerable).toBe(3);
      test.hear(end);
      test.pass(12_000);
      expect(test.core.copy('cam2', EPOCH)?.answerable).toBe(6);
    }
  });

  it('takes nothing in below `first`, which only rises', () => {
    const test = online();
    test.hear(live(1, 30));
    test.hear({ type: 'head', head: headOf(30, { first: 11 }) });
    test.hear({ type: 'head', head: headOf(30, { first: 1 }, 'key-cam2', 9) });
    test.hear({ type: 'retained', segment: segmentAt(0) });
    test.hear(live(5, 8));
    expect(test.core.copy('cam2', EPOCH)?.first).toBe(11);
    expect(test.core.copy('cam2', EPOCH)?.lines(1, 10)).toEqual([]);
    expect(test.take('expire')).toEqual([{ type: 'expire', node: 'cam2', epoch: EPOCH, first: 11 }]);
  });

  it('refuses a head by another key for an epoch, and one that is not signed', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(10) });
    test.hear({ type: 'head', head: headOf(20, {}, 'key-thief') });
    test.hear({ type: 'head', head: { ...headOf(30), sig: 'forged' } });
    expect(test.core.copy('cam2', EPOCH)?.headSeq).toBe(10);
    expect(test.core.counters()).toMatchObject({ keysRefused: 1, headsRefused: 1 });
    expect(test.take('tell').map(({ trouble }) => trouble)).toEqual(['key', 'refused']);
  });

  it('freezes an epoch in which one number has two contents, and tells', () => {
    const test = online();
    test.hear(live(1, 5));
    test.hear({ type: 'live', node: 'cam2', epoch: EPOCH, lines: [line(4, ',"x":1')] });
    test.hear(live(6, 8));
    expect(test.core.copy('cam2', EPOCH)?.answerable).toBe(3);
    expect(test.core.copy('cam2', EPOCH)?.lines(4, 4)).toEqual([line(4)]);
    expect(test.take('tell')).toMatchObject([{ trouble: 'fork', node: 'cam2', epoch: EPOCH }]);
  });

  it('tells of two signed heads that differ, which are the proof of a fork', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(12) });
    test.hear({ type: 'head', head: headOf(13, { H: 'e'.repeat(64) }, 'key-cam2', 2) });
    expect(test.core.copy('cam2', EPOCH)).toMatchObject({ isForkProven: true, frozenFrom: 1 });
    expect(test.take('tell')).toMatchObject([{ trouble: 'fork' }]);
  });

  it('tells of somebody who goes on writing under its name, not of its own last life', () => {
    const test = online();
    const mine = new WrittenLog('cam1', 'bbbbbbbbbbbb', 3);
    const head = (seq: number) => signed({ node: 'cam1', inst: 'x', t: seq, logs: [mine.entry(seq)] }, 'key-cam1');
    test.hear({ type: 'head', head: head(5) });
    expect(test.take('tell')).toEqual([]);
    test.hear({ type: 'head', head: head(9) });
    expect(test.take('tell')).toMatchObject([{ trouble: 'clone' }]);
  });

  it('holds the same whatever the order and however often it hears the same messages', () => {
    const messages: ReplicaEvent[] = [
      live(1, 7),
      live(8, 14),
      live(15, 33),
      { type: 'head', head: headOf(12) },
      { type: 'head', head: headOf(25, {}, 'key-cam2', 2) },
      { type: 'head', head: headOf(33, { first: 11 }, 'key-cam2', 3) },
      { type: 'retained', segment: segmentAt(0) },
      { type: 'retained', segment: segmentAt(1) },
      { type: 'retained', segment: segmentAt(2) },
      { type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 35]]) },
    ];
    const held = (order: readonly ReplicaEvent[]) => {
      const test = online();
      for (const message of order) test.hear(message);
      test.pass(20_000);
      const copy = test.core.copy('cam2', EPOCH);
      return [
        copy?.segments.map(({ hash }) => hash),
        copy?.lines(1, 99),
        copy?.first,
        copy?.known,
        copy?.frontier,
        copy?.answerable,
      ];
    };
    const expected = held(messages);
    const orders = fc.shuffledSubarray([...messages, ...messages], { minLength: 2 * messages.length });
    fc.assert(
      fc.property(orders, (order) => {
        expect(held(order)).toEqual(expected);
      }),
    );
  });
});

describe('what a replica asks', () => {
  it('asks the writer, then co-holders by what they have, then the broker, newest first', () => {
    const test = online({ pageFrom: 1_000 });
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 40]]) });
    test.hear({ type: 'frontier', from: 'cam4', frontier: frontier([['cam2', EPOCH, 50]]) });
    test.hear({ type: 'peer', node: 'cam4', state: 'online' });
    test.hear({ type: 'head', head: headOf(60) });
    test.pass(9_000);
    expect(
      test
        .take('need')
        .map(({ to }) => to)
        .slice(0, 3),
    ).toEqual(['cam2', 'cam4', 'cam3']);
    expect(test.take('page')).toEqual([{ type: 'page', node: 'cam2', epoch: EPOCH }]);
  });

  it('asks co-holders at once while the writer is away, and waits longer after every round in vain', () => {
    const test = online({ pageFrom: 1_000 });
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.hear({ type: 'head', head: headOf(60) });
    test.pass(60_000);
    const asks = test.take('need');
    expect(new Set(asks.map(({ to }) => to))).toEqual(new Set(['cam3']));
    expect(asks.length).toBeGreaterThan(2);
    expect(asks.length).toBeLessThan(12);
  });

  it('takes for there who says something: that it is away may have come late', () => {
    const test = online();
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.hear(live(5, 9));
    test.pass(14_000);
    test.hear({ type: 'frontier', from: 'cam2', frontier: frontier([['cam2', EPOCH, 9]]) });
    test.pass(2_000);
    expect(test.take('need').map(({ to }) => to)).not.toContain('cam2');
    test.hear({ type: 'frontier', from: 'cam2', frontier: frontier([['cam2', EPOCH, 9]]) });
    test.pass(2_000);
    expect(test.take('need').map(({ to }) => to)).toContain('cam2');
  });

  it('reads the window in the broker first when a log is new and long', () => {
    const test = online({ pageFrom: 50 });
    test.hear({ type: 'head', head: headOf(60) });
    test.pass(400);
    expect(test.take('page')).toHaveLength(1);
    expect(test.take('need')).toEqual([]);
    for (let n = 5; n >= 0; n--) test.hear({ type: 'retained', segment: segmentAt(n) });
    test.pass(200);
    expect(test.take('unpage')).toHaveLength(1);
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 0, records: 60 });
  });

  it('has at most two asks under way for one log and eight in all', () => {
    const test = online({ pageFrom: 100_000 });
    for (let i = 0; i < 6; i++) {
      const logs = [
        { e: `${'c'.repeat(11)}${'abcdef'[i] ?? ''}`, st: 'live' as const, first: 1, seq: 90_000, H: '', seg: 0 },
      ];
      test.hear({ type: 'head', head: signed({ node: 'cam3', inst: 'i', t: i, logs }, 'key-cam3') });
    }
    test.pass(400);
    const asks = test.take('need').map(({ need }) => need.e);
    expect(asks).toHaveLength(8);
    for (const epoch of asks) expect(asks.filter((name) => name === epoch)).toHaveLength(2);
  });

  // Everybody but some answers every ask at once, with nothing.
  function answerNothing(test: CoreUnderTest, ms: number, silent: readonly string[] = []): string[] {
    const asked: string[] = [];
    for (let i = 0; i < ms / 100; i++) {
      test.pass(100);
      for (const { to, need } of test.take('need')) {
        asked.push(to);
        if (silent.includes(to)) continue;
        const fill = { id: need.id, of: need.of, e: need.e, part: 0, more: false, first: 1 };
        test.hear({ type: 'fill', from: to, fill, lines: [] });
      }
      if (test.take('page').length > 0) test.pass(1_200);
    }
    return asked;
  }

  it('takes for gone what neither the writer nor anybody else has, and says so', () => {
    const test = online();
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    answerNothing(test, 70_000);
    expect(test.core.counters().gone).toBe(1);
    expect(test.core.positions()).toEqual([{ node: 'cam2', epoch: EPOCH, seq: 9, gone: [[4, 4]] }]);
    expect(test.take('tell')).toMatchObject([{ trouble: 'gone' }]);
    // What nobody has is not waited for: a replica would never answer a query again.
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 0, state: 'active' });
  });

  it('takes nothing for gone that somebody who is there says to hold: it may be unable to read it now', () => {
    const test = online();
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 9]]) });
    const asked = answerNothing(test, 120_000);
    expect(test.core.counters().gone).toBe(0);
    expect(test.core.positions()).toMatchObject([{ seq: 3, gone: [] }]);
    // And asks ever less often for it.
    expect(asked.length).toBeGreaterThan(10);
    expect(asked.length).toBeLessThan(40);
  });

  it.each([
    ['names none of it as given up', frontier([['cam2', EPOCH, 9]]), ['cam2']],
    ['has given it up too', frontier([['cam2', EPOCH, 9]], [['cam2', EPOCH, 4, 4]]), []],
  ] satisfies [string, Frontier, string[]][])('asks again for what was gone when a frontier %s', (_, told, asked) => {
    const test = online();
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    answerNothing(test, 70_000);
    expect(test.core.counters().gone).toBe(1);
    test.hear({ type: 'frontier', from: 'cam2', frontier: told });
    test.pass(1_000);
    const needs = test.take('need');
    expect(needs.map(({ to }) => to)).toEqual(asked);
    for (const { need } of needs) {
      const fill = { id: need.id, of: need.of, e: need.e, part: 0, more: false, first: 1 };
      test.hear({ type: 'fill', from: 'cam2', fill, lines: linesOf(4, 4) });
    }
    test.pass(3_000);
    expect(test.core.positions()).toMatchObject([{ seq: 9, gone: asked.length > 0 ? [] : [[4, 4]] }]);
  });

  it('asks whoever comes back for what was gone and it said to hold before it went away', () => {
    const test = online();
    test.hear({ type: 'peer', node: 'cam4', state: 'online' });
    test.hear({ type: 'frontier', from: 'cam4', frontier: frontier([['cam2', EPOCH, 9]]) });
    test.hear({ type: 'peer', node: 'cam4', state: 'away' });
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    answerNothing(test, 70_000);
    expect(test.core.counters().gone).toBe(1);
    test.hear({ type: 'peer', node: 'cam4', state: 'online' });
    const asked = answerNothing(test, 2_000);
    expect(asked).toContain('cam4');
  });

  // A broker whose older retained set came back says still that a node is online which is gone.
  it('waits for the answer of a node that says nothing at all for three full frontiers, and no longer', () => {
    const test = online({ frontierFullMs: 30_000 });
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 9]]) });
    answerNothing(test, 85_000, ['cam3']);
    expect(test.core.counters().gone).toBe(0);
    answerNothing(test, 120_000, ['cam3']);
    expect(test.core.counters().gone).toBe(1);
    // It was there after all, and said before what it holds.
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam2', EPOCH, 9]]) });
    expect(answerNothing(test, 2_000, ['cam3'])).toContain('cam3');
  });

  it.each([
    ['gives up what others gave up when it was there', frontier([['cam2', EPOCH, 9]], [['cam2', EPOCH, 4, 4]]), 1],
    ['gives up nothing that nobody was told is gone', frontier([['cam2', EPOCH, 3]]), 0],
  ])('of a writer that is away, %s', (_, told, gone) => {
    const test = online();
    test.hear(live(1, 3));
    test.hear(live(5, 9));
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.hear({ type: 'frontier', from: 'cam3', frontier: told });
    answerNothing(test, 90_000);
    expect(test.core.counters().gone).toBe(gone);
  });

  // Its segment 3 rotted at its writer before anybody had it, and with it the hash of segment 2.
  function askUntilDone(test: CoreUnderTest): number {
    let needs = 0;
    for (let i = 0; i < 300; i++) {
      test.pass(100);
      for (const { to, need } of test.take('need')) {
        needs++;
        const isAsked = (n: number) => need.ranges.some(([from, end]) => from <= 10 * n + 10 && end > 10 * n);
        const given = to === 'cam2' ? [5, 4, 2, 1, 0].filter(isAsked).map((n) => ({ segment: segmentAt(n) })) : [];
        for (const [part, piece] of [...given, {}].entries()) {
          const fill = { id: need.id, of: need.of, e: need.e, part, more: part < given.length, first: 1 };
          test.hear({ type: 'fill', from: to, fill, lines: [], ...piece });
        }
      }
    }
    return needs;
  }

  it.each([64, 1])('takes what lies below a segment that nobody has any more: room for %i that wait', (room) => {
    const test = online({ pendingSegmentsMax: room });
    test.hear({ type: 'head', head: headOf(60) });
    const needs = askUntilDone(test);
    expect(test.core.copy('cam2', EPOCH)?.segments.map(({ n }) => n)).toEqual([0, 1, 2, 4, 5]);
    expect(test.take('tell')).toMatchObject([{ trouble: 'gone', detail: expect.stringContaining('10 records') }]);
    expect(test.core.positions()).toEqual([{ node: 'cam2', epoch: EPOCH, seq: 60, gone: [[31, 40]] }]);
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 0, state: 'active' });
    // A segment that waits is news once: after it, askers wait longer from round to round.
    expect(needs).toBeLessThan(30);
  });

  it('keeps the word of the writer against a segment that nothing confirms', () => {
    const test = online();
    test.hear({ type: 'live', node: 'cam2', epoch: EPOCH, lines: [line(25, ',"x":1')] });
    test.hear({ type: 'head', head: headOf(60) });
    askUntilDone(test);
    expect(test.core.copy('cam2', EPOCH)?.segments.map(({ n }) => n)).not.toContain(2);
    expect(test.take('tell').map(({ trouble }) => trouble)).toContain('fork');
    expect(test.core.copy('cam2', EPOCH)?.lines(25, 25)).toEqual([line(25, ',"x":1')]);
  });
});

describe('its own log', () => {
  it.each([2, 5])('is mended from others while it is written: segment %i is rotten', (n) => {
    const test = online();
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam1', EPOCH, 60]]) });
    test.hear({ type: 'own', extents: [extent()] });
    test.pass(1_000);
    expect(test.take('need')).toEqual([]);
    test.hear({ type: 'rot', node: 'cam1', epoch: EPOCH, n, reason: 'its hash differs' });
    test.hear({ type: 'own', extents: [extent(n)] });
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 10, mended: 0 });
    test.pass(500);
    const [ask] = test.take('need');
    expect(ask).toMatchObject({ to: 'cam3', need: { ranges: [[10 * n + 1, 10 * n + 10]] } });
    const fill = { id: ask?.need.id ?? '', of: 'cam1', e: EPOCH, part: 0, more: false, first: 1 };
    const forged = { ...segmentOf(ownLog, n), lines: linesOf(1, 10).map(({ text }) => text), hash: 'f'.repeat(64) };
    test.hear({ type: 'fill', from: 'cam3', fill: { ...fill, more: true }, lines: [], segment: forged });
    expect(test.take('saveSegment')).toEqual([]);
    test.hear({ type: 'fill', from: 'cam3', fill: { ...fill, part: 1 }, lines: [], segment: segmentOf(ownLog, n) });
    expect(test.take('saveSegment')).toHaveLength(1);
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 0, mended: 1 });
    expect(test.core.copy('cam1', EPOCH)?.answerable).toBe(65);
  });
});

describe('lines in place of a rotten segment of its own log', () => {
  const mine = new WrittenLog('cam1', EPOCH, 2);

  function mendedBy(lines: ReturnType<typeof linesOf>): CoreUnderTest {
    const test = online();
    const segments = [mine.meta(0), mine.meta(1)];
    const extent = { epoch: EPOCH, isLive: true, first: 1, seq: 20, publishableSeq: 20, openFrom: 21, closed: 2 };
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam1', EPOCH, 20]]) });
    test.hear({ type: 'own', extents: [{ ...extent, segments, hash: mine.meta(1).hash }] });
    test.hear({ type: 'rot', node: 'cam1', epoch: EPOCH, n: 0, reason: 'its hash differs' });
    test.pass(500);
    const id = test.take('need')[0]?.need.id ?? '';
    const fill = { id, of: 'cam1', e: EPOCH, part: 0, more: false, first: 1 };
    test.hear({ type: 'fill', from: 'cam3', fill, lines });
    return test;
  }

  it('count when they give the hash that its index has', () => {
    const test = mendedBy(linesOf(1, 10));
    expect(test.take('saveSegment').map(({ segment }) => segment)).toEqual([mine.segments[0]]);
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 0, mended: 1 });
  });

  it('are dropped when they do not, and the segment is asked for', () => {
    const test = mendedBy(linesOf(1, 10).map((held) => (held.s === 4 ? line(4, ',"x":1') : held)));
    expect(test.take('saveSegment')).toEqual([]);
    expect(test.core.state(test.now, 0)).toMatchObject({ missing: 10, mended: 0 });
    test.pass(2_000);
    expect(test.take('need').at(-1)?.need).toMatchObject({ as: 'segments', ranges: [[1, 10]] });
  });
});

describe('what a replica says', () => {
  it('says what it holds only once it is durable, as changes, and all of it every minute', () => {
    const test = online();
    test.pass(100);
    test.take('frontier');
    test.isDiskQuick = false;
    test.hear(live(1, 3));
    test.pass(4_000);
    const sync = test.take('sync');
    expect(sync).toHaveLength(1);
    expect(test.take('frontier')).toEqual([]);
    test.hear({ type: 'synced', mark: sync[0]?.mark ?? 0, ok: true });
    test.pass(4_000);
    expect(test.take('frontier').map(({ frontier: { full, f } }) => ({ full, f }))).toEqual([
      { full: false, f: [['cam2', EPOCH, 3]] },
    ]);
    test.pass(120_000);
    expect(test.take('frontier').map(({ frontier: { full } }) => full)).toEqual([true, true]);
  });

  it('counts an own record as acknowledged when another frontier covers it', () => {
    const test = online();
    const own = {
      epoch: EPOCH,
      isLive: true,
      first: 1,
      seq: 5,
      publishableSeq: 5,
      segments: [],
      openFrom: 1,
      closed: 0,
      hash: '',
    };
    test.hear({ type: 'own', extents: [own] });
    test.pass(3_000);
    expect(test.core.acked(EPOCH)).toBe(0);
    expect(test.core.state(test.now, 0)).toMatchObject({ unacked: 5, unackedMs: 3_000 });
    test.hear({ type: 'frontier', from: 'cam3', frontier: frontier([['cam1', EPOCH, 4]]) });
    expect(test.core.acked(EPOCH)).toBe(4);
    expect(test.core.state(test.now, 0)).toMatchObject({ unacked: 1 });
  });

  it('is not acknowledged by a holder that gave up what is held here, and is by one that gave up what is not', () => {
    const test = online();
    test.hear({ type: 'own', extents: [extent()] });
    const gone = frontier([['cam1', EPOCH, 65]], [['cam1', EPOCH, 33, 40]]);
    test.hear({ type: 'frontier', from: 'cam3', frontier: gone });
    expect(test.core.acked(EPOCH)).toBe(32);
    expect(test.core.isSealed(EPOCH)).toBe(false);
    const rotten = online();
    rotten.hear({ type: 'own', extents: [extent(3)] });
    rotten.hear({ type: 'frontier', from: 'cam3', frontier: gone });
    expect(rotten.core.acked(EPOCH)).toBe(65);
  });

  it('gives closed segments whole, newest first, and the open end as records', () => {
    const test = online();
    test.hear(live(1, 26));
    test.hear({ type: 'head', head: headOf(12) });
    test.hear({ type: 'head', head: headOf(26, {}, 'key-cam2', 2) });
    const need = { v: 1, id: 'n', of: 'cam2', e: EPOCH, ranges: [[1, 30]] as [number, number][], max: 4_096 };
    test.hear({ type: 'need', from: 'cam3', need: { ...need, as: 'segments' } });
    expect(test.take('serve')[0]?.pieces).toEqual([{ n: 1 }, { n: 0 }, { from: 21, to: 26 }]);
    test.hear({ type: 'served', id: 'n' });
    test.hear({ type: 'need', from: 'cam3', need: { ...need, id: 'm' } });
    expect(test.take('serve')[0]?.pieces).toEqual([{ from: 1, to: 26 }]);
  });

  it('answers one need at a time and refuses what is too much from one asker', () => {
    const test = online({ needsWaitingPerAsker: 3 });
    const need = { v: 1, of: 'cam2', e: EPOCH, ranges: [[1, 30]] as [number, number][], max: 10 };
    for (let i = 0; i < 6; i++) test.hear({ type: 'need', from: 'cam3', need: { ...need, id: `n${i}` } });
    expect(test.take('serve')).toHaveLength(1);
    expect(test.core.counters()).toMatchObject({ needs: 3, needsRefused: 3 });
  });
});

describe('rot that several notice at a time', () => {
  it('counts once: a poll and a question that read the same segment do not put a replica in quarantine', () => {
    const test = online();
    test.hear(live(1, 12));
    test.hear({ type: 'head', head: headOf(12) });
    const rot: ReplicaEvent = { type: 'rot', node: 'cam2', epoch: EPOCH, n: 0, reason: 'a byte turned over' };
    test.hear(rot);
    test.hear(rot);
    expect(test.core.counters().rot).toBe(1);
    expect(test.take('tell')).toMatchObject([{ trouble: 'rot' }]);
    expect(test.core.state(test.now, 0).state).not.toBe('quarantined');
  });
});

describe('nodes that are away', () => {
  it('keeps head and newest segments of a node that is away for a minute, and withdraws them when it is back', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(60) });
    for (let n = 5; n >= 0; n--) test.hear({ type: 'retained', segment: segmentAt(n) });
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.pass(59_000);
    expect(test.take('keepHead')).toEqual([]);
    test.pass(5_000);
    expect(test.take('keepHead').map(({ head }) => isSigned(head, 'key-cam2'))).toEqual([true]);
    expect(test.take('keepSegment').map(({ n }) => n)).toEqual([5, 4, 3, 2, 1, 0]);
    test.hear({ type: 'peer', node: 'cam2', state: 'online' });
    test.pass(5_000);
    expect(test.take('unkeepSegment')).toHaveLength(6);
    expect(test.take('unkeepHead')).toEqual([{ type: 'unkeepHead', node: 'cam2' }]);
  });

  it('keeps them at once for a node that is at another broker alone, until it is heard at this one', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(60) });
    test.hear({ type: 'retained', segment: segmentAt(5) });
    test.hear({ type: 'peer', node: 'cam2', state: 'online', isAside: true });
    test.pass(10_000);
    expect(test.take('keepHead')).toHaveLength(1);
    expect(test.take('keepSegment').map(({ n }) => n)).toEqual([5]);
    test.hear({ type: 'peer', node: 'cam2', state: 'online', isAside: false });
    test.pass(5_000);
    expect(test.take('unkeepHead')).toHaveLength(1);
  });

  it('keeps it sooner at a broker that began anew: it has nothing of those who are away', () => {
    const test = online();
    test.hear({ type: 'broker', broker: 'main', epoch: 'one' });
    test.hear({ type: 'head', head: headOf(12) });
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.hear({ type: 'broker', broker: 'main', epoch: 'two' });
    test.pass(9_000);
    expect(test.take('keepHead')).toEqual([]);
    test.pass(8_000);
    expect(test.take('keepHead')).toHaveLength(1);
  });

  it('withdraws what an earlier life of it kept, once that node is back', () => {
    const test = online();
    const found = (n: number) => test.hear({ type: 'keptSegmentFound', node: 'cam2', epoch: EPOCH, n });
    test.hear({ type: 'head', head: headOf(60), keeper: 'cam1' });
    expect(test.take('pageKept')).toEqual([{ type: 'pageKept', node: 'cam2' }]);
    for (const n of [5, 4]) found(n);
    test.pass(4_000);
    expect(test.take('unkeepHead')).toEqual([]);
    test.pass(4_000);
    expect(test.take('unpageKept')).toHaveLength(1);
    expect(test.take('unkeepSegment').map(({ n }) => n)).toEqual([5, 4]);
    expect(test.take('unkeepHead')).toEqual([{ type: 'unkeepHead', node: 'cam2' }]);
    found(3);
    test.pass(2_000);
    expect(test.take('unkeepSegment').map(({ n }) => n)).toEqual([3]);
    expect(test.take('unkeepHead')).toEqual([]);
  });

  it('goes on with what an earlier life of it kept while that node is away', () => {
    const test = online({ adoptAfterMs: 1_000 });
    test.hear({ type: 'peer', node: 'cam2', state: 'away' });
    test.hear({ type: 'head', head: headOf(60), keeper: 'cam1' });
    for (let n = 5; n >= 0; n--) test.hear({ type: 'retained', segment: segmentAt(n) });
    for (const n of [5, 9]) test.hear({ type: 'keptSegmentFound', node: 'cam2', epoch: EPOCH, n });
    test.pass(9_000);
    expect(test.take('keepHead')).toHaveLength(1);
    expect(test.take('keepSegment').map(({ n }) => n)).toEqual([5, 4, 3, 2, 1, 0]);
    expect(test.take('unkeepSegment').map(({ n }) => n)).toEqual([9]);
    expect(test.take('unkeepHead')).toEqual([]);
  });

  it('leaves that to the first live holder', () => {
    const test = new CoreUnderTest('cam3');
    test.hear({ type: 'up' });
    test.hear({ type: 'peer', node: 'cam1', state: 'online' });
    test.hear({ type: 'peerKey', node: 'cam2', publicKey: 'key-cam2' });
    test.hear({ type: 'head', head: headOf(3) });
    test.pass(61_000);
    expect(test.take('keepHead')).toEqual([]);
    test.hear({ type: 'peer', node: 'cam1', state: 'away' });
    test.pass(1_000);
    expect(test.take('keepHead')).toHaveLength(1);
  });

  it('leaves it to another holder that does it already, until that one stops', () => {
    const test = new CoreUnderTest('cam3');
    test.hear({ type: 'up' });
    test.hear({ type: 'peer', node: 'cam1', state: 'online' });
    test.hear({ type: 'head', head: headOf(3), keeper: 'cam1' });
    test.pass(90_000);
    expect(test.take('keepHead')).toEqual([]);
    test.hear({ type: 'unkept', node: 'cam2', keeper: 'cam1' });
    test.pass(1_000);
    expect(test.take('keepHead')).toHaveLength(1);
  });

  it('keeps a newer head beside an older one that another holder keeps, until that one has heard it', () => {
    const test = new CoreUnderTest('cam3');
    test.hear({ type: 'up' });
    test.hear({ type: 'peer', node: 'cam1', state: 'online' });
    test.hear({ type: 'head', head: headOf(12, { first: 11 }) });
    test.hear({ type: 'head', head: headOf(3), keeper: 'cam1' });
    test.pass(90_000);
    expect(test.take('keepHead')).toMatchObject([{ node: 'cam2', head: { logs: [{ seq: 12, first: 11 }] } }]);
    test.hear({ type: 'head', head: headOf(12, { first: 11 }), keeper: 'cam1' });
    test.pass(3_000);
    expect(test.take('unkeepHead')).toHaveLength(1);
  });

  it.each([
    ['nobody signed', { sig: 'forged' }],
    ['has the signature of another', { sig: headOf(12).sig }],
  ])('does not leave it to a holder that shows a head which %s', (_, forged) => {
    const test = new CoreUnderTest('cam3');
    test.hear({ type: 'up' });
    test.hear({ type: 'peer', node: 'cam1', state: 'online' });
    test.hear({ type: 'head', head: headOf(12) });
    test.hear({ type: 'head', head: { ...headOf(99, {}, 'key-cam2', 9), ...forged }, keeper: 'cam1' });
    test.pass(90_000);
    expect(test.take('keepHead')).toMatchObject([{ node: 'cam2', head: { logs: [{ seq: 12 }] } }]);
  });

  it('keeps the head of a node that is online by its status alone, until it says something', () => {
    const test = online({ frontierFullMs: 10_000 });
    test.hear({ type: 'head', head: headOf(12) });
    test.pass(29_000);
    expect(test.take('keepHead')).toEqual([]);
    test.pass(5_000);
    expect(test.take('keepHead')).toHaveLength(1);
    test.hear({ type: 'frontier', from: 'cam2', frontier: frontier([]) });
    test.pass(2_000);
    expect(test.take('unkeepHead')).toHaveLength(1);
  });

  it('keeps the last head of a key that its node has lost with its disk, though the node is back', () => {
    const test = online();
    test.hear({ type: 'head', head: headOf(12) });
    test.pass(4_000);
    expect(test.take('keepHead')).toEqual([]);
    test.hear({ type: 'peerKey', node: 'cam2', publicKey: 'key-new' });
    test.pass(1_000);
    expect(test.take('keepHead')).toMatchObject([{ node: 'cam2' }]);
  });

  // Times in it are 1,001 to 1,060; the wall clock shows 70,000 when it is looked at.
  function orphan(limits: Partial<ReplicaLimits>): CoreUnderTest {
    const test = new CoreUnderTest('cam1', { clockUnsetBeforeMs: 0, ...limits }, NO_CONTENT);
    test.hear({ type: 'up' });
    test.hear({ type: 'head', head: headOf(60, { st: 'closed' }) });
    for (let n = 5; n >= 0; n--) test.hear({ type: 'retained', segment: segmentAt(n) });
    test.pass(61_000);
    return test;
  }

  it('does not take for old what was written before a clock was set: that is as old as what follows', () => {
    // Older than 1,036: three segments by their own times, which count only from 1,035 on.
    expect(orphan({ retentionMs: 70_000 - 1_036 }).take('expire')).toMatchObject([{ first: 31 }]);
    const unset = { clockUnsetBeforeMs: 1_035 };
    expect(orphan({ retentionMs: 70_000 - 1_036, ...unset }).take('expire')).toEqual([]);
    expect(orphan({ retentionMs: 70_000 - 1_045, ...unset }).take('expire')).toMatchObject([{ first: 41 }]);
    expect(orphan({ retentionMs: 1_000, clockUnsetBeforeMs: 2_000 }).take('expire')).toEqual([]);
  });

  it('repeats what the disk refused to give up, until it does', () => {
    const test = orphan({ retentionMs: 70_000 - 1_036 });
    const [expire] = test.take('expire');
    test.hear({ type: 'expireFailed', node: 'cam2', epoch: EPOCH });
    test.pass(4_000);
    expect(test.take('expire')).toEqual([]);
    test.pass(2_000);
    expect(test.take('expire')).toEqual([expire]);
    test.pass(30_000);
    expect(test.take('expire')).toEqual([]);
  });

  it('gives up of its own what an own head says it gave up before its card was rolled back', () => {
    const test = online();
    const own = { ...extent(), isLive: false };
    const head = (key: string) =>
      signed({ node: 'cam1', inst: 'i', t: 1, logs: [ownLog.entry(65, { first: 21, st: 'closed' })] }, key);
    test.hear({ type: 'own', extents: [own] });
    test.hear({ type: 'head', head: head('key-thief') });
    expect(test.core.copy('cam1', EPOCH)?.first).toBe(1);
    test.hear({ type: 'head', head: head('key-cam1') });
    expect(test.core.copy('cam1', EPOCH)?.held(1, 65)).toEqual([[21, 65]]);
    expect(test.take('expire')).toEqual([{ type: 'expire', node: 'cam1', epoch: EPOCH, first: 21 }]);
    expect(test.take('expireOwn')).toEqual([{ type: 'expireOwn', epoch: EPOCH, first: 21 }]);
    test.hear({ type: 'own', extents: [own] });
    expect(test.core.copy('cam1', EPOCH)?.first).toBe(21);
  });

  it('gives up what is older than the retention time of a log that nobody writes any more', () => {
    const test = orphan({ retentionMs: 1_000 });
    expect(test.take('expire')).toEqual([{ type: 'expire', node: 'cam2', epoch: EPOCH, first: 61 }]);
    expect(test.take('forget')).toHaveLength(1);
    test.hear({ type: 'head', head: headOf(60, { st: 'closed' }, 'key-cam2', 7) });
    expect(test.core.copy('cam2', EPOCH)).toBeUndefined();
  });
});

function segmentAt(n: number) {
  return segmentOf(other, n);
}

function segmentOf(log: WrittenLog, n: number) {
  const segment = log.segments[n];
  if (segment === undefined) throw new Error(`no segment ${n}`);
  return segment;
}

function frontier(f: Frontier['f'], gone: Frontier['gone'] = []): Frontier {
  return { v: 1, full: false, part: 0, parts: 1, f, gone };
}
