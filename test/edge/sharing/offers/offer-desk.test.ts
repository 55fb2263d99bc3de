import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../../base/clock.js';
import { Random } from '../../../../base/random.js';
import { OfferDesk } from '../../../../edge/sharing/offers/offer-desk.js';
import { OFFER_LIMITS } from '../../../../edge/sharing/offers/offer-limits.js';
import { type Offer, Offering } from '../../../../edge/sharing/offers/offering.js';

function make(nodes = ['a', 'b', 'c']) {
  const clock = new SimulatedClock();
  const offering = new Offering(OFFER_LIMITS, new Random(1));
  const sent: Offer[] = [];
  const settled: [string, string | undefined][] = [];
  const desk = new OfferDesk<string, string>({
    offering,
    clock,
    peers: () => nodes.map((node) => ({ node, spareFps: 5 })),
    send: (offer) => sent.push(offer),
    settle: (look, boxes) => settled.push([look, boxes]),
  });
  const last = (): Offer => {
    const offer = sent.at(-1);
    if (offer === undefined) throw new Error('nothing was sent');
    return offer;
  };
  return { clock, offering, sent, settled, desk, last };
}

describe('a look that is offered', () => {
  it('is over with the boxes of who was asked', () => {
    const { desk, settled, last } = make();
    desk.begin('look');
    expect(desk.answer(last().node, last().id, 'done', 'boxes')).toBe('done');
    expect(settled).toEqual([['look', 'boxes']]);
  });

  it('goes to another peer when the first has no room, then back to the node', () => {
    const { desk, sent, settled, last } = make();
    desk.begin('look');
    desk.answer(last().node, last().id, 'busy');
    expect(sent).toHaveLength(2);
    desk.answer(last().node, last().id, 'bad');
    expect(new Set(sent.map(({ node }) => node)).size).toBe(2);
    expect(settled).toEqual([['look', undefined]]);
  });

  it('comes back at its deadline, and what comes after it changes nothing', async () => {
    const { clock, desk, settled, last, offering } = make();
    desk.begin('look');
    await clock.advance(last().deadlineMs - 1);
    expect(settled).toEqual([]);
    await clock.advance(1);
    expect(settled).toEqual([['look', undefined]]);
    expect(desk.answer(last().node, last().id, 'done', 'boxes')).toBe('late');
    expect(settled).toHaveLength(1);
    expect(offering.outstanding).toBe(0);
  });

  it('comes back at once when there is nobody to ask', () => {
    const { desk, settled, sent } = make([]);
    desk.begin('look');
    expect([settled, sent]).toEqual([[['look', undefined]], []]);
  });

  it('is forgotten with who wanted it', async () => {
    const { clock, desk, settled, offering } = make();
    desk.begin('look');
    desk.dropAll();
    await clock.advance(60_000);
    expect(settled).toEqual([]);
    expect(offering.outstanding).toBe(0);
  });
});
