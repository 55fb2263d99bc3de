import { describe, expect, it } from 'vitest';
import { type Claimant, foldDoubts } from '../../base/doubts.js';
import type { PlanEntry, PlanMemory } from '../../monitor/plan/case.js';
import type { PlanMode } from '../../monitor/plan/plan-step.js';
import { FRESH, NEW, OLD, PlanDriver, probeAnswer, TIMINGS } from './plan-driver.js';

const MODEL = 'a'.repeat(64);
const OTHERS = ['cam2', 'cam3', 'cam4'];
const GRACE_MS = TIMINGS.graceMs;
const LATER = 'c'.repeat(32);

type Voter = { readonly name: string; readonly doubts: readonly string[] };

/** A fleet with a doubted cam1 and what the board and the others say of it. */
class DoubtedFleet extends PlanDriver {
  voters: Voter[] = ['cam1', ...OTHERS].map((name) => ({ name, doubts: [] }));
  disputed = 4;

  constructor(
    mode: PlanMode = 'act',
    entry: Partial<PlanEntry> = {},
    watchedOnly: readonly string[] = [],
    remembered?: ReadonlyMap<string, PlanMemory>,
  ) {
    const node = watchedOnly.includes('cam1') ? 'cam9' : 'cam1';
    super([{ node, ...entry }], mode, remembered, watchedOnly);
    this.boardSays(OLD);
    this.tell({ kind: 'alive', node: 'cam1' });
    this.live(OLD, 3);
  }

  boardSays(inv: string): void {
    const health = { ...FRESH, inv, mqttConnected: true };
    this.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', inv, health }) };
  }

  /** The claims now: who of the others doubts cam1. */
  claim(...by: readonly string[]): void {
    this.voters = this.voters.map(({ name }) => ({ name, doubts: by.includes(name) ? ['cam1'] : [] }));
    this.say();
  }

  say(): void {
    const claimants = this.voters.map(({ name, doubts }): Claimant => {
      const more = { model: MODEL, sinceMs: 1_000, disputed: this.disputed, valid: 2, last: { e: 'e1', s: 9 } };
      const said = { shares: { audits: true }, doubts: doubts.map((node) => ({ node, ...more })) };
      return { node: name, isOnline: true, claims: { state: 'active', model: null, ...said } };
    });
    this.tell({ kind: 'doubts', picture: foldDoubts(claimants) });
  }

  /** It was restarted and sees again; the board knows its new life. */
  comeBack(inv = NEW): void {
    this.boardSays(inv);
    this.live(inv, 3);
  }

  /** Time passes while it goes on sending heartbeats. */
  passBeating(ms: number, inv: string): void {
    for (let passedMs = 0; passedMs < ms; passedMs += 5_000) {
      this.beat(inv, 'fresh');
      this.pass(Math.min(5_000, ms - passedMs));
    }
  }

  get phase(): string | undefined {
    return this.plan.case('cam1')?.phase;
  }

  whats(): string[] {
    return this.of('decision').map(({ rule, what }) => `${rule} ${what}`);
  }
}

function restarted(): DoubtedFleet {
  const fleet = new DoubtedFleet();
  fleet.claim('cam2', 'cam3');
  fleet.passBeating(GRACE_MS + 1_000, OLD);
  fleet.comeBack();
  return fleet;
}

