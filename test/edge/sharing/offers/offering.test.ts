import { describe, expect, it } from 'vitest';
import { Random } from '../../../../base/random.js';
import { OFFER_LIMITS } from '../../../../edge/sharing/offers/offer-limits.js';
import { type Offer, Offering } from '../../../../edge/sharing/offers/offering.js';
import { choosePeer, type OfferPeer } from '../../../../edge/sharing/offers/peer-choice.js';

const PEERS: readonly OfferPeer[] = ['a', 'b', 'c'].map((node) => ({ node, spareFps: 5 }));

const ONE = PEERS.slice(0, 1);

function make() {
  return new Offering(OFFER_LIMITS, new Random(1));
}

function begun(offering: Offering, atMs: number, peers = PEERS, tried: string[] = []): Offer {
  const offer = offering.begin(peers, tried, atMs);
  if (offer === undefined) throw new Error('nothing was offered');
  return offer;
}

/** One peer that has answered all until so many are given to it at once; those are under way. */
function grown(offering: Offering, window: number, sinceMs: number): { atMs: number; offers: readonly Offer[] } {
  for (let atMs = sinceMs; atMs < sinceMs + 100; atMs++) {
    const offers: Offer[] = [];
    for (;;) {
      const offer = offering.begin(ONE, [], atMs);
      if (offer === undefined) break;
      offers.push(offer);
    }
    if (offers.length >= window) return { atMs, offers };
    for (const { id } of offers) offering.answer('a', id, 'done', atMs);
  }
  throw new Error(`it never took ${window} at once`);
}

describe('offering a look', () => {
  it('asks one peer at a time until it has answered, and more of one that answers', () => {
    const offering = make();
    const first = begun(offering, 0);
    const second = begun(offering, 0);
    const third = begun(offering, 0);
    expect(new Set([first.node, second.node, third.node]).size).toBe(3);
    expect(offering.begin(PEERS, [], 0)).toBeUndefined();
    expect(offering.answer(first.node, first.id, 'done', 50)).toBe('done');
    expect(begun(offering, 50).node).toBe(first.node);
    expect(begun(offering, 50).node).toBe(first.node);
    expect(offering.begin(PEERS, [], 50)).toBeUndefined();
    expect(offering.outstanding).toBe(4);
  });

  it('never has more under way than allowed', () => {
    const offering = make();
    const many = Array.from({ length: 50 }, (_, i) => ({ node: `n${i}`, spareFps: 5 }));
    let begunCount = 0;
    while (offering.begin(many, [], 0) !== undefined) begunCount++;
    expect(begunCount).toBe(OFFER_LIMITS.offersMax);
    expect(offering.places(many, 0)).toBe(OFFER_LIMITS.offersMax);
    expect(offering.counters['offer-full']).toBe(1);
  });

  it('gives a peer more at once only as far as that is used', () => {
    const offering = make();
    for (let i = 0; i < 50; i++) {
      const offer = begun(offering, i, ONE);
      offering.answer('a', offer.id, 'done', i);
    }
    // Two at a time were never tried.
    expect(offering.places(ONE, 50)).toBe(2);
    const { atMs } = grown(offering, 6, 50);
    expect(offering.places(ONE, atMs)).toBeGreaterThanOrEqual(6);
  });

  it('leaves a peer its work when it has no room for more, and offers half as much at once from then on', () => {
    const offering = make();
    const { atMs, offers } = grown(offering, 8, 0);
    for (const { id } of offers.slice(0, 3)) offering.answer('a', id, 'busy', atMs + 1);
    expect(offering.outstanding).toBe(offers.length - 3);
    expect(offering.begin(ONE, [], atMs + 1)).toBeUndefined();
    for (const { id } of offers.slice(3)) offering.answer('a', id, 'done', atMs + 2);
    // Refused together they halve it once, and it is not left alone.
    expect(offering.places(ONE, atMs + 2)).toBeGreaterThanOrEqual(4);
  });

  it('takes looks that are lost together for one loss', () => {
    const offering = make();
    const { atMs, offers } = grown(offering, 8, 0);
    for (const { id, deadlineMs } of offers) offering.expire(id, atMs + deadlineMs);
    const { deadlineMs } = offers[0] ?? { deadlineMs: 0 };
    expect(offering.places(ONE, atMs + deadlineMs + OFFER_LIMITS.late.firstMs / 2 - 1)).toBe(0);
    expect(offering.places(ONE, atMs + deadlineMs + OFFER_LIMITS.late.firstMs)).toBe(1);
  });

  it('leaves a peer alone for less that was late for once, not one that always is', () => {
    const offering = make();
    const isSoonAskedAgain = (atMs: number) => {
      const offer = begun(offering, atMs, ONE);
      offering.expire(offer.id, atMs + 1_000);
      expect(offering.answer('a', offer.id, 'busy', atMs + 1_100)).toBe('late');
      return offering.places(ONE, atMs + 1_100 + OFFER_LIMITS.busy.firstMs) === 1;
    };
    expect([0, 100_000, 200_000].map(isSoonAskedAgain)).toEqual([true, false, false]);
  });

  it('leaves a peer alone that had no room, twice as long each time', () => {
    const offering = make();
    const [peer] = PEERS;
    const peers = peer === undefined ? [] : [peer];
    const first = begun(offering, 0, peers);
    offering.answer('a', first.id, 'busy', 1);
    expect(offering.begin(peers, [], 2)).toBeUndefined();
    expect(offering.places(peers, 2)).toBe(0);
    const second = begun(offering, 1 + OFFER_LIMITS.busy.firstMs, peers);
    offering.answer('a', second.id, 'busy', 300);
    expect(offering.begin(peers, [], 310)).toBeUndefined();
    expect(offering.begin(peers, [], 300 + 2 * OFFER_LIMITS.busy.firstMs)).toBeDefined();
  });

  it('asks nobody twice for one look, nor more than two', () => {
    const offering = make();
    const first = begun(offering, 0);
    const second = begun(offering, 0, PEERS, [first.node]);
    expect(second.node).not.toBe(first.node);
    expect(offering.begin(PEERS, [first.node, second.node], 0)).toBeUndefined();
  });

  it('takes answers from whom it asked, once, and knows late ones', () => {
    const offering = make();
    const offer = begun(offering, 0);
    const other = PEERS.find(({ node }) => node !== offer.node)?.node ?? '';
    expect(offering.answer(other, offer.id, 'done', 10)).toBe('unasked');
    expect(offering.answer(offer.node, 'o99', 'done', 10)).toBe('unasked');
    expect(offering.expire(offer.id, 1_000)).toBe(true);
    expect(offering.expire(offer.id, 1_000)).toBe(false);
    expect(offering.answer(offer.node, offer.id, 'done', 1_200)).toBe('late');
    expect(offering.answer(offer.node, offer.id, 'done', 1_201)).toBe('unasked');
    expect(offering.counters).toMatchObject({ 'offer-late': 1, 'offer-lateAnswer': 1, 'offer-unasked': 3 });
  });

  it('waits for a slow peer as long as its answers take, late ones counted in, and never beyond the bounds', () => {
    const offering = make();
    const [peer] = PEERS;
    const peers = peer === undefined ? [] : [peer];
    let atMs = 0;
    const round = (tookMs: number) => {
      const offer = begun(offering, atMs, peers);
      if (tookMs > offer.deadlineMs) offering.expire(offer.id, atMs + offer.deadlineMs);
      offering.answer(offer.node, offer.id, 'done', atMs + tookMs);
      atMs += 100_000;
      return offer.deadlineMs;
    };
    expect(round(20)).toBe(OFFER_LIMITS.deadlineFirstMs);
    for (let i = 0; i < 20; i++) round(20);
    expect(round(20)).toBe(OFFER_LIMITS.deadlineMinMs);
    round(600);
    const afterLate = round(600);
    expect(afterLate).toBeGreaterThan(300);
    for (let i = 0; i < 20; i++) round(5_000);
    expect(round(20)).toBe(OFFER_LIMITS.deadlineMaxMs);
  });

  it('waits no longer than a few frames of its own cameras take', () => {
    const offering = make();
    offering.setHome(100);
    expect(begun(offering, 0).deadlineMs).toBe(100 * OFFER_LIMITS.homeFramesMax);
  });

  it('stops for a while when nobody does what it offers, whoever is asked', () => {
    const offering = make();
    const many = Array.from({ length: 50 }, (_, i) => ({ node: `n${i}`, spareFps: 5 }));
    for (let i = 0; i < OFFER_LIMITS.failuresMax; i++) {
      const offer = begun(offering, i, many);
      offering.expire(offer.id, i);
      offering.noteFailed(i);
    }
    expect(offering.begin(many, [], 10)).toBeUndefined();
    expect(offering.places(many, 10)).toBe(0);
    expect(offering.begin(many, [], 10 + OFFER_LIMITS.pause.firstMs)).toBeDefined();
  });
});

