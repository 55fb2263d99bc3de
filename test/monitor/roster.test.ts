import { describe, expect, it } from 'vitest';
import { hasAlternation, type NodeState } from '../../monitor/node-watch.js';
import { Roster, type RosterEffect, type RosterEvent } from '../../monitor/roster.js';
import { deriveTimings, massCount, massHoldMs, massWindowMs, type RosterTimings } from '../../monitor/timings.js';

const TIMINGS = deriveTimings();
const { leaseMs, settleMs, graceMs, checkMs } = TIMINGS;

/** A roster that is driven by hand: time moves in checks, as the loop makes them. */
class Driver {
  readonly roster: Roster;
  readonly effects: RosterEffect[] = [];
  nowMs = 0;
  readonly #beating = new Map<string, { gen: number; seq: number; nextMs: number }>();

  constructor(nodes: readonly (string | { node: string; site: string })[], timings: RosterTimings = TIMINGS) {
    const inventory = nodes.map((node) => (typeof node === 'string' ? { node } : node));
    this.roster = new Roster(inventory, timings, 0);
  }

  tell(event: RosterEvent): RosterEffect[] {
    const effects = this.roster.apply(event, this.nowMs);
    this.effects.push(...effects);
    return effects;
  }

  status(
    node: string,
    state: 'online' | 'stopped' | 'lost',
    gen: number,
    options: { retained?: boolean; inv?: string } = {},
  ): RosterEffect[] {
    return this.tell({
      kind: 'status',
      node,
      state,
      gen,
      inv: options.inv ?? `inv${gen}`,
      retained: options.retained ?? false,
    });
  }

  beat(node: string, gen: number, seq = 1, inv = `inv${gen}`): RosterEffect[] {
    return this.tell({ kind: 'beat', node, gen, inv, seq });
  }

  /** From now on the node beats every 10 s by itself. */
  keepBeating(node: string, gen: number): void {
    this.#beating.set(node, { gen, seq: 1, nextMs: this.nowMs });
  }

  silence(node: string): void {
    this.#beating.delete(node);
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + checkMs);
      for (const [node, beating] of this.#beating) {
        if (this.nowMs < beating.nextMs) continue;
        beating.nextMs += 10_000;
        this.beat(node, beating.gen, beating.seq++);
      }
      this.tell({ kind: 'check' });
    }
  }

  state(node: string): NodeState | undefined {
    return this.roster.states().get(node);
  }

  notes(): string[] {
    return this.effects.flatMap((effect) => (effect.kind === 'note' ? [`${effect.node} ${effect.note}`] : []));
  }
}

/** Connected, settled, and all of these nodes beating with generation 5. */
function settled(nodes: readonly (string | { node: string; site: string })[]): Driver {
  const driver = new Driver(nodes);
  driver.tell({ kind: 'link-up' });
  for (const node of nodes) {
    const name = typeof node === 'string' ? node : node.node;
    driver.status(name, 'online', 5);
    driver.keepBeating(name, 5);
  }
  driver.pass(settleMs + 1_000);
  return driver;
}

