import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IntervalSet } from '../../base/listener/interval-set.js';
import { DEFAULT_LISTENER_LIMITS, ListenerCore, type ListenerLimits } from '../../base/listener/listener-core.js';
import { Random } from '../../base/random.js';
import type { Fill, Head, LogRecord, Need } from '../../protocol/record.js';

const EPOCH = 'aaaaaaaaaaaa';

function records(from: number, to: number): LogRecord[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ s: from + i, t: 1, k: 'x' }));
}

function head(logs: { e: string; seq: number; first?: number }[], node = 'cam1'): Head {
  const entries = logs.map(({ e, seq, first = 1 }) => ({ e, st: 'live' as const, first, seq, H: '', seg: 0 }));
  return { v: 1, node, inst: 'i', t: 1, logs: entries, sig: '' };
}

function fillFor(need: Need, answer: Partial<Fill> = {}): Fill {
  return { v: 1, id: need.id, of: need.of, e: need.e, part: 0, more: false, first: 1, r: [], ...answer };
}

describe('IntervalSet', () => {
  it('holds the same as a plain set, and says what is missing, for any additions', () => {
    const interval = fc.tuple(fc.integer({ min: 1, max: 60 }), fc.nat(8));
    fc.assert(
      fc.property(fc.array(interval, { maxLength: 30 }), (additions) => {
        const intervals = new IntervalSet();
        const plain = new Set<number>();
        for (const [from, length] of additions) {
          intervals.add(from, from + length);
          for (let i = from; i <= from + length; i++) plain.add(i);
        }
        const missing = new Set(
          intervals
            .missing(1, 80, 100)
            .flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i)),
        );
        for (let i = 1; i <= 80; i++) {
          expect(intervals.has(i)).toBe(plain.has(i));
          expect(missing.has(i)).toBe(!plain.has(i));
        }
        expect(intervals.size).toBe(plain.size);
        for (let from = 1; from <= 70; from += 3) {
          const isCovered = [0, 1, 2, 3, 4, 5].every((i) => plain.has(from + i));
          expect(intervals.covers(from, from + 5)).toBe(isCovered);
        }
      }),
    );
  });
});

