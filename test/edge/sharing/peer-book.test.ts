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
    book.applyStatus(node, { state: 'online' }, 0);
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
    book.applyBeat('a', { seq: 1 }, 50);
    book.applyStatus('a', { state: 'lost' }, 60);
    book.applyBeat('a', { seq: 2 }, 70);
    expect(activeOf(book, 80)).toEqual([]);
    book.applyStatus('a', { state: 'online' }, 90);
    expect(activeOf(book, 100)).toEqual(['a']);
  });

  it('ends when three heartbeats are missing, and begins again with the next', () => {
    const book = bookWith('a');
    book.applyBeat('a', { seq: 1 }, 1_000);
    expect(book.nextSilenceMonoMs(1_000)).toBe(4_000);
    expect(activeOf(book, 3_999)).toEqual(['a']);
    expect(activeOf(book, 4_000)).toEqual([]);
    expect(book.nextSilenceMonoMs(4_000)).toBe(Number.POSITIVE_INFINITY);
    book.applyBeat('a', { seq: 5 }, 5_000);
    expect(activeOf(book, 5_001)).toEqual(['a']);
  });

  it('calls nobody silent for what could not be heard', () => {
    const book = bookWith('a');
    book.reconnected(60_000);
    expect(activeOf(book, 60_001)).toEqual(['a']);
  });

  it('knows nothing of itself, of those without claims and of those forgotten', () => {
    const book = bookWith('a', 'me');
    book.applyStatus('old', { state: 'online' }, 0);
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
      (book: PeerBook) => book.applyStatus(node, { state: 'online' }, 0),
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