describe('generations (M1 to M3)', () => {
  it('takes a birth of the current or a higher generation as life', () => {
    const driver = new Driver(['cam1']);
    driver.tell({ kind: 'link-up' });
    driver.status('cam1', 'online', 3);
    expect(driver.state('cam1')).toBe('up');
  });

  it('ignores a will of an older generation and says so', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'online', 6);
    driver.status('cam1', 'lost', 5);
    expect(driver.state('cam1')).toBe('up');
    expect(driver.notes()).toEqual(['cam1 stale-will']);
    expect(driver.roster.counters.get('staleWills')).toBe(1);
  });

  it('suspects at once by the will of the current generation', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'lost', 5);
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.roster.watch('cam1')?.incident?.cause).toBe('will');
  });

  it('never brings a dead generation back by a birth that came late', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'lost', 5);
    driver.status('cam1', 'online', 5);
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.notes()).toEqual(['cam1 stale-birth']);
  });

  it('burns a generation whose will came without a birth', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'lost', 9);
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.notes()).toContain('cam1 burnt-generation');
    driver.status('cam1', 'online', 9);
    expect(driver.state('cam1')).toBe('suspect');
    driver.status('cam1', 'online', 10);
    expect(driver.state('cam1')).toBe('up');
  });

  it('clears a suspicion by one heartbeat of a newer generation, even if its birth was lost', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'lost', 5);
    driver.beat('cam1', 6);
    expect(driver.state('cam1')).toBe('up');
    expect(driver.roster.watch('cam1')?.incident?.closedMonoMs).toBe(driver.nowMs);
  });

  it('does not take one heartbeat of the dead generation for life: it was under way', () => {
    const driver = settled(['cam1']);
    driver.status('cam1', 'lost', 5);
    driver.beat('cam1', 5, 100);
    expect(driver.state('cam1')).toBe('suspect');
  });

  it('believes three heartbeats in a row of a generation thought to be over', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.status('cam1', 'lost', 5);
    for (const seq of [1, 2, 3]) {
      driver.pass(10_000);
      driver.beat('cam1', 1, seq, 'new-card');
    }
    expect(driver.state('cam1')).toBe('up');
    expect(driver.notes()).toContain('cam1 generation-reset');
    driver.status('cam1', 'lost', 1, { inv: 'new-card' });
    expect(driver.state('cam1')).toBe('suspect');
  });

  it('does not count a heartbeat that was delivered twice as two', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.status('cam1', 'lost', 5);
    for (let i = 0; i < 5; i++) driver.beat('cam1', 1, 7, 'new-card');
    expect(driver.state('cam1')).toBe('suspect');
  });

  it('takes a retained birth for no proof of life', () => {
    const driver = new Driver(['cam1']);
    driver.tell({ kind: 'link-up' });
    driver.status('cam1', 'online', 4, { retained: true });
    expect(driver.state('cam1')).toBe('unknown');
    driver.pass(settleMs + leaseMs + checkMs);
    expect(driver.state('cam1')).toBe('suspect');
  });

  it('takes a graceful stop for what it is, and waits for no heartbeat then', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.status('cam1', 'stopped', 5);
    driver.pass(leaseMs + graceMs + 10_000);
    expect(driver.state('cam1')).toBe('stopped');
    driver.status('cam1', 'online', 6);
    expect(driver.state('cam1')).toBe('up');
  });
});

describe('silence (M4, M5, M8)', () => {
  it('suspects a node that is silent for the lease, not a check earlier, without any will', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    const silentFromMs = driver.roster.watch('cam1')?.silentFromMonoMs ?? Number.NaN;
    driver.pass(silentFromMs + leaseMs - checkMs - driver.nowMs);
    expect(driver.state('cam1')).toBe('up');
    driver.pass(checkMs);
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.roster.watch('cam1')?.incident?.cause).toBe('silence');
  });

  it('suspects a listed node that was never heard after settling and one lease', () => {
    const driver = new Driver(['cam1']);
    driver.tell({ kind: 'link-up' });
    driver.pass(settleMs + leaseMs - checkMs);
    expect(driver.state('cam1')).toBe('unknown');
    driver.pass(checkMs);
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.roster.watch('cam1')?.incident?.cause).toBe('inventory');
  });

  it('confirms after the grace, not a check earlier, and publishes the incident with its evidence', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.status('cam1', 'lost', 5);
    driver.pass(graceMs - checkMs);
    expect(driver.state('cam1')).toBe('suspect');
    driver.pass(checkMs);
    expect(driver.state('cam1')).toBe('confirmed');
    const last = driver.effects.findLast((effect) => effect.kind === 'incident');
    expect(last?.incident.evidence.map((entry) => entry.what)).toEqual([
      'will of generation 5',
      'suspect for 45.0 s, grace is over',
    ]);
  });

  it('watches only whom the inventory lists, and tells of a stranger once', () => {
    const driver = settled(['cam1']);
    driver.status('ghost', 'online', 1);
    driver.beat('ghost', 1);
    expect(driver.notes()).toEqual(['ghost stranger']);
    expect(driver.state('ghost')).toBeUndefined();
  });
});