describe('ListenerCore', () => {
  let ids = 0;
  const makeCore = (limits: Partial<ListenerLimits> = {}, wantHistory = true) =>
    new ListenerCore({ ...DEFAULT_LISTENER_LIMITS, ...limits }, wantHistory, () => `need-${ids++}`);

  it('recognises duplicates by node, epoch and seq', () => {
    const core = makeCore();
    core.applyLive('cam1', EPOCH, records(1, 3), 0);
    expect(core.applyLive('cam1', EPOCH, records(2, 4), 0).map(({ s }) => s)).toEqual([4]);
    expect(core.applyLive('cam2', EPOCH, records(1, 1), 0)).toHaveLength(1);
    expect(core.counts()).toMatchObject({ received: 5, duplicates: 2 });
  });

  it('asks for a gap after a short patience, and not before', () => {
    const core = makeCore();
    core.applyLive('cam1', EPOCH, records(1, 2), 0);
    core.applyLive('cam1', EPOCH, records(6, 7), 0);
    expect(core.due(199)).toEqual([]);
    expect(core.due(200)).toMatchObject([{ to: 'cam1', need: { of: 'cam1', e: EPOCH, ranges: [[3, 5]] } }]);
    expect(core.due(300)).toEqual([]);
  });

  it('does not ask for what came late by itself', () => {
    const core = makeCore();
    core.applyLive('cam1', EPOCH, records(2, 2), 0);
    core.applyLive('cam1', EPOCH, records(1, 1), 100);
    expect(core.due(1_000)).toEqual([]);
    expect(core.counts().gaps).toBe(0);
  });

  it('learns from a head of records and of whole epochs it never saw', () => {
    const core = makeCore();
    core.applyLive('cam1', EPOCH, records(1, 2), 0);
    core.applyHead(
      head([
        { e: EPOCH, seq: 4 },
        { e: 'bbbbbbbbbbbb', seq: 7 },
      ]),
      0,
    );
    expect(core.due(200).map(({ need }) => [need.e, need.ranges])).toEqual([
      [EPOCH, [[3, 4]]],
      ['bbbbbbbbbbbb', [[1, 7]]],
    ]);
  });

  it('never takes an older head for a shorter log', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 9 }]), 0);
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 0);
    expect(core.logs()).toMatchObject([{ seq: 9, missing: 9 }]);
  });

  it('does not want what was there before it, unless told', () => {
    const core = makeCore({}, false);
    core.applyHead(head([{ e: EPOCH, seq: 500 }]), 0);
    core.applyLive('cam2', EPOCH, records(40, 41), 0);
    expect(core.due(1_000)).toEqual([]);
    core.applyHead(
      head([
        { e: EPOCH, seq: 502 },
        { e: 'bbbbbbbbbbbb', seq: 2 },
      ]),
      1_000,
    );
    expect(core.due(2_000).map(({ need }) => need.ranges)).toEqual([[[501, 502]], [[1, 2]]]);
  });

  it('counts what expired at its writer and does not ask for it again', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 10, first: 5 }]), 0);
    expect(core.counts().expired).toBe(4);
    expect(core.due(200)[0]?.need.ranges).toEqual([[5, 10]]);
  });

  it('repeats a need that is not answered, ever more slowly, until its writer speaks again', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 0);
    const askedMonoMs: number[] = [];
    for (let nowMonoMs = 0; nowMonoMs < 60_000; nowMonoMs += 100) {
      if (core.due(nowMonoMs).length > 0) askedMonoMs.push(nowMonoMs);
    }
    const gaps = askedMonoMs.slice(1).map((at, i) => at - (askedMonoMs[i] ?? 0));
    expect(gaps.slice(0, 4)).toEqual([2_500, 3_000, 4_000, 6_000]);
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 60_000);
    expect(core.due(62_100)).toHaveLength(1);
  });

  it('applies the parts of an answer and asks on for what one answer did not carry', () => {
    const core = makeCore({ needRecords: 4 });
    core.applyHead(head([{ e: EPOCH, seq: 6 }]), 0);
    const [first] = core.due(200);
    if (first === undefined) throw new Error('no need');
    expect(first.need).toMatchObject({ ranges: [[1, 4]], max: 4 });
    core.applyFill('cam1', fillFor(first.need, { more: true, r: records(1, 3) }), 300);
    core.applyFill('cam1', fillFor(first.need, { part: 1, r: records(4, 4) }), 300);
    expect(core.due(400)[0]?.need.ranges).toEqual([[5, 6]]);
    expect(core.counts()).toMatchObject({ filled: 4, gaps: 6 });
  });

  it('gives up records that their writer does not have, after three complete answers', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 0);
    for (let nowMonoMs = 0; nowMonoMs < 60_000; nowMonoMs += 100) {
      for (const { need } of core.due(nowMonoMs)) core.applyFill('cam1', fillFor(need), nowMonoMs);
    }
    expect(core.counts()).toMatchObject({ unavailable: 3, needsSent: 3 });
  });

  it('does not take a part that was lost on the way for an empty answer', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 0);
    const [ask] = core.due(200);
    if (ask === undefined) throw new Error('no need');
    core.applyFill('cam1', fillFor(ask.need, { part: 1, more: false }), 300);
    expect(core.counts()).toMatchObject({ unavailable: 0, needsTimedOut: 0 });
    core.due(2_400);
    expect(core.counts().needsTimedOut).toBe(1);
  });

  it('takes nothing from a node that answers for another', () => {
    const core = makeCore();
    core.applyHead(head([{ e: EPOCH, seq: 3 }]), 0);
    const [ask] = core.due(200);
    if (ask === undefined) throw new Error('no need');
    expect(core.applyFill('cam2', fillFor(ask.need, { r: records(1, 3) }), 300)).toEqual([]);
  });

  it('bounds what is outstanding, what is kept and what is followed', () => {
    const core = makeCore({ needsOutstanding: 2, recordsMax: 10, logsMax: 3 });
    for (let i = 0; i < 6; i++) {
      core.applyLive(`cam${i}`, EPOCH, records(2, 6), i);
    }
    expect(core.logs()).toHaveLength(3);
    expect(core.counts().logsForgotten).toBe(3);
    expect(core.due(1_000)).toHaveLength(2);
    const kept = Array.from({ length: 6 }, (_, i) => core.recordsOf(`cam${i}`, EPOCH).length);
    expect(kept.reduce((sum, count) => sum + count)).toBe(10);
  });

  /*
   * A writer with restarts, a transport that loses, repeats and reorders, a listener: in the end the listener has every
   * record that was ever appended, each once.
   */
  it('ends every history with every record exactly once', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = new DeliveryWorld(new Random(seed), makeCore());
        world.run(300);
        world.settle();
        expect(world.heard.sort(), `seed ${seed}`).toEqual(world.appended.sort());
        expect(world.core.counts().unavailable, `seed ${seed}`).toBe(0);
      }),
      { numRuns: 200 },
    );
  });
});

