import { describe, expect, it } from 'vitest';
import { OwnerIndex } from '../../../../edge/sharing/sources/owner-index.js';
import type { Watcher } from '../../../../edge/sharing/sources/watchers.js';

function watcher(node: string, owns: readonly string[], more: Partial<Watcher> = {}): Watcher {
  return { node, owns, heard: [], state: 'active', spareFps: 8, weight: 4, isDoubted: false, ...more };
}

const ownersOf = (index: OwnerIndex, source: string) => index.ownersOf(source).map(({ node }) => node);

describe('the index of what others have', () => {
  it('says whether anything changed', () => {
    const index = new OwnerIndex();
    const [a, b] = [watcher('a', ['yard']), watcher('b', [])];
    expect(index.update([a, b], 0)).toBe(true);
    expect(index.update([a, b], 1)).toBe(false);
    expect(index.update([a, watcher('b', [])], 2)).toBe(true);
    expect(index.update([a], 3)).toBe(true);
    expect(index.update([a, b], 4)).toBe(true);
    expect(index.update([], 5)).toBe(true);
    expect(index.update([], 6)).toBe(false);
  });

  it('follows those who take, give away, come and go', () => {
    const index = new OwnerIndex();
    index.update([watcher('a', ['yard', 'gate']), watcher('b', ['yard'])], 0);
    expect(ownersOf(index, 'yard').sort()).toEqual(['a', 'b']);
    index.update([watcher('a', ['gate']), watcher('b', ['yard'])], 1);
    expect([ownersOf(index, 'yard'), ownersOf(index, 'gate')]).toEqual([['b'], ['a']]);
    index.update([watcher('b', ['gate'])], 2);
    expect([ownersOf(index, 'yard'), ownersOf(index, 'gate')]).toEqual([[], ['b']]);
    expect([...index.owned()]).toEqual(['gate']);
  });

  it('names what was had by those who are gone, once, and not what somebody let go', () => {
    const index = new OwnerIndex();
    const b = watcher('b', ['zoo']);
    index.update([watcher('a', ['yard']), b], 0);
    index.update([watcher('a', []), b], 1);
    expect([...index.lost]).toEqual([]);
    index.update([watcher('a', ['yard']), b], 2);
    index.update([b, watcher('c', [])], 3);
    expect([...index.lost]).toEqual(['yard']);
    index.update([b, watcher('c', [])], 4);
    expect([...index.lost]).toEqual([]);
  });

  it('knows since when one has had the same in the same state', () => {
    const index = new OwnerIndex();
    const at = (nowMs: number, ...watchers: readonly Watcher[]) => {
      index.update(watchers, nowMs);
      return index.steadySinceMs('a');
    };
    expect(at(0, watcher('a', ['yard', 'gate']))).toBe(0);
    expect(at(10, watcher('a', ['gate', 'yard'], { spareFps: 0 }))).toBe(0);
    expect(at(20, watcher('a', ['gate']))).toBe(20);
    expect(at(30, watcher('a', ['gate'], { state: 'overloaded' }))).toBe(30);
    expect(at(40)).toBeUndefined();
    expect(at(50, watcher('a', ['gate'], { state: 'overloaded' }))).toBe(50);
  });
});
