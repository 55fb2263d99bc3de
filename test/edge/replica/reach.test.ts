import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { Reach } from '../../../edge/replica/reach.js';

const clock = new SimulatedClock();

/** A link that is never opened: here it only names a broker. */
function linkTo(port: number): Link {
  const common = { clock, random: new Random(port), log: silentLog, root: 'vedette' };
  return new Link({ ...common, url: `mqtt://127.0.0.1:${port}`, clientId: 'cam1' });
}

const main = linkTo(1);
const side = linkTo(2);
const online = (gen: number) => ({ gen, isOnline: true });
const gone = (gen: number) => ({ gen, isOnline: false });

describe('Reach', () => {
  it('knows nothing of who was not heard of, and would speak to it at our own broker', () => {
    const reach = new Reach(main);
    expect(reach.standing('cam2', 0)).toBeUndefined();
    expect(reach.linkTo('cam2')).toBe(main);
    expect(reach.hasStrangers()).toBe(false);
  });

  it('finds a node at another broker, and says that ours does not hear of it', () => {
    const reach = new Reach(main);
    reach.noteStatus('cam2', side, online(3));
    expect(reach.standing('cam2', 0)).toEqual({ state: 'online', isAside: true });
    expect(reach.linkTo('cam2')).toBe(side);
    expect([reach.hasStrangers(), reach.hasStrangers(side), reach.hasStrangers(main)]).toEqual([true, true, false]);
  });

  it.each([
    ['moved to the other broker', gone(4), online(5), { state: 'online', isAside: true }, side],
    ['moved to ours', online(6), gone(5), { state: 'online', isAside: false }, main],
    ['died at the other one, where it went', gone(4), gone(5), { state: 'away', isAside: false }, main],
    ['is here, whatever an old word there says', online(4), online(3), { state: 'online', isAside: false }, main],
    ['died here, and was there before', gone(7), online(5), { state: 'away', isAside: false }, main],
  ])('believes of two brokers who tells of the newer generation: a node that %s', (_, here, there, standing, link) => {
    for (const isMainFirst of [true, false]) {
      const reach = new Reach(main);
      if (isMainFirst) reach.noteStatus('cam2', main, here);
      reach.noteStatus('cam2', side, there);
      if (!isMainFirst) reach.noteStatus('cam2', main, here);
      expect(reach.standing('cam2', 0)).toEqual(standing);
      expect(reach.linkTo('cam2')).toBe(link);
    }
  });

  it('takes nobody for aside who publishes at our broker too, until it has been silent there', () => {
    const reach = new Reach(main);
    reach.noteStatus('cam2', side, online(3));
    reach.noteWord('cam2', main, 1_000);
    reach.noteWord('cam2', side, 2_000);
    expect(reach.standing('cam2', 60_000)).toEqual({ state: 'online', isAside: false });
    expect(reach.standing('cam2', 152_000)).toEqual({ state: 'online', isAside: true });
  });

  it('answers by the link somebody spoke by, of whom no status is known there', () => {
    const reach = new Reach(main);
    reach.noteWord('cam2', side, 0);
    expect(reach.linkTo('cam2')).toBe(side);
    expect(reach.hasStrangers(side)).toBe(true);
    reach.noteWord('cam2', main, 1);
    expect(reach.linkTo('cam2')).toBe(main);
  });

  it('has lost who was there by a link that is down, and nobody else', () => {
    const reach = new Reach(main);
    reach.noteStatus('cam2', side, online(3));
    reach.noteStatus('cam3', side, online(3));
    reach.noteStatus('cam3', main, online(4));
    reach.noteStatus('cam4', side, gone(3));
    expect(reach.lose(side)).toEqual(['cam2']);
    expect(reach.linkTo('cam2')).toBe(main);
    expect(reach.hasStrangers()).toBe(false);
  });
});