class DeliveryWorld {
  readonly core: ListenerCore;
  readonly appended: string[] = [];
  readonly heard: string[] = [];
  readonly #random: Random;
  readonly #logs: { e: string; seq: number }[] = [];
  #lossRate = 0.3;
  #nowMonoMs = 0;
  #onWay: { readonly dueMonoMs: number; readonly arrive: () => void }[] = [];

  constructor(random: Random, core: ListenerCore) {
    this.#random = random;
    this.core = core;
    this.#restart();
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      const draw = this.#random.next();
      if (draw < 0.03) this.#restart();
      else if (draw < 0.6) this.#append(1 + this.#random.int(5));
      else if (draw < 0.7) this.#publishHead();
      this.#pass(this.#random.int(300));
    }
  }

  settle(): void {
    this.#lossRate = 0;
    for (let i = 0; i < 300; i++) {
      if (i % 20 === 0) this.#publishHead();
      this.#pass(500);
    }
  }

  #restart(): void {
    const letter = 'abcdefghijklmnopqrstuvwxyz'.charAt(this.#logs.length % 26);
    this.#logs.push({ e: `${letter.repeat(11)}${this.#logs.length < 26 ? 'a' : 'b'}`, seq: 0 });
  }

  #append(count: number): void {
    const log = this.#logs.at(-1);
    if (log === undefined) return;
    const batch = records(log.seq + 1, log.seq + count);
    log.seq += count;
    for (const { s } of batch) this.appended.push(`${log.e}/${s}`);
    this.#send(() => this.#hear(log.e, this.core.applyLive('cam1', log.e, batch, this.#nowMonoMs)));
  }

  #publishHead(): void {
    const copy = head(this.#logs.map(({ e, seq }) => ({ e, seq })));
    this.#send(() => this.core.applyHead(copy, this.#nowMonoMs));
  }

  #pass(byMs: number): void {
    this.#nowMonoMs += byMs;
    const arrived = this.#onWay.filter(({ dueMonoMs }) => dueMonoMs <= this.#nowMonoMs);
    this.#onWay = this.#onWay.filter(({ dueMonoMs }) => dueMonoMs > this.#nowMonoMs);
    for (const { arrive } of arrived) arrive();
    for (const { need } of this.core.due(this.#nowMonoMs)) this.#send(() => this.#answer(need));
  }

  #answer(need: Need): void {
    const seq = this.#logs.find(({ e }) => e === need.e)?.seq ?? 0;
    const given = need.ranges.flatMap(([from, to]) => records(from, Math.min(to, seq))).slice(0, need.max);
    const parts = [given.slice(0, 3), given.slice(3)];
    for (const [part, r] of parts.entries()) {
      const fill = fillFor(need, { part, more: part === 0, r });
      this.#send(() => this.#hear(need.e, this.core.applyFill('cam1', fill, this.#nowMonoMs)));
    }
  }

  #hear(epoch: string, fresh: readonly LogRecord[]): void {
    for (const { s } of fresh) this.heard.push(`${epoch}/${s}`);
  }

  #send(arrive: () => void): void {
    const copies = this.#random.chance(this.#lossRate) ? 0 : this.#random.chance(this.#lossRate) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      this.#onWay.push({ dueMonoMs: this.#nowMonoMs + this.#random.int(400), arrive });
    }
  }
}
