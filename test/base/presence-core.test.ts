import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BIRTH_GAP_MS,
  decidePresence,
  EVICTION_HOLD_MS,
  EVICTIONS_MAX,
  INITIAL_PRESENCE,
  type PresenceEffect,
  type PresenceEvent,
  type PresenceState,
  RENEW_GAP_MS,
  RESEED_SPREAD_MS,
  type SeenStatus,
} from '../../base/presence/presence-core.js';
import { Random } from '../../base/random.js';

class Node {
  state: PresenceState = INITIAL_PRESENCE;
  nowMonoMs = 0;

  take(event: PresenceEvent): readonly PresenceEffect[] {
    const decision = decidePresence(this.state, event, this.nowMonoMs);
    this.state = decision.state;
    return decision.effects;
  }

  connect(gen: number): readonly PresenceEffect[] {
    this.take({ kind: 'prepared', gen, sid: `sid-${gen}` });
    return this.take({ kind: 'up' });
  }

  see(gen: number, state: SeenStatus['state'] = 'online', sid = `sid-${gen}`): string[] {
    return kinds(this.take({ kind: 'own-status', status: { gen, state, sid } }));
  }
}

function kinds(effects: readonly PresenceEffect[]): string[] {
  return effects.map((effect) => effect.kind);
}

function upNode(gen = 5): Node {
  const node = new Node();
  node.connect(gen);
  node.nowMonoMs = 60_000;
  return node;
}