describe('the choice of a peer', () => {
  const all = () => true;
  it('prefers the one with more unused of two, so that the fullest of many is never asked', () => {
    const random = new Random(3);
    const peers = Array.from({ length: 10 }, (_, i) => ({ node: `n${i}`, spareFps: i + 1 }));
    const asked = new Map<string, number>();
    for (let i = 0; i < 2_000; i++) {
      const node = choosePeer(peers, all, () => 0, random)?.node ?? '';
      asked.set(node, (asked.get(node) ?? 0) + 1);
    }
    expect(asked.get('n0')).toBeUndefined();
    expect(asked.get('n9') ?? 0).toBeGreaterThan(250);
    expect(asked.get('n9') ?? 0).toBeLessThan(550);
  });

  it('counts what it has under way there', () => {
    const peers = [
      { node: 'a', spareFps: 6 },
      { node: 'b', spareFps: 5 },
    ];
    expect(choosePeer(peers, all, (node) => (node === 'a' ? 2 : 0), new Random(1))?.node).toBe('b');
  });

  it('finds the one that may be asked among many that may not', () => {
    const peers = Array.from({ length: 200 }, (_, i) => ({ node: `n${i}`, spareFps: 1 }));
    expect(
      choosePeer(
        peers,
        ({ node }) => node === 'n77',
        () => 0,
        new Random(1),
      )?.node,
    ).toBe('n77');
    expect(
      choosePeer(
        peers,
        () => false,
        () => 0,
        new Random(1),
      ),
    ).toBeUndefined();
    expect(choosePeer([], all, () => 0, new Random(1))).toBeUndefined();
  });
});
