import { describe, expect, it } from 'vitest';
import {
  type BrokerChoice,
  type BrokerEffect,
  type BrokerEvent,
  decideBroker,
  initialChoice,
  RETURN_MS,
  RETURN_SPREAD_MS,
  SAME_AGAIN_MS,
  SHUN_MAX_MS,
  TRUST_MS,
} from '../../base/link/broker-choice.js';
import { BrokerWorld } from './broker-world.js';

/** Histories of one day each; VEDETTE_HISTORIES=20000 for a long run. */
const HISTORIES = Number(process.env.VEDETTE_HISTORIES ?? 500);

class Chooser {
  choice: BrokerChoice;
  nowMonoMs = 0;

  constructor(brokers: number) {
    this.choice = initialChoice(brokers);
  }

  take(event: BrokerEvent, afterMs = 0): readonly BrokerEffect[] {
    this.nowMonoMs += afterMs;
    const { choice, effects } = decideBroker(this.choice, event, this.nowMonoMs, 5_000, 0.5);
    this.choice = choice;
    return effects;
  }
}

describe('decideBroker', () => {
  it('begins with the first and walks the list when attempts fail', () => {
    const chooser = new Chooser(3);
    const places = Array.from({ length: 4 }, () => {
      const { at } = chooser.choice;
      chooser.take({ kind: 'attempt-failed' });
      return at;
    });
    expect(places).toEqual([0, 1, 2, 0]);
    expect(chooser.choice.failures).toBe(4);
  });

  it('leaves a broker that accepts and then drops every session', () => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    chooser.take({ kind: 'down', fate: 'closed' }, 100);
    expect(chooser.choice.at).toBe(1);
  });

  it.each([
    ['tries the same broker again when a connection broke that had lasted', SAME_AGAIN_MS, 0],
    ['goes to the next when it had not lasted', SAME_AGAIN_MS - 1, 1],
  ])('%s', (_what, livedMs, at) => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    chooser.take({ kind: 'down', fate: 'closed' }, livedMs);
    expect(chooser.choice.at).toBe(at);
  });

  it('comes back to a shunned broker when nobody else answers', () => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    chooser.take({ kind: 'down', fate: 'closed' }, 100);
    const places = [1, 2, 3].map(() => {
      chooser.take({ kind: 'attempt-failed' });
      return chooser.choice.at;
    });
    expect(places).toContain(0);
  });

  it('leaves a silent broker without a word and one that stops with a word', () => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    expect(chooser.take({ kind: 'silent' })).toEqual([{ kind: 'leave', why: 'silent', isHeard: false }]);
    expect(chooser.take({ kind: 'silent' })).toEqual([]);
    chooser.take({ kind: 'down', fate: 'ended' });
    expect(chooser.choice.at).toBe(1);
    chooser.take({ kind: 'up' });
    expect(chooser.take({ kind: 'stopping' })).toEqual([{ kind: 'leave', why: 'stopping', isHeard: true }]);
    chooser.take({ kind: 'down', fate: 'closed' });
    expect(chooser.choice.at).toBe(0);
  });

  it('leaves after a missing PINGRESP however long the session had lasted', () => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    chooser.take({ kind: 'down', fate: 'silent' }, TRUST_MS);
    expect(chooser.choice.at).toBe(1);
  });

  it('stays with its only broker, whatever that does', () => {
    const chooser = new Chooser(1);
    chooser.take({ kind: 'up' });
    expect(chooser.take({ kind: 'silent' })).toEqual([]);
    expect(chooser.take({ kind: 'stopping' })).toEqual([]);
    chooser.take({ kind: 'down', fate: 'closed' });
    expect(chooser.choice.at).toBe(0);
  });

  it('stays where it is when a session is renewed', () => {
    const chooser = new Chooser(2);
    chooser.take({ kind: 'up' });
    chooser.take({ kind: 'down', fate: 'ended' }, 1);
    expect(chooser.choice.at).toBe(0);
  });

  describe('at a broker that is not the first', () => {
    const away = () => {
      const chooser = new Chooser(3);
      chooser.take({ kind: 'attempt-failed' });
      chooser.take({ kind: 'attempt-failed' });
      return { chooser, effects: chooser.take({ kind: 'up' }) };
    };

    it('looks for a better one after a minute and up to half a minute more', () => {
      const { effects } = away();
      expect(effects).toEqual([{ kind: 'return-later', delayMs: RETURN_MS + RETURN_SPREAD_MS / 2 }]);
    });

    it('probes the preferred ones in order and moves to the first that is well', () => {
      const { chooser } = away();
      expect(chooser.take({ kind: 'return-due' }, RETURN_MS)).toEqual([{ kind: 'probe', broker: 0 }]);
      expect(chooser.take({ kind: 'return-due' })).toEqual([]);
      expect(chooser.take({ kind: 'probed', broker: 0, isWell: false })).toEqual([{ kind: 'probe', broker: 1 }]);
      expect(chooser.take({ kind: 'probed', broker: 1, isWell: true })).toEqual([
        { kind: 'leave', why: 'return', isHeard: true },
      ]);
      chooser.take({ kind: 'down', fate: 'ended' });
      expect(chooser.choice).toMatchObject({ at: 1, failures: 0 });
    });

    it('asks again later when none is well', () => {
      const { chooser } = away();
      chooser.take({ kind: 'return-due' }, RETURN_MS);
      chooser.take({ kind: 'probed', broker: 0, isWell: false });
      const effects = chooser.take({ kind: 'probed', broker: 1, isWell: false });
      expect(effects).toEqual([{ kind: 'return-later', delayMs: RETURN_MS + RETURN_SPREAD_MS / 2 }]);
    });

    it('forgets a probe that its own session did not outlive', () => {
      const { chooser } = away();
      chooser.take({ kind: 'return-due' }, RETURN_MS);
      chooser.take({ kind: 'down', fate: 'closed' });
      expect(chooser.take({ kind: 'probed', broker: 0, isWell: true })).toEqual([]);
    });

    it('probes no more what twice ended its own session: it is the same broker by another name', () => {
      const { chooser } = away();
      for (let i = 0; i < 2; i++) {
        expect(chooser.take({ kind: 'return-due' }, SHUN_MAX_MS)).toEqual([{ kind: 'probe', broker: 0 }]);
        chooser.take({ kind: 'down', fate: 'closed' });
        expect(chooser.choice.at).toBe(2);
        chooser.take({ kind: 'up' });
      }
      expect(chooser.take({ kind: 'return-due' }, SHUN_MAX_MS)).toEqual([{ kind: 'probe', broker: 1 }]);
    });
  });

  it('returns the later the more often the preferred one has failed, and trusts it again after ten good minutes', () => {
    const chooser = new Chooser(2);
    const returnsAfterMs = () => {
      chooser.take({ kind: 'up' });
      const sinceMs = chooser.nowMonoMs;
      while (chooser.take({ kind: 'return-due' }, 10_000)[0]?.kind !== 'probe');
      chooser.take({ kind: 'probed', broker: 0, isWell: true });
      chooser.take({ kind: 'down', fate: 'ended' });
      return chooser.nowMonoMs - sinceMs;
    };
    const failAfter = (livedMs: number) => {
      chooser.take({ kind: 'up' });
      chooser.take({ kind: 'down', fate: 'silent' }, livedMs);
      expect(chooser.choice.at).toBe(1);
    };
    const waits = Array.from({ length: 8 }, () => {
      failAfter(1_000);
      return returnsAfterMs();
    });
    expect(waits.map((ms) => ms / RETURN_MS)).toEqual([1, 2, 4, 8, 16, 30, 30, 30]);
    failAfter(TRUST_MS);
    expect(returnsAfterMs()).toBe(RETURN_MS);
  });
});

describe('a day with several brokers, from a seed', () => {
  it(`keeps its promises in ${HISTORIES} histories`, () => {
    const totals = { sessions: 0, switches: 0, faults: 0, longestOutageMs: 0 };
    for (let seed = 0; seed < HISTORIES; seed++) {
      const world = new BrokerWorld(seed);
      const result = world.run();
      expect(result.violations, `seed ${seed}: ${result.violations.join('; ')}`).toEqual([]);
      totals.sessions += result.sessions;
      totals.switches += result.switches;
      totals.faults += result.faults;
      totals.longestOutageMs = Math.max(totals.longestOutageMs, result.longestOutageMs);
    }
    // The faults did happen, and moved us.
    expect(totals.faults).toBeGreaterThan(HISTORIES);
    expect(totals.switches).toBeGreaterThan(HISTORIES);
    console.log(JSON.stringify(totals));
  }, 3_600_000);
});