describe('sight (M6)', () => {
  it('decides nothing while the own link is down', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.tell({ kind: 'link-down' });
    driver.pass(10 * 60_000);
    expect(driver.state('cam1')).toBe('up');
    expect(driver.roster.mode(driver.nowMs)).toBe('blind');
  });

  const blinks: [string, RosterEvent][] = [
    ['a reconnect', { kind: 'link-up' }],
    ['a new life of the broker', { kind: 'epoch', epoch: 'b', state: 'up' }],
    ['a stall of the broker', { kind: 'stall', lagMs: 2_000 }],
    ['a lag of its own', { kind: 'own-lag', lagMs: 2_001 }],
  ];
  for (const [name, blink] of blinks) {
    it(`restarts silence and grace at the end of settling after ${name}`, () => {
      const driver = settled(['cam1', 'cam2']);
      driver.status('cam1', 'lost', 5);
      driver.silence('cam1');
      driver.silence('cam2');
      driver.pass(30_000);
      driver.tell(blink);
      expect(driver.roster.mode(driver.nowMs)).toBe('settling');
      driver.pass(settleMs + Math.min(graceMs, leaseMs) - checkMs);
      expect([driver.state('cam1'), driver.state('cam2')]).toEqual(['suspect', 'up']);
      driver.pass(checkMs);
      expect(driver.state('cam2')).toBe('suspect');
      driver.pass(graceMs - leaseMs);
      expect(driver.state('cam1')).toBe('confirmed');
    });
  }

  it('does not settle again for the epoch it knows', () => {
    const driver = settled(['cam1']);
    driver.tell({ kind: 'epoch', epoch: 'a', state: 'up' });
    driver.pass(settleMs + 10_000);
    driver.tell({ kind: 'epoch', epoch: 'a', state: 'up' });
    expect(driver.roster.mode(driver.nowMs)).toBe('watching');
  });

  it('holds the wills of a broker that stops for void', () => {
    const driver = settled(['cam1', 'cam2', 'cam3', 'cam4']);
    driver.tell({ kind: 'epoch', epoch: 'a', state: 'stopping' });
    for (const node of ['cam1', 'cam2', 'cam3', 'cam4']) driver.status(node, 'lost', 5);
    expect([...driver.roster.states().values()]).toEqual(['up', 'up', 'up', 'up']);
    expect(driver.roster.counters.get('voidWills')).toBe(4);
  });

  it('takes a will that a new life of the broker still holds for the end of a session, not of the node', () => {
    const driver = settled(['cam1', 'cam2']);
    driver.silence('cam2');
    driver.tell({ kind: 'link-down' });
    driver.tell({ kind: 'link-up' });
    driver.status('cam1', 'lost', 5, { retained: true });
    driver.status('cam2', 'lost', 5, { retained: true });
    driver.status('cam1', 'online', 6);
    driver.keepBeating('cam1', 6);
    driver.pass(settleMs + leaseMs);
    expect([driver.state('cam1'), driver.state('cam2')]).toEqual(['up', 'suspect']);
  });

  it('notices by itself that it stood still', () => {
    const driver = settled(['cam1']);
    driver.silence('cam1');
    driver.nowMs += 60_000;
    driver.tell({ kind: 'check' });
    expect(driver.state('cam1')).toBe('up');
    expect(driver.roster.mode(driver.nowMs)).toBe('settling');
  });
});

