import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { HeadRelay } from '../../../edge/replica/head-relay.js';
import { signed } from './replica-fixture.js';

const side = new Link({
  ...{ clock: new SimulatedClock(), random: new Random(1), log: silentLog, root: 'vedette' },
  ...{ url: 'mqtt://127.0.0.1:2', clientId: 'cam1-bulk' },
});
const headAt = (t: number) => signed({ node: 'cam2', inst: 'i', t, logs: [] }, 'key');

describe('HeadRelay', () => {
  it('shows a head at a broker its writer does not reach, once, and the next one', () => {
    const relay = new HeadRelay();
    relay.noteHere(headAt(10), 0);
    expect(relay.due([side], 4_999)).toEqual([]);
    expect(relay.due([side], 5_000)).toEqual([{ link: side, head: headAt(10) }]);
    expect(relay.due([side], 10_000)).toEqual([]);
    relay.noteHere(headAt(20), 12_000);
    expect(relay.due([side], 17_000)).toEqual([{ link: side, head: headAt(20) }]);
  });

  it('does not repeat what lies there already, whoever put it there', () => {
    const relay = new HeadRelay();
    relay.noteHere(headAt(10), 0);
    relay.noteThere(side, headAt(10));
    expect(relay.due([side], 60_000)).toEqual([]);
  });

  it('never shows an older head after a newer one', () => {
    const relay = new HeadRelay();
    relay.noteHere(headAt(20), 0);
    relay.noteHere(headAt(10), 1);
    expect(relay.due([side], 60_000)).toEqual([{ link: side, head: headAt(20) }]);
  });

  it('shows it again to a broker that may have lost it', () => {
    const relay = new HeadRelay();
    relay.noteHere(headAt(10), 0);
    relay.due([side], 5_000);
    relay.lose(side);
    expect(relay.due([side], 10_000)).toEqual([{ link: side, head: headAt(10) }]);
  });
});
