import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PeerBook } from '../../../edge/sharing/peer-book.js';
import { Claims } from '../../../protocol/sharing.js';

const CLAIMS = Claims.parse({
  ...{ v: 1, site: 'home', state: 'active', beatMs: 1_000, model: null, capacityFps: 10, spareFps: 5 },
  ...{ shares: { sources: true, offers: true, audits: true }, sources: [], heard: [], doubts: [] },
});

function bookWith(...nodes: string[]): PeerBook {
  const book = new PeerBook('me');
  for (const node of nodes) {
    book.applyStatus(node, { state: 'online', gen: 1 }, 0);
    book.applyClaims(node, CLAIMS, 0);
  }
  return book;
}

const activeOf = (book: PeerBook, nowMonoMs: number) =>
  book
    .peers(nowMonoMs)
    .filter(({ isActive }) => isActive)
    .map(({ node }) => node);

describe('what is known of peers', () => {
  it('counts who is online and beats', () => {
    expect(activeOf(bookWith('b', 'a'), 100)).toEqual(['a', 'b']);
  });

  it('ends with a will at once, whatever was heard before and after', () => {
    const book = bookWith('a');
    book.applyBeat('a', { gen: 1 }, 50);
    book.applyStatus('a', { state: 'lost', gen: 1 }, 60);
    book.applyBeat('a', { gen: 1 }, 70);
    expect(activeOf(book, 80)).toEqual([]);
    book.applyStatus('a', { state: 'online', gen: 1 }, 90);
    expect(activeOf(book, 100)).toEqual(['a']);
  });

  it('does not end with a will of before its birth', () => {
    const book = bookWith('a');
    book.applyStatus('a', { state: 'online', gen: 3 }, 60);
    book.applyStatus('a', { state: 'lost', gen: 2 }, 70);
    expect(activeOf(book, 80)).toEqual(['a']);
    book.applyStatus('a', { state: 'lost', gen: 3 }, 90);
    expect(activeOf(book, 100)).toEqual([]);
  });

  it('shows who says nothing new as the same object, and others in their order', () => {
    const book = bookWith('b', 'a');
    const [a, b] = book.peers(10);
    expect(book.peers(20)[0]).toBe(a);
    book.applyClaims('a', { ...CLAIMS, spareFps: 1 }, 30);
    expect(book.peers(30)[0]).not.toBe(a);
    expect(book.peers(30)[1]).toBe(b);
    expect(book.peers(3_000)[1]).toEqual({ ...b, isActive: false });
    book.applyClaims('aa', CLAIMS, 40);
    expect(book.peers(50).map(({ node }) => node)).toEqual(['a', 'aa', 'b']);
  });

  it('counts who beats long after its will: its birth was lost', () => {
    const book = bookWith('a');
    book.applyStatus('a', { state: 'lost', gen: 1 }, 0);
    book.applyBeat('a', { gen: 2 }, 4_999);
    expect(activeOf(book, 5_000)).toEqual([]);
    book.applyBeat('a', { gen: 2 }, 5_000);
    expect(activeOf(book, 5_001)).toEqual(['a']);
  });

  it('holds nothing that was claimed before a will against those who take over', () => {
    const book = new PeerBook('me');
    const claims = { ...CLAIMS, sources: [{ source: 'yard', as: 'owner' as const }] };
    book.applyStatus('a', { state: 'online', gen: 1 }, 0);
    book.applyClaims('a', claims, 0);
    book.applyStatus('a', { state: 'lost', gen: 1 }, 10);
    book.applyStatus('a', { state: 'online', gen: 2 }, 20);
    expect(book.peers(30)[0]?.claims.sources).toEqual([]);
    book.applyClaims('a', claims, 40);
    expect(book.peers(50)[0]?.claims.sources).toEqual(claims.sources);
  });

  it('ends when three heartbeats are missing, and begins again with the next', () => {
    const book = bookWith('a');
    book.applyBeat('a', { gen: 1 }, 1_000);
    expect(book.nextSilenceMonoMs(1_000)).toBe(4_000);
    expect(activeOf(book, 3_999)).toEqual(['a']);
    expect(activeOf(book, 4_000)).toEqual([]);
    expect(book.nextSilenceMonoMs(4_000)).toBe(Number.POSITIVE_INFINITY);
    book.applyBeat('a', { gen: 1 }, 5_000);
    expect(activeOf(book, 5_001)).toEqual(['a']);
  });

  it('calls nobody silent for what could not be heard', () => {
    const book = bookWith('a');
    book.reconnected(60_000);
    expect(activeOf(book, 60_001)).toEqual(['a']);
  });

  it('knows nothing of itself, of those without claims and of those forgotten', () => {
    const book = bookWith('a', 'me');
    book.applyStatus('old', { state: 'online', gen: 1 }, 0);
    expect(book.peers(1).map(({ node }) => node)).toEqual(['a']);
    book.forget('a');
    expect(book.peers(1)).toEqual([]);
  });

  it('takes in so many and counts the others', () => {
    const book = bookWith(...Array.from({ length: 1_030 }, (_, i) => `n${i}`));
    expect(book.peers(1)).toHaveLength(1_024);
    expect(book.refused).toBeGreaterThanOrEqual(6);
  });

  it('is the same in whatever order statuses and claims came', () => {
    const events = ['a', 'b', 'c'].flatMap((node) => [
      (book: PeerBook) => book.applyStatus(node, { state: 'online', gen: 1 }, 0),
      (book: PeerBook) => book.applyClaims(node, CLAIMS, 0),
    ]);
    fc.assert(
      fc.property(fc.shuffledSubarray(events, { minLength: events.length }), (shuffled) => {
        const book = new PeerBook('me');
        for (const apply of shuffled) apply(book);
        expect(activeOf(book, 1)).toEqual(['a', 'b', 'c']);
      }),
    );
  });
});