describe('decidePresence', () => {
  it('gives birth first of all, and publishes everything after the first one', () => {
    const effects = new Node().connect(1);
    expect(kinds(effects)).toEqual(['birth', 'open-epoch-window', 'republish']);
  });

  it('is content with its own birth', () => {
    expect(upNode().see(5)).toEqual([]);
  });

  it('says at the broker it leaves that it is not there any more, and is not shaken by the echo', () => {
    const node = upNode();
    expect(kinds(node.take({ kind: 'leave' }))).toEqual(['left']);
    expect(node.see(5, 'stopped')).toEqual([]);
    expect(kinds(node.take({ kind: 'leave' }))).toEqual([]);
    node.take({ kind: 'down', byPeer: false });
    expect(kinds(node.connect(6))).toEqual(['birth', 'open-epoch-window']);
  });

  it('gives everything to the other broker, and takes no cut by brokers for a clone', () => {
    const node = new Node();
    node.connect(1);
    const brokers = ['one', 'two', 'three', 'four'];
    const republished = brokers.map((broker, i) => {
      node.take({ kind: 'broker-epoch', broker, epoch: `epoch of ${broker}`, state: 'up' });
      node.nowMonoMs += 2_000;
      const effects = kinds(node.take({ kind: 'epoch-window-over' }));
      expect(kinds(node.take({ kind: 'down', byPeer: true }))).toEqual([]);
      node.connect(i + 2);
      return effects;
    });
    expect(republished).toEqual([[], ['republish'], ['republish'], ['republish']]);
  });

  it('repairs a death of an older generation by a birth (N6)', () => {
    expect(upNode().see(4, 'lost')).toEqual(['report', 'birth']);
  });

  it('repairs an emptied status topic', () => {
    expect(kinds(upNode().take({ kind: 'own-status-cleared' }))).toEqual(['birth']);
  });

  it('does not answer a storm of old statuses with a storm of births', () => {
    const node = upNode();
    expect(node.see(4, 'lost')).toEqual(['report', 'birth']);
    expect(node.see(4, 'lost')).toEqual(['report', 'birth-later']);
    expect(node.see(4, 'lost')).toEqual([]);
    node.nowMonoMs += BIRTH_GAP_MS;
    expect(kinds(node.take({ kind: 'birth-due' }))).toEqual(['birth']);
  });

  it('takes a new generation when its own was declared dead (N6)', () => {
    expect(upNode().see(5, 'lost')).toEqual(['report', 'renew']);
  });

  it('takes a new generation when another session uses its own: a restored card', () => {
    expect(upNode().see(5, 'online', 'another')).toEqual(['report', 'renew']);
  });

  it('goes above a newer generation of its own name', () => {
    const node = upNode();
    expect(node.see(9)).toEqual(['report', 'renew']);
    expect(node.state.genFloor).toBe(9);
  });

  it('ignores a generation that nobody can have reached', () => {
    expect(upNode().see(Number.MAX_SAFE_INTEGER, 'lost')).toEqual([]);
  });

  it('renews once for any number of echoes, and then at most once in ten seconds', () => {
    const node = upNode();
    node.see(5, 'lost');
    expect(node.see(5, 'lost')).toEqual([]);
    node.take({ kind: 'down', byPeer: false });
    node.connect(6);
    expect(node.see(6, 'lost')).toEqual(['report', 'renew-later']);
    node.nowMonoMs += RENEW_GAP_MS;
    expect(kinds(node.take({ kind: 'burn-due' }))).toEqual(['renew']);
  });

  it('does not renew for a timer of a session that is over', () => {
    const node = upNode();
    node.see(5, 'lost');
    node.take({ kind: 'down', byPeer: true });
    node.connect(6);
    expect(node.take({ kind: 'burn-due' })).toEqual([]);
  });

  it('says nothing about itself after it was told to stop', () => {
    const node = upNode();
    expect(kinds(node.take({ kind: 'stop' }))).toEqual(['stopped']);
    expect(node.see(4, 'lost')).toEqual([]);
    expect(node.see(5, 'stopped')).toEqual([]);
    expect(node.take({ kind: 'stop' })).toEqual([]);
    node.take({ kind: 'down', byPeer: false });
    expect(node.connect(6)).toEqual([]);
  });

  describe('after three evictions in a minute at a broker that tells no epoch', () => {
    /** The node, cut off for the third time, and what it does then. */
    function contested(): { node: Node; effects: readonly PresenceEffect[] } {
      const node = new Node();
      let effects: readonly PresenceEffect[] = [];
      for (let i = 0; i < EVICTIONS_MAX; i++) {
        node.connect(i + 1);
        node.nowMonoMs += 2_000;
        effects = node.take({ kind: 'down', byPeer: true });
      }
      return { node, effects };
    }

    it('looks before its next session what the broker has kept of its status', () => {
      const { node, effects } = contested();
      expect(effects).toEqual([]);
      expect(node.state.isContested).toBe(true);
    });

    it.each<[string, SeenStatus]>([
      ['the will of another, which looking for it has cut off', { state: 'lost', gen: 1, sid: 'clone' }],
      ['its own will: the broker lives, and somebody took its place', { state: 'lost', gen: 3, sid: 'sid-3' }],
      ['the birth of another', { state: 'online', gen: 9, sid: 'clone' }],
    ])('holds off for a minute when that is %s', (_what, status) => {
      const { node } = contested();
      expect(node.take({ kind: 'status-looked-up', status })).toEqual([
        { kind: 'report', what: 'duplicate-identity' },
        { kind: 'hold-off', delayMs: EVICTION_HOLD_MS },
      ]);
      expect(node.state.isContested).toBe(false);
    });

    it.each<[string, SeenStatus | undefined]>([
      ['nothing: it was kept in memory', undefined],
      ['its own birth: nobody was there to publish its will', { state: 'online', gen: 3, sid: 'sid-3' }],
      ['what a file has had since an earlier life of it', { state: 'online', gen: 2, sid: 'earlier' }],
      ['what a file has had since it stopped', { state: 'stopped', gen: 2, sid: 'earlier' }],
    ])('takes it for a broker that was killed when that is %s', (_what, status) => {
      const { node } = contested();
      expect(node.take({ kind: 'status-looked-up', status })).toEqual([]);
      expect(node.state).toMatchObject({ isContested: false, evictionsMonoMs: [] });
    });

    it('does not need to look at a broker that tells its epoch, and told the same each time', () => {
      const node = new Node();
      let effects: readonly PresenceEffect[] = [];
      for (let i = 0; i < EVICTIONS_MAX; i++) {
        node.connect(i + 1);
        node.take({ kind: 'broker-epoch', broker: 'main', epoch: 'one', state: 'up' });
        node.nowMonoMs += 2_000;
        effects = node.take({ kind: 'down', byPeer: true });
      }
      expect(kinds(effects)).toEqual(['report', 'hold-off']);
    });
  });

  it.each<[string, PresenceEvent]>([
    ['a broker that was away', { kind: 'attempt-failed' }],
    ['a broker in a new life', { kind: 'broker-epoch', broker: 'main', epoch: 'next', state: 'up' }],
  ])('does not take %s for an eviction', (_what, excuse) => {
    const node = new Node();
    const effects: string[] = [];
    for (let i = 0; i < 6; i++) {
      node.connect(i + 1);
      if (excuse.kind === 'broker-epoch') node.take({ ...excuse, epoch: `epoch-${i}` });
      node.nowMonoMs += 2_500;
      node.take({ kind: 'epoch-window-over' });
      effects.push(...kinds(node.take({ kind: 'down', byPeer: true })));
      if (excuse.kind === 'attempt-failed') node.take(excuse);
    }
    expect(effects).toEqual([]);
  });

  describe('republishing (N9)', () => {
    const epoch = (name: string, broker = 'main'): PresenceEvent => ({
      kind: 'broker-epoch',
      broker,
      epoch: name,
      state: 'up',
    });
    const reseed = { kind: 'republish', spreadMs: RESEED_SPREAD_MS };

    // A session with the given epochs; what it did about them.
    function session(node: Node, gen: number, epochs: readonly PresenceEvent[]): readonly PresenceEffect[] {
      const effects = [...node.connect(gen), ...epochs.flatMap((event) => node.take(event))];
      effects.push(...node.take({ kind: 'epoch-window-over' }));
      node.take({ kind: 'down', byPeer: false });
      return effects.filter((effect) => effect.kind === 'republish');
    }

    it('does not seed the same life of the same broker twice', () => {
      const node = new Node();
      expect(session(node, 1, [epoch('a')])).toEqual([{ kind: 'republish', spreadMs: 0 }]);
      expect(session(node, 2, [epoch('a')])).toEqual([]);
    });

    it('seeds a broker in a new life, spread over five seconds', () => {
      const node = new Node();
      session(node, 1, [epoch('a')]);
      expect(session(node, 2, [epoch('b')])).toEqual([reseed]);
    });

    it('seeds the first broker again after a while on the second', () => {
      const node = new Node();
      session(node, 1, [epoch('a', 'first')]);
      expect(session(node, 2, [epoch('x', 'second')])).toEqual([reseed]);
      expect(session(node, 3, [epoch('a', 'first')])).toEqual([reseed]);
    });

    it('seeds after every reconnect to a broker that tells no epoch', () => {
      const node = new Node();
      session(node, 1, []);
      expect(session(node, 2, [])).toEqual([reseed]);
    });

    it('seeds again when the session before ended too early to know its broker', () => {
      const node = new Node();
      session(node, 1, [epoch('a')]);
      node.connect(2);
      node.take({ kind: 'down', byPeer: true });
      expect(session(node, 3, [epoch('a')])).toEqual([reseed]);
    });

    it('does not seed a broker that is about to stop', () => {
      const node = upNode();
      expect(node.take({ kind: 'broker-epoch', broker: 'main', epoch: 'z', state: 'stopping' })).toEqual([]);
    });
  });

  /*
   * A history from a seed: cuts whose wills come late, brokers that forget, copies of old statuses, clones. When the
   * faults end, the broker must show this node alive with its newest generation, whatever came before.
   */
  it('ends every history online with its newest generation', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const world = new World(new Random(seed));
        world.run(200);
        world.settle();
        expect(world.retained, `seed ${seed}`).toMatchObject({ state: 'online', gen: world.node.state.gen });
        expect(world.gens, `seed ${seed}`).toEqual([...new Set(world.gens)].sort((a, b) => a - b));
        expect(world.renewals).toBeLessThanOrEqual(1 + world.node.nowMonoMs / RENEW_GAP_MS);
        expect(world.births).toBeLessThanOrEqual(world.gens.length + 1 + world.node.nowMonoMs / BIRTH_GAP_MS);
      }),
      { numRuns: 300 },
    );
  });
});

