import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AuditAllowance } from '../../../../edge/sharing/audits/audit-budget.js';
import { auditRate, isAudited } from '../../../../edge/sharing/audits/audit-selection.js';
import { combineVerdicts, judgeAnswers } from '../../../../edge/sharing/audits/audit-verdict.js';
import { type AuditPeer, auditorsOf } from '../../../../edge/sharing/audits/auditor-choice.js';
import { type AuditCandidate, CandidateRing } from '../../../../edge/sharing/audits/candidate-ring.js';
import { StuckWatch } from '../../../../edge/sharing/audits/stuck-watch.js';

const leafOf = (text: string) => createHash('sha256').update(text).digest();

describe('which results are audited', () => {
  it.each([
    [0, 1],
    [9, 1],
    [10, 0.1],
    [50, 0.02],
    [100, 0.01],
    [100_000, 0.01],
  ])('after %i valid ones in a row, a part of %f', (validInRow, rate) => {
    expect(auditRate(validInRow)).toBe(rate);
  });

  it('follows the rate, whatever records and heads are', () => {
    const drawn = Array.from({ length: 20_000 }, (_, i) => isAudited(leafOf(`record ${i}`), `head ${i % 7}`, 0.1));
    expect(drawn.filter((one) => one).length / drawn.length).toBeCloseTo(0.1, 1);
  });

  it('depends on a head that did not exist when the record was made', () => {
    const leaf = leafOf('one record');
    const byHead = Array.from({ length: 200 }, (_, i) => isAudited(leaf, `head ${i}`, 0.5));
    expect(new Set(byHead).size).toBe(2);
  });

  it('takes all at a rate of one and none at zero', () => {
    expect(isAudited(leafOf('a'), 'h', 1)).toBe(true);
    expect(isAudited(leafOf('a'), 'h', 0)).toBe(false);
  });
});

const peer = (node: string, more: Partial<AuditPeer> = {}): AuditPeer => ({
  node,
  site: 'yard',
  model: 'm1',
  isActive: true,
  isDoubted: false,
  ...more,
});
const worker = { node: 'cam1', site: 'yard', model: 'm1' };

describe('who audits', () => {
  const fleet = ['cam1', 'cam2', 'cam3', 'cam4', 'cam5'].map((node) => peer(node));

  it('two others, the same ones in whatever order they are known', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(fleet, { minLength: 5 }), fc.string(), (shuffled, text) => {
        const chosen = auditorsOf(leafOf(text), worker, fleet, false);
        expect(auditorsOf(leafOf(text), worker, shuffled, false)).toEqual(chosen);
        expect(chosen).not.toContain('cam1');
        expect(new Set(chosen).size).toBe(2);
      }),
    );
  });

  it('everybody has a share', () => {
    const times = new Map<string, number>();
    for (let i = 0; i < 4_000; i++) {
      for (const node of auditorsOf(leafOf(`${i}`), worker, fleet, false) ?? []) {
        times.set(node, (times.get(node) ?? 0) + 1);
      }
    }
    expect([...times.values()].every((count) => count > 1_800 && count < 2_200)).toBe(true);
  });

  it.each([
    ['with another model', { model: 'm2' }],
    ['at another site', { site: 'barn' }],
    ['that is away', { isActive: false }],
    ['that is doubted', { isDoubted: true }],
  ])('nobody %s', (_, more) => {
    const others = [peer('cam2'), peer('cam3'), peer('cam4', more)];
    for (let i = 0; i < 50; i++) expect(auditorsOf(leafOf(`${i}`), worker, others, false)).not.toContain('cam4');
    expect(auditorsOf(leafOf('x'), worker, others.slice(1), false)).toBeUndefined();
  });

  it('who has too much to do only where too few others are', () => {
    const busy = peer('cam4', { isOverloaded: true });
    const others = [peer('cam2'), peer('cam3'), busy];
    for (let i = 0; i < 50; i++) expect(auditorsOf(leafOf(`${i}`), worker, others, false)).not.toContain('cam4');
    expect(auditorsOf(leafOf('x'), worker, others.slice(1), false)).toEqual(['cam3', 'cam4']);
    expect(auditorsOf(leafOf('x'), worker, [busy], false)).toBeUndefined();
  });

  it('another site only where pictures may go there', () => {
    const others = [peer('cam2', { site: 'barn' }), peer('cam3', { site: undefined })];
    expect(auditorsOf(leafOf('x'), worker, others, false)).toBeUndefined();
    expect(auditorsOf(leafOf('x'), worker, others, true)).toHaveLength(2);
  });
});

