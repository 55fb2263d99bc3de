import { describe, expect, it } from 'vitest';
import type { ReplicaAnswer } from '../../../base/query/answer-parts.js';
import { QueryGroup } from '../../../base/query/query-group.js';

const HEDGE_MS = 300;

function said(digest: string, lacked = 0, isFull = true): ReplicaAnswer {
  const missing = lacked === 0 ? [] : [{ n: 'cam1', e: 'aaaaaaaaaaaa', from: 1, to: lacked, why: 'behind' as const }];
  const content = { shape: 'list' as const, count: 1, rows: [], bars: [] };
  return { digest, missing, also: [], tookMs: 1, ...(isFull ? { content } : {}) };
}

const digestOnly = (digest: string) => said(digest, 0, false);

describe('QueryGroup', () => {
  it('asks one replica for the answer and another for its digest, and is content when they agree', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, HEDGE_MS);
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
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, HEDGE_MS);
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
    const group = new QueryGroup(['a', 'b'], 2, 2, HEDGE_MS);
    group.begin(0);
    group.answered('b', digestOnly('x'), 10);
    expect(group.tick(HEDGE_MS)).toEqual([{ replica: 'b', want: 'full' }]);
    group.answered('b', said('x'), 320);
    expect(group.outcome()).toMatchObject({ confidence: 'single', agreeing: ['b'] });
  });

  it('goes on with another one when a replica refuses', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, HEDGE_MS);
    group.begin(0);
    expect(group.failed('a', 'overloaded', 'busy', 5)).toEqual([{ replica: 'c', want: 'full' }]);
    group.answered('b', digestOnly('x'), 10);
    group.answered('c', said('x'), 20);
    expect(group.outcome().notes).toEqual([{ node: 'a', why: 'overloaded', message: 'busy' }]);
  });

  it('asks all when digests differ, and a strict majority of those assigned decides', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 2, HEDGE_MS);
    group.begin(0);
    group.answered('a', said('lie'), 10);
    expect(group.answered('b', digestOnly('x'), 20)).toEqual([{ replica: 'c', want: 'digest' }]);
    expect(group.answered('c', digestOnly('x'), 30)).toEqual([{ replica: 'b', want: 'full' }]);
    group.answered('b', said('x'), 40);
    expect(group.isDone).toBe(true);
    const outcome = group.outcome();
    expect(outcome).toMatchObject({ confidence: 'majority', agreeing: ['b', 'c'] });
    expect(outcome.notes).toEqual([{ node: 'a', why: 'differs' }]);
  });

  it.each([
    [2, 'conflict'],
    [3, 'majority'],
    [4, 'conflict'],
  ])('of %i assigned copies two against one is %s: those that do not reply count', (assigned, confidence) => {
    const candidates = assigned === 2 ? ['a', 'b'] : ['a', 'b', 'c'];
    const group = new QueryGroup(candidates, assigned, 2, HEDGE_MS);
    group.begin(0);
    group.answered('a', said('x'), 10);
    group.answered('b', said('lie'), 20);
    if (assigned > 2) group.answered('c', digestOnly('x'), 30);
    expect(group.outcome().confidence).toBe(confidence);
    expect(group.outcome().digests).toHaveLength(2);
  });

  it('prefers a complete answer to partial ones, and of these the one that lacks least', () => {
    const group = new QueryGroup(['a', 'b', 'c'], 3, 3, HEDGE_MS);
    group.begin(0);
    group.answered('a', said('p', 5), 10);
    group.answered('b', said('q', 2), 10);
    expect(group.outcome()).toMatchObject({ answer: { digest: 'q' }, confidence: 'single' });
    group.answered('c', said('x'), 20);
    expect(group.outcome()).toMatchObject({ answer: { digest: 'x' }, agreeing: ['c'] });
  });

  it('has no answer when nobody gives one', () => {
    const group = new QueryGroup(['a', 'b'], 2, 2, HEDGE_MS);
    group.begin(0);
    group.failed('a', 'syncing', 'not now', 5);
    group.failed('b', 'syncing', 'not now', 5);
    expect(group.isDone).toBe(true);
    expect(group.outcome().answer).toBeUndefined();
  });

  it('is done at once where nobody can be asked', () => {
    const group = new QueryGroup([], 3, 2, HEDGE_MS);
    expect(group.begin(0)).toEqual([]);
    expect(group.isDone).toBe(true);
  });
});