type Timer = { readonly dueMonoMs: number; readonly act: () => void };

/** One node and one broker with one retained topic, in simulated time. */
class World {
  readonly node = new Node();
  readonly gens: number[] = [];
  readonly #random: Random;
  retained: SeenStatus | undefined;
  births = 0;
  renewals = 0;
  #timers: Timer[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#connect();
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#pass(this.#random.range(10, 3_000));
      this.#fault();
    }
  }

  /** Faults are over: late wills come, timers fire. */
  settle(): void {
    this.#pass(120_000);
  }

  #fault(): void {
    const { state } = this.node;
    const draw = this.#random.int(6);
    if (draw === 0 && state.phase === 'up') this.#cut();
    else if (draw === 1) this.#write(undefined);
    else if (draw === 2) this.#write({ state: 'lost', gen: Math.max(1, state.gen - this.#random.int(4)), sid: 'x' });
    else if (draw === 3 && this.#random.chance(0.2)) {
      this.#write({ state: 'online', gen: state.gen + 1 + this.#random.int(5), sid: 'clone' });
    }
  }

  #pass(byMs: number): void {
    const untilMonoMs = this.node.nowMonoMs + byMs;
    for (;;) {
      this.#timers.sort((a, b) => a.dueMonoMs - b.dueMonoMs);
      const next = this.#timers[0];
      if (next === undefined || next.dueMonoMs > untilMonoMs) break;
      this.#timers.shift();
      this.node.nowMonoMs = next.dueMonoMs;
      next.act();
    }
    this.node.nowMonoMs = untilMonoMs;
  }

  #after(delayMs: number, act: () => void): void {
    this.#timers.push({ dueMonoMs: this.node.nowMonoMs + delayMs, act });
  }

  #connect(): void {
    const gen = this.node.state.genFloor + 1;
    this.gens.push(gen);
    this.node.take({ kind: 'prepared', gen, sid: `sid-${gen}` });
    this.#perform(this.node.take({ kind: 'up' }));
    // The subscription brings the retained copy.
    if (this.retained !== undefined) this.#show(this.retained);
  }

  // The will of a half-open connection comes up to 1.5 keep alives later.
  #cut(): void {
    const { gen, sid } = this.node.state;
    this.#after(this.#random.range(0, 15_000), () => this.#write({ state: 'lost', gen, sid }));
    this.#down(true);
  }

  #down(byPeer: boolean): void {
    const effects = this.node.take({ kind: 'down', byPeer });
    const hold = effects.find((effect) => effect.kind === 'hold-off');
    this.#after(hold === undefined ? this.#random.range(100, 5_000) : hold.delayMs, () => this.#connect());
  }

  #write(status: SeenStatus | undefined): void {
    this.retained = status;
    if (this.node.state.phase !== 'up') return;
    if (status === undefined) this.#perform(this.node.take({ kind: 'own-status-cleared' }));
    else this.#show(status);
  }

  #show(status: SeenStatus): void {
    this.#perform(this.node.take({ kind: 'own-status', status }));
  }

  #perform(effects: readonly PresenceEffect[]): void {
    for (const effect of effects) {
      const { gen, sid } = this.node.state;
      if (effect.kind === 'birth') {
        this.births++;
        this.#write({ state: 'online', gen, sid });
      } else if (effect.kind === 'birth-later') {
        this.#after(effect.delayMs, () => this.#perform(this.node.take({ kind: 'birth-due' })));
      } else if (effect.kind === 'renew-later') {
        this.#after(effect.delayMs, () => this.#perform(this.node.take({ kind: 'burn-due' })));
      } else if (effect.kind === 'renew') {
        this.renewals++;
        this.#down(false);
      }
    }
  }
}