describe('mass rule (M7)', () => {
  it.each([
    [4, 3],
    [10, 3],
    [11, 4],
    [100, 30],
  ])('a fleet of %i calls %i suspects together a mass incident', (size, count) => {
    expect(massCount(TIMINGS, size)).toBe(count);
  });

  it('makes one incident of many, confirms nobody during the hold, then releases one node at a time', () => {
    const driver = settled(['cam1', 'cam2', 'cam3', 'cam4']);
    for (const node of ['cam1', 'cam2', 'cam3']) {
      driver.silence(node);
      driver.status(node, 'lost', 5);
    }
    expect(driver.roster.mode(driver.nowMs)).toBe('mass');
    driver.pass(massHoldMs(TIMINGS) - checkMs);
    expect([...driver.roster.states().values()]).toEqual(['suspect', 'suspect', 'suspect', 'up']);
    driver.pass(3 * checkMs);
    expect([...driver.roster.states().values()].filter((state) => state === 'confirmed')).toHaveLength(1);
    driver.pass(3 * TIMINGS.beatMs);
    expect([...driver.roster.states().values()].filter((state) => state === 'confirmed')).toHaveLength(3);
    expect(driver.roster.counters.get('massIncidents')).toBe(1);
  });

  it('lets a node that is back leave the incident and closes it when nobody is left', () => {
    const driver = settled(['cam1', 'cam2', 'cam3']);
    for (const node of ['cam1', 'cam2', 'cam3']) driver.status(node, 'lost', 5);
    for (const node of ['cam1', 'cam2', 'cam3']) driver.status(node, 'online', 6);
    driver.pass(checkMs);
    expect(driver.roster.mode(driver.nowMs)).toBe('watching');
    expect(driver.effects.findLast((effect) => effect.kind === 'mass')?.incident.closedMonoMs).toBeDefined();
  });

  it('does not take deaths further apart than the window for one', () => {
    const driver = settled(['cam1', 'cam2', 'cam3']);
    driver.status('cam1', 'lost', 5);
    driver.pass(massWindowMs(TIMINGS) + checkMs);
    driver.status('cam2', 'lost', 5);
    driver.status('cam3', 'lost', 5);
    expect(driver.roster.counters.get('massIncidents')).toBe(0);
  });

  it('takes all nodes of one site for one fault, though they are few', () => {
    const nodes = ['cam1', 'cam2'].map((node) => ({ node, site: 'barn' }));
    const driver = settled([...nodes, 'cam3', 'cam4', 'cam5', 'cam6']);
    driver.status('cam1', 'lost', 5);
    expect(driver.roster.counters.get('massIncidents')).toBe(0);
    driver.status('cam2', 'lost', 5);
    expect(driver.roster.counters.get('massIncidents')).toBe(1);
  });
});

describe('flap rule (M12)', () => {
  it.each([
    [[], false],
    [['a', 'a', 'a'], false],
    [['a', 'b', 'c', 'd'], false],
    [['a', 'b', 'a'], true],
  ])('%j alternates: %s', (values, expected) => {
    expect(hasAlternation(values)).toBe(expected);
  });

  it('tells of two processes with one name once, and does not confirm while they take turns', () => {
    const driver = settled(['cam1']);
    for (let turn = 0; turn < 6; turn++) {
      driver.pass(5_000);
      driver.status('cam1', 'online', 10 + turn, { inv: turn % 2 === 0 ? 'left' : 'right' });
    }
    expect(driver.notes().filter((note) => note.endsWith('duplicate-identity'))).toHaveLength(1);
    driver.silence('cam1');
    driver.status('cam1', 'lost', 15);
    driver.pass(graceMs + checkMs);
    expect(driver.state('cam1')).toBe('suspect');
  });

  it('takes a crash loop for no duplicate: every life has a new invocation', () => {
    const driver = settled(['cam1']);
    for (let turn = 0; turn < 8; turn++) driver.status('cam1', 'online', 10 + turn, { inv: `life${turn}` });
    expect(driver.notes()).toEqual([]);
  });
});

describe('reconcile (M13)', () => {
  it('finds a will that never arrived', () => {
    const driver = settled(['cam1']);
    driver.tell({ kind: 'reconcile', statuses: [{ node: 'cam1', state: 'lost', gen: 5, inv: 'inv5' }] });
    expect(driver.state('cam1')).toBe('suspect');
    expect(driver.notes()).toEqual(['cam1 missed-message']);
  });

  it('says nothing when it agrees', () => {
    const driver = settled(['cam1']);
    driver.tell({ kind: 'reconcile', statuses: [{ node: 'cam1', state: 'online', gen: 5, inv: 'inv5' }] });
    expect(driver.notes()).toEqual([]);
  });
});
