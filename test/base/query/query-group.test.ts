import { describe, expect, it } from 'vitest';
import type { ReplicaAnswer } from '../../../base/query/answer-parts.js';
import { QueryGroup } from '../../../base/query/query-group.js';

const HEDGE_MS = 300;
const VERIFY_MS = 1_500;
const TIMES = { hedgeMs: HEDGE_MS, verifyMs: VERIFY_MS };

function said(digest: string, lacked = 0, isFull = true): ReplicaAnswer {
  const missing = lacked === 0 ? [] : [{ n: 'cam1', e: 'aaaaaaaaaaaa', from: 1, to: lacked, why: 'behind' as const }];
  const content = { shape: 'list' as const, count: 1, rows: [], bars: [], again: 0 };
  return { digest, missing, also: [], tookMs: 1, ...(isFull ? { content } : {}) };
}

const digestOnly = (digest: string) => said(digest, 0, false);

/** The same by a replica that has read its files again. */
function checked(answer: ReplicaAnswer, rotten = 0): ReplicaAnswer {
  return { ...answer, checked: { segments: 3, rotten, mended: rotten } };
}

describe('QueryGroup', () => {
  it('asks one replica for the answer and another for its digest, and is content when they agree', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, TIMES);
    expect(group.begin(0)).toEqual([
      { replica: 'a', want: 'full' },
      { replica: 'b', want: 'digest' },
    ]);
    expect(group.answered('b', digestOnly('x'), 10)).toEqual([]);
    expect(group.isDone).toBe(false);
    expect(group.answered('a', said('x'), 20)).toEqual([]);
    expect(group.isDone).toBe(true);
    expect(group.outcome()).toMatchObject({ confidence: 'confirmed', agreeing: ['a', 'b'], notes: [] });
  });

  it('asks another one when a replica is slow, once, and takes whoever comes first', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, TIMES);
    group.begin(0);
    group.answered('b', digestOnly('x'), 10);
    expect(group.tick(HEDGE_MS - 1)).toEqual([]);
    expect(group.tick(HEDGE_MS)).toEqual([{ replica: 'c', want: 'full' }]);
    expect(group.tick(HEDGE_MS + 25)).toEqual([]);
    group.answered('c', said('x'), 350);
    expect(group.isDone).toBe(true);
    expect(group.outcome()).toMatchObject({ confidence: 'confirmed', notes: [{ node: 'a', why: 'silent' }] });
  });

  it('asks who knows the digest for the answer, when nobody else can be asked', () => {
    const group = new QueryGroup(['a', 'b'], 2, 2, TIMES);
    group.begin(0);
    group.answered('b', digestOnly('x'), 10);
    expect(group.tick(HEDGE_MS)).toEqual([{ replica: 'b', want: 'full' }]);
    group.answered('b', said('x'), 320);
    expect(group.outcome()).toMatchObject({ confidence: 'single', agreeing: ['b'] });
  });

  it('goes on with another one when a replica refuses', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, TIMES);
    group.begin(0);
    expect(group.failed('a', 'overloaded', 'busy', 5)).toEqual([{ replica: 'c', want: 'full' }]);
    group.answered('b', digestOnly('x'), 10);
    group.answered('c', said('x'), 20);
    expect(group.outcome().notes).toEqual([{ node: 'a', why: 'overloaded', message: 'busy' }]);
  });

  it('asks one that refused for the moment once more, where nobody else can be asked', () => {
    const group = new QueryGroup(['a', 'b'], 2, 2, TIMES);
    group.begin(0);
    group.answered('a', said('x'), 10);
    expect(group.failed('b', 'overloaded', 'busy', 20)).toEqual([]);
    expect(group.isDone).toBe(false);
    expect(group.tick(20 + HEDGE_MS)).toEqual([{ replica: 'b', want: 'digest' }]);
    group.answered('b', digestOnly('x'), 400);
    expect(group.isDone).toBe(true);
    expect(group.outcome()).toMatchObject({ confidence: 'confirmed', agreeing: ['a', 'b'], notes: [] });
  });

  it('asks all when digests differ, and a strict majority of those assigned decides', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, TIMES);
    group.begin(0);
    group.answered('a', said('lie'), 10);
    expect(group.answered('b', digestOnly('x'), 20)).toEqual([{ replica: 'c', want: 'digest' }]);
    expect(group.answered('c', digestOnly('x'), 30)).toEqual([
      { replica: 'a', want: 'digest', verify: true },
      { replica: 'b', want: 'full' },
    ]);
    group.answered('b', said('x'), 40);
    expect(group.isDone).toBe(false);
    group.tick(30 + VERIFY_MS);
    expect(group.isDone).toBe(true);
    const outcome = group.outcome();
    expect(outcome).toMatchObject({ confidence: 'majority', agreeing: ['b', 'c'] });
    expect(outcome.notes).toEqual([{ node: 'a', why: 'differs' }]);
    expect(outcome.lost).toEqual(['a']);
  });

  it.each([
    [2, 'conflict'],
    [3, 'majority'],
    [4, 'conflict'],
  ])('of %i assigned copies two against one is %s: those that do not reply count', (assigned, confidence) => {
    const candidates = assigned === 2 ? ['a', 'b'] : ['a', 'b', 'c'];
    const group = new QueryGroup(candidates, assigned, 2, TIMES);
    group.begin(0);
    group.answered('a', said('x'), 10);
    group.answered('b', said('lie'), 20);
    if (assigned > 2) group.answered('c', digestOnly('x'), 30);
    expect(group.outcome().confidence).toBe(confidence);
    expect(group.outcome().digests).toHaveLength(2);
  });

  it('prefers a complete answer to partial ones, and of these the one that lacks least', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 3, TIMES);
    group.begin(0);
    group.answered('a', said('p', 5), 10);
    group.answered('b', said('q', 2), 10);
    expect(group.outcome()).toMatchObject({ answer: { digest: 'q' }, confidence: 'single' });
    group.answered('c', said('x'), 20);
    expect(group.outcome()).toMatchObject({ answer: { digest: 'x' }, agreeing: ['c'] });
  });

  it('has no answer when nobody gives one', () => {
    const group = new QueryGroup(['a', 'b'], 2, 2, TIMES);
    group.begin(0);
    group.failed('a', 'syncing', 'not now', 5);
    group.failed('b', 'quarantined', 'no vote', 5);
    expect(group.isDone).toBe(false);
    // 'a' may be well again in a moment: it is asked three times more, and then nobody is left.
    for (const pauseMs of [HEDGE_MS, 2 * HEDGE_MS, 4 * HEDGE_MS]) {
      expect(group.tick(5 + pauseMs - 1)).toEqual([]);
      expect(group.tick(5 + pauseMs)).toEqual([{ replica: 'a', want: 'full' }]);
      group.failed('a', 'syncing', 'not now', 5);
    }
    expect(group.isDone).toBe(true);
    expect(group.outcome().answer).toBeUndefined();
  });

  it('is done at once where nobody can be asked', () => {
    const group = new QueryGroup([], 3, 2, TIMES);
    expect(group.begin(0)).toEqual([]);
    expect(group.isDone).toBe(true);
  });

  describe('where answers differ', () => {
    /** Three replicas of three, `a` outvoted by `b` and `c`. */
    function outvoted(): QueryGroup {
      const group = new QueryGroup(['a', 'b', 'c'], 3, 3, TIMES);
      group.begin(0);
      group.answered('a', said('lie'), 10);
      group.answered('b', said('x'), 20);
      expect(group.answered('c', digestOnly('x'), 30)).toEqual([{ replica: 'a', want: 'digest', verify: true }]);
      return group;
    }

    /** Two replicas of two that contradict each other. */
    function atOdds(): QueryGroup {
      const group = new QueryGroup(['a', 'b'], 2, 2, TIMES);
      group.begin(0);
      group.answered('a', said('x'), 10);
      expect(group.answered('b', digestOnly('lie'), 20)).toEqual([
        { replica: 'a', want: 'digest', verify: true },
        { replica: 'b', want: 'digest', verify: true },
      ]);
      return group;
    }

    it('is verified once the one that was outvoted has read again and agrees, and says who lost and what it mended', () => {
      const group = outvoted();
      group.answered('a', checked(digestOnly('x'), 1), 200);
      expect(group.isDone).toBe(true);
      expect(group.outcome()).toMatchObject({
        confidence: 'verified',
        agreeing: ['a', 'b', 'c'],
        notes: [],
        lost: ['a'],
        findings: [{ node: 'a', segments: 3, rotten: 1, mended: 1 }],
        digests: [
          { digest: 'x', replicas: ['b', 'c'] },
          { digest: 'lie', replicas: ['a'] },
        ],
      });
    });

    it('is a majority still when the one that was outvoted lacks by now what was rotten, or says no more', () => {
      const lacking = outvoted();
      lacking.answered('a', checked(said('y', 4, false), 1), 200);
      expect(lacking.outcome()).toMatchObject({ confidence: 'confirmed', agreeing: ['b', 'c'], lost: ['a'] });
      expect(lacking.outcome().notes).toEqual([{ node: 'a', why: 'behind' }]);
      const silent = outvoted();
      silent.tick(30 + VERIFY_MS);
      expect(silent.isDone).toBe(true);
      expect(silent.outcome()).toMatchObject({ confidence: 'majority', agreeing: ['b', 'c'], lost: ['a'] });
    });

    it('makes the majority read again when the one that was outvoted has, and stays with what it said', () => {
      const group = outvoted();
      expect(group.answered('a', checked(digestOnly('lie')), 200)).toEqual([
        { replica: 'b', want: 'digest', verify: true },
        { replica: 'c', want: 'digest', verify: true },
      ]);
      group.answered('b', checked(digestOnly('lie'), 2), 300);
      group.answered('c', checked(digestOnly('lie'), 1), 310);
      expect(group.outcome()).toMatchObject({ confidence: 'verified', answer: { digest: 'lie' }, lost: ['b', 'c'] });
    });

    it('is a majority against one that stays with what it said when all others have read again, and do too', () => {
      const group = outvoted();
      group.answered('a', checked(digestOnly('lie')), 200);
      group.answered('b', checked(digestOnly('x')), 300);
      expect(group.isDone).toBe(false);
      expect(group.answered('c', checked(digestOnly('x')), 310)).toEqual([]);
      expect(group.isDone).toBe(true);
      expect(group.outcome()).toMatchObject({ confidence: 'majority', agreeing: ['b', 'c'], lost: ['a'] });
      expect(group.outcome().notes).toEqual([{ node: 'a', why: 'differs' }]);
    });

    it('has all read again where no majority decides, and is verified when they agree then', () => {
      const group = atOdds();
      group.answered('a', checked(digestOnly('x')), 200);
      expect(group.isDone).toBe(false);
      expect(group.outcome().confidence).toBe('conflict');
      group.answered('b', checked(digestOnly('x'), 1), 300);
      expect(group.isDone).toBe(true);
      expect(group.outcome()).toMatchObject({ confidence: 'verified', agreeing: ['a', 'b'], lost: ['b'] });
    });

    it('stays a conflict when both stay with what they said, and names nobody as the one who lost', () => {
      const group = atOdds();
      group.answered('a', checked(digestOnly('x')), 200);
      expect(group.answered('b', checked(digestOnly('lie')), 300)).toEqual([]);
      expect(group.isDone).toBe(true);
      expect(group.outcome()).toMatchObject({ confidence: 'conflict', lost: [] });
    });

    it('is single when the other one found that it is rotten and cannot be mended', () => {
      const group = atOdds();
      group.answered('b', checked(said('y', 2, false), 1), 200);
      group.answered('a', checked(digestOnly('x')), 300);
      expect(group.outcome()).toMatchObject({ confidence: 'single', agreeing: ['a'], lost: ['b'] });
    });

    it('does not count as verified what a replica says that did not look', () => {
      const group = atOdds();
      group.answered('a', digestOnly('x'), 200);
      group.answered('b', digestOnly('x'), 300);
      expect(group.outcome().confidence).toBe('confirmed');
    });

    it('asks for the answer that nobody has given yet, of those that agree after reading again', () => {
      const group = atOdds();
      expect(group.answered('a', checked(digestOnly('lie'), 1), 200)).toEqual([{ replica: 'a', want: 'full' }]);
      group.answered('b', checked(digestOnly('lie')), 300);
      expect(group.isDone).toBe(false);
      group.answered('a', said('lie'), 320);
      expect(group.outcome()).toMatchObject({ confidence: 'verified', answer: { digest: 'lie' }, lost: ['a'] });
    });
  });

  it('has all read their files again before they answer where that is asked for', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, { ...TIMES, isVerifying: true });
    expect(group.begin(0)).toEqual([
      { replica: 'a', want: 'full', verify: true },
      { replica: 'b', want: 'digest', verify: true },
    ]);
    expect(group.tick(HEDGE_MS)).toEqual([]);
    group.answered('a', checked(said('x')), 400);
    expect(group.isDone).toBe(false);
    expect(group.tick(VERIFY_MS)).toEqual([{ replica: 'c', want: 'digest', verify: true }]);
    group.answered('b', checked(digestOnly('x'), 1), VERIFY_MS + 10);
    group.tick(2 * VERIFY_MS);
    expect(group.isDone).toBe(true);
    expect(group.outcome()).toMatchObject({ confidence: 'verified', agreeing: ['a', 'b'], lost: [] });
  });
});