describe('a node whose results most of the others doubt', () => {
  it('is restarted once after the grace, with the evidence told', () => {
    const fleet = new DoubtedFleet();
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(GRACE_MS - 1_000, OLD);
    expect(fleet.of('probe')).toEqual([]);
    fleet.passBeating(2_000, OLD);
    expect(fleet.of('restart')).toMatchObject([{ expected: OLD, dependencies: [] }]);
    expect(fleet.alerts()).toHaveLength(1);
    expect(fleet.alerts()[0]).toContain(
      'doubted by cam2, cam3 (2 of 3 that could): 4 results disputed and 2 valid, doubtful since 1970-01-01T00:00:01.000Z, the last one e1/9, model aaaaaaaaaaaa',
    );
    expect(fleet.plan.case('cam1')).toMatchObject({ cause: 'doubted', phase: 'verifying' });
  });

  it('is not touched on the word of one, nor of half of them', () => {
    const fleet = new DoubtedFleet();
    fleet.claim('cam2');
    fleet.passBeating(3_600_000, OLD);
    fleet.voters.push({ name: 'cam5', doubts: [] });
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(3_600_000, OLD);
    expect(fleet.of('probe')).toEqual([]);
    expect(fleet.of('decision')).toEqual([]);
  });

  it('is not touched while the doubt does not last the grace', () => {
    const fleet = new DoubtedFleet();
    for (let i = 0; i < 20; i++) {
      fleet.claim('cam2', 'cam3');
      fleet.passBeating(GRACE_MS - 1_000, OLD);
      fleet.claim();
      fleet.passBeating(1_000, OLD);
    }
    expect(fleet.of('probe')).toEqual([]);
  });

  it('is not called helped by its heartbeats, and is on trial', () => {
    const fleet = restarted();
    expect(fleet.phase).toBe('waiting');
    expect(fleet.of('closed')).toEqual([]);
    expect(fleet.plan.counters.get('restartsHelped')).toBe(0);
    expect(fleet.whats().at(-1)).toMatch(/^D3 verified: invocation bbbbbbbb.* Still doubted after 60 min or 3 more/);
  });

  it('is given up when so many more of its results are disputed, and no sooner', () => {
    const fleet = restarted();
    fleet.disputed += TIMINGS.doubtDisputesMax - 1;
    fleet.say();
    fleet.passBeating(60_000, NEW);
    expect(fleet.phase).toBe('waiting');
    fleet.disputed++;
    fleet.say();
    fleet.passBeating(1_000, NEW);
    expect(fleet.phase).toBe('quarantined');
    expect(fleet.alerts().at(-1)).toMatch(/^given up, a person is needed: still doubted 3 more results disputed since/);
    expect(fleet.plan.counters.get('restartsUseless')).toBe(1);
    fleet.passBeating(3_600_000, NEW);
    expect(fleet.of('restart')).toHaveLength(1);
    expect(fleet.phase).toBe('quarantined');
  });

  it('is given up after a while without any new result', () => {
    const fleet = restarted();
    fleet.passBeating(TIMINGS.doubtTrialMs - 5_000, NEW);
    expect(fleet.phase).toBe('waiting');
    fleet.passBeating(10_000, NEW);
    expect(fleet.phase).toBe('quarantined');
  });

  it('does not count against the new life what was disputed while it was restarted', () => {
    const fleet = new DoubtedFleet();
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(GRACE_MS + 1_000, OLD);
    fleet.disputed += 50;
    fleet.say();
    fleet.comeBack();
    fleet.passBeating(60_000, NEW);
    expect(fleet.phase).toBe('waiting');
  });

  it('counts on where the claims began their counts anew', () => {
    const fleet = restarted();
    fleet.disputed = 0;
    fleet.say();
    fleet.disputed = TIMINGS.doubtDisputesMax;
    fleet.say();
    fleet.passBeating(1_000, NEW);
    expect(fleet.phase).toBe('quarantined');
  });

  it('is well again when nobody doubts it any more, on trial or given up', () => {
    const helped = restarted();
    helped.claim();
    expect(helped.phase).toBe('idle');
    expect(helped.of('closed').at(-1)?.what).toBe('the others do not doubt it any more');
    expect(helped.plan.counters.get('restartsHelped')).toBe(1);
    const givenUp = restarted();
    givenUp.passBeating(TIMINGS.doubtTrialMs, NEW);
    expect(givenUp.phase).toBe('quarantined');
    givenUp.claim();
    expect(givenUp.phase).toBe('idle');
    expect(givenUp.plan.counters.get('restartsHelped')).toBe(0);
  });

  it('stays given up when too few are left to tell', () => {
    const fleet = restarted();
    fleet.passBeating(TIMINGS.doubtTrialMs, NEW);
    fleet.voters = fleet.voters.slice(0, 2);
    fleet.claim();
    fleet.passBeating(60_000, NEW);
    expect(fleet.phase).toBe('quarantined');
  });

  it('is given up, not restarted, when it is doubted again soon after', () => {
    const fleet = restarted();
    fleet.claim();
    fleet.passBeating(TIMINGS.healthyMs / 2, NEW);
    fleet.disputed = 4;
    fleet.claim('cam2', 'cam4');
    fleet.passBeating(GRACE_MS + 1_000, NEW);
    expect(fleet.of('restart')).toHaveLength(1);
    fleet.disputed += TIMINGS.doubtDisputesMax;
    fleet.say();
    fleet.passBeating(GRACE_MS, NEW);
    expect(fleet.phase).toBe('quarantined');
    expect(fleet.of('restart')).toHaveLength(1);
  });

  it('is restarted anew when it was well for long in between', () => {
    const fleet = restarted();
    fleet.claim();
    fleet.passBeating(TIMINGS.healthyMs + 10_000, NEW);
    fleet.claim('cam2', 'cam4');
    fleet.passBeating(GRACE_MS + 1_000, NEW);
    expect(fleet.of('restart')).toHaveLength(2);
  });

  it('is not restarted by a second monitor when the first has done it', () => {
    const fleet = new DoubtedFleet();
    fleet.tell({ kind: 'rank', before: 1 });
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(GRACE_MS + 10_000, OLD);
    fleet.comeBack();
    fleet.passBeating(TIMINGS.doubtTrialMs - 60_000, NEW);
    expect(fleet.of('restart')).toEqual([]);
    expect(fleet.phase).toBe('waiting');
    fleet.passBeating(70_000, NEW);
    expect(fleet.phase).toBe('quarantined');
    expect(fleet.of('restart')).toEqual([]);
  });

  it('is remembered by the next life of the monitor: restarted once, not once more', () => {
    const before = restarted();
    const next = new DoubtedFleet('act', {}, [], before.plan.memory());
    next.comeBack();
    next.voters = before.voters;
    next.say();
    next.passBeating(TIMINGS.doubtTrialMs + GRACE_MS + 1_000, NEW);
    expect(next.of('restart')).toEqual([]);
    expect(next.phase).toBe('quarantined');
  });

  it('is looked at anew when a person says that it is mended', () => {
    const fleet = restarted();
    fleet.passBeating(TIMINGS.doubtTrialMs, NEW);
    fleet.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'model', leftMs: 600_000 } });
    fleet.passBeating(60_000, NEW);
    expect(fleet.of('restart')).toHaveLength(1);
    fleet.tell({ kind: 'maintenance', node: 'cam1', hold: undefined });
    fleet.passBeating(60_000, NEW);
    expect(fleet.of('restart')).toHaveLength(2);
  });

  it('is not restarted under maintenance, nor told of as if something could be done', () => {
    const fleet = new DoubtedFleet();
    fleet.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'model', leftMs: 600_000 } });
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(590_000, OLD);
    expect(fleet.of('restart')).toEqual([]);
    fleet.passBeating(60_000, OLD);
    expect(fleet.of('restart')).toHaveLength(1);
  });

  it('is asked after and left alone by a dry run', () => {
    const fleet = new DoubtedFleet('dry-run');
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(3_600_000, OLD);
    expect(fleet.of('restart')).toEqual([]);
    expect(fleet.alerts()).toHaveLength(2);
    expect(fleet.alerts()[1]).toMatch(/^dry run: would restart/);
  });

  it('is told of once by a monitor that only observes, until it is not doubted any more', () => {
    const fleet = new DoubtedFleet('observe');
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(3_600_000, OLD);
    expect(fleet.of('probe')).toEqual([]);
    expect(fleet.alerts()).toEqual([expect.stringMatching(/^doubted by cam2, cam3.*but only observes$/)]);
    fleet.claim();
    expect(fleet.of('closed')).toHaveLength(1);
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(60_000, OLD);
    expect(fleet.alerts()).toHaveLength(2);
  });

  it('is never rebooted, whatever its inventory allows', () => {
    const fleet = new DoubtedFleet('act', { mayReboot: true, dependencies: ['lamp.service'] });
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(GRACE_MS + 1_000, OLD);
    fleet.comeBack();
    fleet.passBeating(2 * TIMINGS.doubtTrialMs, NEW);
    expect(fleet.of('reboot')).toEqual([]);
    expect(fleet.of('restart')).toMatchObject([{ dependencies: [] }]);
    expect(fleet.phase).toBe('quarantined');
  });

  it('is brought back like any other when it falls silent, too', () => {
    const fleet = restarted();
    fleet.probe = { kind: 'probe', probe: probeAnswer({ inv: NEW }) };
    fleet.action = { outcome: 'restarted', inv: LATER };
    fleet.tell({ kind: 'confirmed', node: 'cam1' });
    fleet.pass(60_000);
    expect(fleet.of('restart')).toHaveLength(2);
    fleet.tell({ kind: 'alive', node: 'cam1' });
    fleet.comeBack(LATER);
    expect(fleet.of('closed')).toHaveLength(1);
    fleet.passBeating(TIMINGS.doubtTrialMs + GRACE_MS, LATER);
    expect(fleet.phase).toBe('quarantined');
    expect(fleet.of('restart')).toHaveLength(2);
  });

  it('is not restarted while it says that it stopped, nor found guilty for that', () => {
    const fleet = new DoubtedFleet();
    fleet.claim('cam2', 'cam3');
    fleet.probe = { kind: 'probe', probe: probeAnswer({ active: 'inactive', result: 'success' }) };
    fleet.tell({ kind: 'stopped', node: 'cam1' });
    fleet.pass(3_600_000);
    expect(fleet.of('restart')).toEqual([]);
  });

  it('is restarted, too, where a camera that never comes keeps a case open', () => {
    const fleet = new DoubtedFleet();
    const health = { ...FRESH, frameAgeMs: null, mqttConnected: true };
    fleet.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', health }) };
    const passAwaiting = (ms: number) => {
      for (let passedMs = 0; passedMs < ms; passedMs += 5_000) {
        fleet.beat(OLD, 'awaited');
        fleet.pass(5_000);
      }
    };
    passAwaiting(300_000);
    expect(fleet.plan.case('cam1')).toMatchObject({ phase: 'waiting', cause: 'wedged' });
    fleet.claim('cam2', 'cam3');
    passAwaiting(GRACE_MS + 10_000);
    expect(fleet.of('restart')).toHaveLength(1);
    expect(fleet.alerts().filter((what) => what.startsWith('doubted by'))).toHaveLength(1);
  });

  it('is left to its supervisor when that has just restarted it', () => {
    const fleet = new DoubtedFleet();
    fleet.claim('cam2', 'cam3');
    fleet.boardSays(NEW);
    fleet.passBeating(GRACE_MS + 5_000, OLD);
    expect(fleet.of('probe')).not.toEqual([]);
    expect(fleet.of('restart')).toEqual([]);
  });

  it('keeps within the budget of its board', () => {
    const fleet = new DoubtedFleet();
    const health = { ...FRESH, mqttConnected: true };
    fleet.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', health, restartsLeft: 0 }) };
    fleet.claim('cam2', 'cam3');
    fleet.passBeating(3_600_000, OLD);
    expect(fleet.of('restart')).toEqual([]);
    expect(fleet.alerts()).toContain("the board's own budget is used up");
  });

  it('is restarted on request while it is on trial', () => {
    const fleet = restarted();
    fleet.action = { outcome: 'restarted', inv: LATER };
    fleet.passBeating(60_000, NEW);
    fleet.tell({ kind: 'requested', node: 'cam1', by: 'house' });
    fleet.passBeating(60_000, NEW);
    expect(fleet.of('restart')).toHaveLength(2);
    expect(fleet.of('answered')).toMatchObject([{ ok: true }]);
  });

  it('is told of, where it is on no board, and again when that is over', () => {
    const fleet = new DoubtedFleet('act', {}, ['cam1']);
    fleet.claim('cam2', 'cam3');
    fleet.pass(3_600_000);
    expect(fleet.of('decision')).toMatchObject([{ node: 'cam1', rule: 'D1', isAlert: true, cause: 'doubted' }]);
    expect(fleet.of('probe')).toEqual([]);
    fleet.claim();
    expect(fleet.of('closed')).toMatchObject([{ node: 'cam1' }]);
  });
});