describe('a verdict', () => {
  const seen = (l: string, p = 0.9) => [{ l, p, b: [0, 0, 50, 50] as const }];
  const judge = (w: string, a: string, b: string | undefined) =>
    judgeAnswers({
      worker: seen(w),
      first: seen(a),
      second: b === undefined ? undefined : seen(b),
      scoreMin: 0.5,
    });

  it.each([
    ['cat', 'cat', 'cat', { verdict: 'valid' }],
    ['cat', 'cat', 'dog', { verdict: 'valid', odd: 'second' }],
    ['cat', 'dog', 'cat', { verdict: 'valid', odd: 'first' }],
    ['dog', 'cat', 'cat', { verdict: 'disputed', why: 'other-label' }],
    ['cat', 'dog', 'cow', { verdict: 'inconclusive' }],
    ['cat', 'cat', undefined, { verdict: 'valid' }],
    ['cat', 'dog', undefined, undefined],
  ])('on %s, %s and %s', (w, a, b, expected) => {
    expect(judge(w, a, b)).toEqual(expected);
  });

  it('on a picture that was seen before is a dispute where both have seen it', () => {
    const same = { worker: seen('cat'), first: seen('cat'), second: seen('cat'), scoreMin: 0.5 };
    expect(judgeAnswers({ ...same, seenBefore: 2 })).toEqual({ verdict: 'disputed', why: 'stuck' });
    expect(judgeAnswers({ ...same, seenBefore: 1 })).toEqual({ verdict: 'inconclusive' });
  });

  it('is the same at both auditors', () => {
    const any = fc.constantFrom('cat', 'dog', 'cow');
    fc.assert(
      fc.property(any, any, any, (w, a, b) => {
        expect(judge(w, a, b)?.verdict).toBe(judge(w, b, a)?.verdict);
        expect(judge(w, a, b)?.why).toBe(judge(w, b, a)?.why);
      }),
    );
  });

  it('of one auditor alone never disputes, and two that differ decide nothing', () => {
    expect(combineVerdicts('disputed', undefined)).toBeUndefined();
    expect(combineVerdicts('valid', undefined)).toBe('valid');
    expect(combineVerdicts('disputed', 'disputed')).toBe('disputed');
    expect(combineVerdicts('disputed', 'valid')).toBe('inconclusive');
  });
});

describe('pictures kept for audits', () => {
  const limits = { ringCount: 3, ringBytes: 100, ringMs: 1_000 };
  const candidate = (seq: number, bytes: number, keptMonoMs: number): AuditCandidate => ({
    epoch: 'e',
    ...{ seq, leaf: leafOf(`${seq}`), camera: 'front', isLive: true, capturedAtMs: 0 },
    ...{ jpeg: new Uint8Array(bytes), digest: '', keptMonoMs },
  });
  const seqs = (ring: CandidateRing, atMs: number) => ring.takeAll(atMs).map(({ seq }) => seq);

  it('are the newest by count', () => {
    const ring = new CandidateRing(limits);
    for (let seq = 1; seq <= 5; seq++) ring.add(candidate(seq, 1, 0));
    expect([ring.count, ring.dropped.full]).toEqual([3, 2]);
    expect(seqs(ring, 0)).toEqual([3, 4, 5]);
    expect([ring.count, ring.bytes]).toEqual([0, 0]);
  });

  it('are the newest by bytes, and one that is too large is none', () => {
    const ring = new CandidateRing(limits);
    ring.add(candidate(1, 60, 0));
    ring.add(candidate(2, 60, 0));
    ring.add(candidate(3, 101, 0));
    expect([ring.bytes, ring.dropped.full]).toEqual([60, 2]);
    expect(seqs(ring, 0)).toEqual([2]);
  });

  it('are given up after a while', () => {
    const ring = new CandidateRing(limits);
    ring.add(candidate(1, 1, 0));
    ring.add(candidate(2, 1, 500));
    expect(seqs(ring, 1_001)).toEqual([2]);
    expect(ring.dropped.old).toBe(1);
  });
});

describe('a budget of audits', () => {
  it('is spent by number and by bytes, and comes back with time', () => {
    const allowance = new AuditAllowance({ burst: 2, perMinute: 6, bytesPerMinute: 1_000 }, 0);
    expect([allowance.take(400, 0), allowance.take(400, 0), allowance.take(1, 0)]).toEqual([true, true, false]);
    expect([allowance.take(500, 10_000), allowance.take(300, 10_000)]).toEqual([false, true]);
  });
});

describe('a stuck picture', () => {
  it('has the bytes of an earlier one of its camera', () => {
    const watch = new StuckWatch(100);
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 1, atMs: 10 })).toBeUndefined();
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 5, atMs: 11_000 })).toEqual({ e: 'e', s: 1, atMs: 10 });
    expect(watch.note('cam1', 'back', 'd1', { e: 'e', s: 6, atMs: 31_000 })).toBeUndefined();
    expect(watch.note('cam2', 'front', 'd1', { e: 'e', s: 6, atMs: 31_000 })).toBeUndefined();
  });

  it('is not the same frame told twice, nor one that a slow camera gives for some seconds', () => {
    const watch = new StuckWatch(100);
    watch.note('cam1', 'front', 'd1', { e: 'e', s: 1, atMs: 10 });
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 3, atMs: 9_000 })).toBeUndefined();
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 2, atMs: 10 })).toBeUndefined();
    expect(watch.note('cam1', 'front', 'd2', { e: 'e', s: 9, atMs: 11_000 })).toBeUndefined();
  });

  it('comes again after another one of its camera, however soon, in the order of the records', () => {
    const watch = new StuckWatch(100);
    watch.note('cam1', 'front', 'd1', { e: 'e', s: 1, atMs: 1_000 });
    watch.note('cam1', 'back', 'd2', { e: 'e', s: 2, atMs: 1_500 });
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 4, atMs: 2_000 })).toBeUndefined();
    // The clock was set back meanwhile.
    watch.note('cam1', 'front', 'd3', { e: 'e', s: 5, atMs: 500 });
    expect(watch.note('cam1', 'front', 'd1', { e: 'e', s: 6, atMs: 900 })).toMatchObject({ s: 1 });
  });

  it('is forgotten at the limit', () => {
    const watch = new StuckWatch(2);
    for (const digest of ['a', 'b', 'c']) watch.note('cam1', 'front', digest, { e: 'e', s: 1, atMs: 1 });
    expect(watch.count).toBe(2);
    expect(watch.note('cam1', 'front', 'a', { e: 'e', s: 9, atMs: 9 })).toBeUndefined();
  });
});