describe('when more than half are doubted at once', () => {
  const names = ['cam1', ...OTHERS];
  const all = (doubted: readonly string[]) => {
    return names.map((name) => ({ name, doubts: doubted.filter((node) => node !== name) }));
  };

  function fleetOf(doubted: readonly string[]): DoubtedFleet {
    const fleet = new DoubtedFleet();
    fleet.voters = all(doubted);
    fleet.say();
    return fleet;
  }

  it('nobody is restarted, and a person is told once', () => {
    const fleet = fleetOf(['cam1', 'cam2', 'cam3']);
    fleet.passBeating(3_600_000, OLD);
    expect(fleet.of('probe')).toEqual([]);
    expect(fleet.alerts()).toEqual([expect.stringMatching(/^3 of 4 are doubted at once/)]);
    expect(fleet.plan.counters.get('doubtsHeldBack')).toBe(1);
    expect(fleet.plan.case('cam1')).toMatchObject({ phase: 'waiting', cause: 'doubted' });
  });

  it('half of them are none too many', () => {
    const fleet = fleetOf(['cam1', 'cam2']);
    fleet.passBeating(GRACE_MS + 1_000, OLD);
    expect(fleet.of('restart')).toHaveLength(1);
  });

  it('goes on with those who are left when it is over, and tells the next time again', () => {
    const fleet = fleetOf(['cam1', 'cam2', 'cam3']);
    fleet.passBeating(600_000, OLD);
    fleet.voters = all(['cam1']);
    fleet.say();
    fleet.passBeating(11_000, OLD);
    expect(fleet.of('restart')).toHaveLength(1);
    fleet.comeBack();
    fleet.voters = all(['cam1', 'cam2', 'cam3']);
    fleet.say();
    fleet.passBeating(2 * TIMINGS.doubtTrialMs, NEW);
    // Nobody is given up on such a word, either.
    expect(fleet.phase).toBe('waiting');
    expect(fleet.alerts().filter((what) => what.includes('at once'))).toHaveLength(2);
  });

  it('ends without a word of theirs when all are trusted again', () => {
    const fleet = fleetOf(['cam1', 'cam2', 'cam3']);
    fleet.passBeating(600_000, OLD);
    fleet.claim();
    expect(fleet.phase).toBe('idle');
    expect(fleet.of('closed')).toHaveLength(1);
  });
});
