import { describe, expect, it } from 'vitest';
import { type Attempt, nextRung } from '../../monitor/plan/ladder.js';
import type { PlanMode } from '../../monitor/plan/plan-step.js';
import { type BoardFaultKind, decideProbe } from '../../monitor/plan/probe-table.js';
import type { ProbeAnswer } from '../../protocol/board.js';
import { FRESH, NEW, OLD, PlanDriver, probeAnswer, TIMINGS } from './plan-driver.js';

function verdictOf(change: Partial<ProbeAnswer>, heardInv = OLD, gracedInv?: string, isHeard = false) {
  return decideProbe({ kind: 'probe', probe: probeAnswer(change) }, { heardInv, gracedInv, isHeard, timings: TIMINGS })
    .kind;
}

describe('the probe table (2.2)', () => {
  it.each([
    ['failed by a signal', {}, 'dead'],
    ['failed at its start limit', { result: 'start-limit-hit' }, 'dead'],
    ['failed by its watchdog', { result: 'watchdog' }, 'dead'],
    ['failed for want of memory', { result: 'oom-kill' }, 'dead'],
    ['ended with exit code 78', { exitCode: 1, exitStatus: 78 }, 'config'],
    ['killed by signal 78 is no exit code', { exitCode: 2, exitStatus: 78 }, 'dead'],
    ['being started', { active: 'activating', sub: 'auto-restart' }, 'wait'],
    ['being stopped', { active: 'deactivating' }, 'wait'],
    ['stopped by a person', { active: 'inactive', result: 'success' }, 'stopped'],
    ['inactive after somebody reset its failure', { active: 'inactive', result: 'exit-code' }, 'stopped'],
    ['not started yet by a board that boots', { active: 'inactive', result: 'success', isQueued: true }, 'wait'],
    ['dead, its maintenance run out', { maintenance: { by: 'ops', reason: 'x', leftS: -5 } }, 'dead'],
    ['under maintenance on the board', { maintenance: { by: 'ops', reason: 'x', leftS: 5 } }, 'maintenance'],
    ['active with another invocation', { active: 'active', inv: NEW }, 'restarted-locally'],
    ['active, fresh, without broker', { active: 'active', health: FRESH }, 'isolated'],
    ['active, fresh, connected', { active: 'active', health: { ...FRESH, mqttConnected: true } }, 'unheard'],
    ['active, its pulse old', { active: 'active', health: { ...FRESH, ageMs: 60_000 } }, 'dead'],
    ['active, its frames old', { active: 'active', health: { ...FRESH, frameAgeMs: 60_000 } }, 'dead'],
    ['active, no camera has a frame yet', { active: 'active', health: { ...FRESH, frameAgeMs: null } }, 'isolated'],
    ['active, the pulse is of the life before', { active: 'active', health: { ...FRESH, inv: NEW } }, 'dead'],
    [
      'active and young, the pulse is of the life before',
      { active: 'active', startedMonoMs: 990_000, health: { ...FRESH, inv: NEW, ageMs: 35_000 } },
      'wait',
    ],
    ['active and young, no pulse yet', { active: 'active', startedMonoMs: 990_000 }, 'wait'],
    ['active and old, no pulse at all', { active: 'active' }, 'unheard'],
    ['active, no health file to judge by', { active: 'active', health: { ...FRESH, ageMs: null } }, 'unheard'],
    ['unknown to the board', { load: 'not-found', active: 'inactive' }, 'unmanageable'],
  ] as const)('%s', (_name, change, expected) => {
    expect(verdictOf(change)).toBe(expected);
  });

  it('judges another invocation by its pulse once it had its grace', () => {
    expect(verdictOf({ active: 'active', inv: NEW, health: { ...FRESH, inv: NEW, ageMs: 60_000 } }, OLD, NEW)).toBe(
      'dead',
    );
  });

  it.each([
    ['unreachable', 'unreachable'],
    ['hung', 'unreachable'],
    ['closed', 'unreachable'],
    ['host-key', 'security'],
    ['auth', 'security'],
    ['garbage', 'unmanageable'],
  ] as const)('a board that is %s is never restarted blindly', (fault: BoardFaultKind, expected) => {
    const context = { heardInv: OLD, gracedInv: undefined, isHeard: false, timings: TIMINGS };
    expect(decideProbe({ kind: 'fault', fault, message: 'x' }, context).kind).toBe(expected);
  });
});

describe('the ladder (2.4)', () => {
  const attempt = (atMonoMs: number, change: Partial<Attempt> = {}): Attempt => ({
    kind: 'restart',
    atMonoMs,
    signature: 'signal 2/9',
    helped: true,
    ...change,
  });
  const rung = (series: readonly Attempt[], now: number, change: Partial<Parameters<typeof nextRung>[0]> = {}) =>
    nextRung(
      {
        series,
        history: series,
        signature: 'signal 2/9',
        hasDependencies: false,
        mayReboot: false,
        rebootedShare: 0,
        random: 0.5,
        ...change,
      },
      now,
      TIMINGS,
    );

  it('restarts at once, then after 30 s, then after 2 min', () => {
    expect(rung([], 1_000)).toMatchObject({ kind: 'restart', notBeforeMonoMs: 1_000 });
    expect(rung([attempt(0)], 1_000)).toMatchObject({ kind: 'restart', notBeforeMonoMs: 30_000 });
    expect(rung([attempt(0), attempt(50_000)], 60_000)).toMatchObject({ notBeforeMonoMs: 170_000 });
  });

  it('gives up after three restarts without ten good minutes between them, helpful or not', () => {
    expect(rung([attempt(0), attempt(1)], 60_000)).toMatchObject({ kind: 'restart' });
    expect(rung([attempt(0), attempt(1), attempt(2)], 60_000)).toMatchObject({ kind: 'quarantine', rule: 'L4' });
    expect(rung([attempt(0), attempt(1), attempt(2)], 3 * 3_600_000)).toMatchObject({ kind: 'quarantine' });
  });

  it('does not try a third time what did not help twice in the same way', () => {
    const useless = [attempt(0, { helped: false }), attempt(1, { helped: false })];
    expect(rung(useless, 60_000)).toMatchObject({ kind: 'quarantine' });
    expect(rung(useless, 60_000, { signature: 'oom-kill 2/9' })).toMatchObject({ kind: 'restart' });
  });

  it('goes over dependencies and reboot where the inventory has them', () => {
    const spent = [attempt(0), attempt(1), attempt(2)];
    expect(rung(spent, 9, { hasDependencies: true })).toMatchObject({ kind: 'dependencies', rule: 'L2' });
    const after = [...spent, attempt(3, { kind: 'dependencies', helped: false })];
    expect(rung(after, 9, { hasDependencies: true, mayReboot: true })).toMatchObject({ kind: 'reboot', rule: 'L3' });
    expect(rung(after, 9, { hasDependencies: true })).toMatchObject({ kind: 'quarantine' });
  });

  it('reboots once per 6 h, and not while a fifth of the fleet has just been rebooted', () => {
    const spent = [attempt(0), attempt(1), attempt(2)];
    const earlier = [attempt(-60_000, { kind: 'reboot' }), ...spent];
    expect(rung(spent, 9, { mayReboot: true, history: earlier })).toMatchObject({ kind: 'quarantine' });
    expect(rung(spent, 9, { mayReboot: true, rebootedShare: 0.2 })).toMatchObject({ kind: 'quarantine' });
    expect(rung(spent, 9, { mayReboot: true, rebootedShare: 0.19 })).toMatchObject({ kind: 'reboot' });
  });
});

describe('the plan', () => {
  it('asks, restarts what it saw, and is content with a new invocation and three fresh heartbeats', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    expect(driver.of('restart')).toMatchObject([{ unit: 'vedette-edge@cam1.service', expected: OLD }]);
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    driver.live(OLD, 5);
    driver.live(NEW, 2);
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    driver.live(NEW, 1, 'old');
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    driver.live(NEW, 1);
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
    expect(driver.plan.counters.get('restartsHelped')).toBe(1);
  });

  it.each([
    [0, 'gave 0 fresh heartbeats'],
    [1, 'gave 1 fresh heartbeat'],
    [2, 'gave 2 fresh heartbeats'],
  ])('waits for the rest of a life that is on its way when the time is over (%s fresh heartbeats)', (beats, words) => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(TIMINGS.verifyMs - 5_000);
    driver.live(NEW, beats);
    driver.pass(10_000);
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    expect(driver.of('decision').at(-1)?.what).toContain(`${words} so far: waiting for the rest`);
    for (let i = beats; i < 3; i++) driver.beat(NEW, 'fresh');
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'idle', history: [{ helped: true }] });
    expect(driver.plan.counters.get('restartsHelped')).toBe(1);
    expect(driver.plan.counters.get('restartsUseless')).toBe(0);
  });

  it('prolongs a verification once, and says what is missing', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(TIMINGS.verifyMs - 5_000);
    driver.live(NEW, 1);
    driver.pass(TIMINGS.verifyMs);
    expect(driver.plan.counters.get('restartsUseless')).toBe(0);
    // A life that ends again and again has no heartbeats to spare either.
    driver.live('c'.repeat(32), 1);
    driver.pass(10_000);
    expect(driver.plan.counters.get('restartsUseless')).toBe(1);
    expect(driver.of('decision').map(({ what }) => what)).toContain(
      'invocation cccccccc gave 1 fresh heartbeat only: it did not help',
    );
  });

  it('does not wait on for a life that went silent before the time was over', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.live(NEW, 2);
    driver.pass(TIMINGS.verifyMs + 1_000);
    expect(driver.plan.counters.get('restartsUseless')).toBe(1);
  });

  it('is not content with heartbeats while a camera that should deliver has shown no frame', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.live(NEW, 5, 'awaited');
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    driver.live(NEW, 3);
    expect(driver.of('closed').at(-1)?.what).toBe(
      `verified: invocation ${NEW.slice(0, 8)}, 3 heartbeats with fresh frames`,
    );
  });

  it('leaves a camera out that is not there, and says so', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    for (let i = 0; i < 3; i++) driver.beat(NEW, 'fresh', 'camera side is unplugged');
    expect(driver.of('closed').at(-1)?.what).toContain('; left out: camera side is unplugged');
    expect(driver.plan.counters.get('restartsHelped')).toBe(1);
  });

  it('never restarts again who lives and does not see: told once, over when it sees', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.live(NEW, 1, 'awaited');
    driver.tell({ kind: 'alive', node: 'cam1' });
    const health = { ...FRESH, inv: NEW, frameAgeMs: null, mqttConnected: true };
    driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', inv: NEW, health }) };
    for (let i = 0; i < 720; i++) {
      driver.beat(NEW, 'awaited');
      driver.pass(10_000);
    }
    expect(driver.of('restart')).toHaveLength(1);
    expect(driver.plan.counters.get('restartsUseless')).toBe(1);
    expect(driver.alerts()).toEqual([expect.stringMatching(/^unseeing: its board says that it works/)]);
    const unverified = driver.of('decision').find(({ what }) => what.endsWith('it did not help'));
    expect(unverified?.what).toBe(
      `invocation ${NEW.slice(0, 8)} lives, but does not see: camera front has shown no frame: it did not help`,
    );
    driver.beat(NEW, 'fresh');
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
  });

  it('tells a person of a camera that never comes, without any restart', () => {
    const driver = new PlanDriver();
    const health = { ...FRESH, frameAgeMs: null, mqttConnected: true };
    driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', health }) };
    driver.live(OLD, 1, 'awaited');
    for (let i = 0; i < 60; i++) {
      driver.beat(OLD, 'awaited');
      driver.pass(10_000);
      if (driver.nowMs < TIMINGS.startMs + TIMINGS.graceMs) expect(driver.of('probe')).toEqual([]);
    }
    expect(driver.alerts()).toEqual([expect.stringMatching(/^unseeing: /)]);
    expect(driver.of('restart')).toEqual([]);
    driver.beat(OLD, 'fresh');
    expect(driver.of('closed')).toHaveLength(1);
  });

  it('ends a case whose order was answered by nobody, once fresh frames show what it did', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.action = { outcome: 'failed', why: 'busy' };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.tell({ kind: 'alive', node: 'cam1' });
    driver.tell({ kind: 'beat', node: 'cam1', inv: NEW, frames: 'fresh', cameras: '' });
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
  });

  it('takes the frames of a camera that delivers every hundred seconds for what they are', () => {
    const driver = new PlanDriver();
    driver.probe = {
      kind: 'probe',
      probe: probeAnswer({ active: 'active', health: { ...FRESH, frameAgeMs: 90_000, mqttConnected: true } }),
    };
    driver.tell({ kind: 'pace', node: 'cam1', staleMs: 1_200_000 });
    driver.live(OLD, 1);
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(3_600_000);
    expect(driver.of('restart')).toEqual([]);
  });

  it('tells of a full disk once, and restarts all the same', () => {
    const driver = new PlanDriver();
    driver.probe = { kind: 'probe', probe: probeAnswer({ disk: 'full' }) };
    driver.action = { outcome: 'failed', why: 'busy' };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(120_000);
    expect(driver.of('restart').length).toBeGreaterThan(1);
    expect(driver.alerts()).toEqual(['the disk of its board is full']);
  });

  it('keeps what it does on disk before it does it', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    const kinds = driver.steps.map(({ kind }) => kind);
    expect(kinds.indexOf('remember')).toBeLessThan(kinds.indexOf('restart'));
  });

  it('goes on with the ladder of its earlier life', () => {
    const attempts = [0, 1, 2].map((atMonoMs) => ({ kind: 'restart' as const, atMonoMs, signature: 'x' }));
    const driver = new PlanDriver(
      [{ node: 'cam1' }],
      'act',
      new Map([['cam1', { history: attempts, seriesFromMonoMs: 0 }]]),
    );
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    expect(driver.of('restart')).toEqual([]);
    expect(driver.plan.case('cam1')?.phase).toBe('quarantined');
  });

  it('never starts what a person stopped, and tells once', () => {
    const driver = new PlanDriver();
    driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'inactive', result: 'success' }) };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(3 * 3_600_000);
    expect(driver.of('restart')).toEqual([]);
    expect(driver.alerts()).toHaveLength(1);
    expect(driver.of('probe').length).toBeGreaterThan(5);
  });

  it('asks after a node whose last word was that it stops: its next start may have failed', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'stopped', node: 'cam1' });
    driver.pass(TIMINGS.graceMs + TIMINGS.startMs - 1_000);
    expect(driver.of('probe')).toEqual([]);
    driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'inactive', result: 'success' }) };
    driver.pass(2_000);
    expect(driver.of('probe')).toHaveLength(1);
    expect(driver.alerts()).toEqual([]);
    driver.probe = { kind: 'probe', probe: probeAnswer({ inv: NEW }) };
    driver.pass(TIMINGS.personMs);
    expect(driver.of('restart')).toMatchObject([{ expected: NEW }]);
  });

  it('takes another monitor for the one that acted, and spends nothing', () => {
    const driver = new PlanDriver();
    driver.action = { outcome: 'already-restarted', inv: NEW };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'waiting', history: [] });
    driver.live(NEW, 1);
    driver.tell({ kind: 'alive', node: 'cam1' });
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
  });

  it('does nothing while it cannot see, and lets no deadline run out', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.tell({ kind: 'sight', canSee: false });
    driver.pass(10 * TIMINGS.verifyMs);
    expect(driver.of('restart')).toHaveLength(1);
    driver.tell({ kind: 'sight', canSee: true });
    driver.pass(TIMINGS.verifyMs - 1_000);
    expect(driver.plan.counters.get('restartsUseless')).toBe(0);
    driver.pass(2_000);
    expect(driver.plan.counters.get('restartsUseless')).toBe(1);
  });

  it('restarts only the broker while the broker is down, and only if systemd has given up', () => {
    const broker = { node: 'hub', kind: 'broker' as const, unit: 'vedette-broker.service' };
    const driver = new PlanDriver([broker, { node: 'cam1' }]);
    driver.tell({ kind: 'sight', canSee: false });
    driver.tell({ kind: 'link', isUp: false });
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(TIMINGS.graceMs - 1_000);
    expect(driver.of('probe')).toEqual([]);
    driver.pass(2_000);
    expect(driver.of('restart')).toMatchObject([{ node: 'hub', unit: 'vedette-broker.service' }]);
    driver.tell({ kind: 'link', isUp: true });
    expect(driver.plan.case('hub')?.phase).toBe('idle');
    expect(driver.plan.counters.get('restartsHelped')).toBe(1);
  });

  it('asks about a node whose heartbeats tell of old frames', () => {
    const driver = new PlanDriver();
    driver.probe = {
      kind: 'probe',
      probe: probeAnswer({ active: 'active', health: { ...FRESH, frameAgeMs: 90_000, mqttConnected: true } }),
    };
    driver.live(OLD, 1);
    for (let i = 0; i < 8; i++) {
      driver.beat(OLD, 'old');
      driver.pass(5_000);
    }
    expect(driver.of('restart')).toMatchObject([{ expected: OLD }]);
  });

  it('holds maintenance until it runs out, and tells that it did', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'lens', leftMs: 60_000 } });
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(59_000);
    expect(driver.of('probe')).toEqual([]);
    driver.pass(2_000);
    expect(driver.alerts()).toEqual(['maintenance by ops (lens) has run out; supervised again']);
    expect(driver.of('restart')).toHaveLength(1);
  });

  it('tells of maintenance that ran out on a node that is well, and makes no case of it', () => {
    const driver = new PlanDriver();
    driver.live(OLD, 3);
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'lens', leftMs: 60_000 } });
    driver.pass(61_000);
    expect(driver.of('news').map(({ what }) => what)).toEqual([
      'maintenance by ops (lens) has run out; supervised again',
    ]);
    expect(driver.alerts()).toEqual([]);
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'idle', hold: undefined });
  });

  it('asks at once when a person ends maintenance early', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'lens', leftMs: 600_000 } });
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(60_000);
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: undefined });
    driver.pass(1_000);
    expect(driver.of('restart')).toHaveLength(1);
  });

  it('does nothing about what it was asking when the word came', () => {
    const driver = new PlanDriver();
    driver.asksSlowly = true;
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'lens', leftMs: 60_000 } });
    driver.tell({ kind: 'probed', node: 'cam1', step: driver.of('probe')[0]?.step ?? 0, result: driver.probe });
    driver.pass(50_000);
    expect(driver.of('restart')).toEqual([]);
  });

  it('begins anew for a node that was given up, once the person who worked on it says that it is done', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(3_600_000);
    expect(driver.plan.case('cam1')?.phase).toBe('quarantined');
    const before = driver.of('restart').length;
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'ops', reason: 'lens', leftMs: 60_000 } });
    driver.tell({ kind: 'maintenance', node: 'cam1', hold: undefined });
    expect(driver.of('restart')).toHaveLength(before + 1);
  });

  it('acts on two at a time, and one per site', () => {
    const nodes = ['a', 'b', 'c'].map((node) => ({ node, site: node === 'c' ? 'barn' : 'yard' }));
    const driver = new PlanDriver(nodes);
    for (const { node } of nodes) driver.tell({ kind: 'confirmed', node });
    expect(driver.of('restart').map(({ node }) => node)).toEqual(['a', 'c']);
  });

  it('waits for the monitors before it', () => {
    const driver = new PlanDriver();
    driver.tell({ kind: 'rank', before: 1 });
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(TIMINGS.rankMs - 1_000);
    expect(driver.of('probe')).toEqual([]);
    driver.pass(2_000);
    expect(driver.of('probe')).toHaveLength(1);
  });

  it('only says what it would do in a dry run, and only watches when told to observe', () => {
    const dry = new PlanDriver([{ node: 'cam1' }], 'dry-run');
    dry.tell({ kind: 'confirmed', node: 'cam1' });
    expect(dry.of('restart')).toEqual([]);
    expect(dry.alerts()).toEqual(['dry run: would restart vedette-edge@cam1.service (L1)']);
  });

  it('asks no board when it only observes, and tells of each trouble once', () => {
    const broker = { node: 'hub', kind: 'broker' as const, unit: 'vedette-broker.service' };
    const driver = new PlanDriver([{ node: 'cam1' }, broker], 'observe');
    driver.live(OLD, 1, 'old');
    driver.pass(3_600_000);
    expect(driver.alerts()).toEqual(['wedged: would ask the board, but only observes']);
    driver.beat(OLD, 'fresh');
    driver.beat(OLD, 'old');
    driver.pass(3_600_000);
    expect(driver.alerts()).toHaveLength(2);
    driver.tell({ kind: 'link', isUp: false });
    driver.pass(3_600_000);
    expect(driver.alerts()).toHaveLength(3);
    expect(driver.of('probe')).toEqual([]);
  });

  it('bounds the product of all supervisors: 40 starts (OTP rule)', () => {
    const driver = new PlanDriver([
      { node: 'cam1', mayReboot: true },
      ...Array.from({ length: 9 }, (_, i) => ({ node: `x${i}` })),
    ]);
    driver.probe = { kind: 'probe', probe: probeAnswer({ result: 'start-limit-hit' }) };
    let signatures = 0;
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    for (let hour = 0; hour < 48; hour++) {
      // The worst case: every failure looks different, so that no attempt is saved.
      driver.probe = {
        kind: 'probe',
        probe: probeAnswer({ result: 'exit-code', exitCode: 1, exitStatus: ++signatures }),
      };
      driver.pass(10 * 60_000);
    }
    const burst = 5;
    const resets = driver.of('restart').length;
    const reboots = driver.of('reboot').length;
    expect(reboots).toBeLessThanOrEqual(1);
    expect(burst * (1 + 3) * (1 + 1)).toBe(40);
    expect(burst * (1 + reboots + resets)).toBeLessThanOrEqual(40);
    expect(driver.plan.case('cam1')?.phase).toBe('quarantined');
  });

  it('begins anew when a person acknowledges, or other software is born', () => {
    const driver = new PlanDriver();
    driver.probe = { kind: 'probe', probe: probeAnswer() };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    driver.pass(60 * 60_000);
    expect(driver.plan.case('cam1')?.phase).toBe('quarantined');
    const before = driver.of('restart').length;
    driver.tell({ kind: 'acknowledged', node: 'cam1', by: 'ops' });
    expect(driver.of('restart')).toHaveLength(before + 1);
  });
});

describe('a restart that is asked for', () => {
  const healthy = { ...FRESH, mqttConnected: true };
  /** A node that is well, seen by a monitor that is asked to restart it. */
  function wellNode(change: Partial<ProbeAnswer> = {}, mode: PlanMode = 'act'): PlanDriver {
    const driver = new PlanDriver([{ node: 'cam1' }], mode);
    driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', health: healthy, ...change }) };
    driver.live(OLD, 3);
    driver.tell({ kind: 'alive', node: 'cam1' });
    return driver;
  }
  const ask = (driver: PlanDriver, by = 'ha') => driver.tell({ kind: 'requested', node: 'cam1', by });
  const answers = (driver: PlanDriver) => driver.of('answered').map(({ ok, code, what }) => `${ok} ${code}: ${what}`);

  it('asks the board, ends the life it saw, answers, and is verified like any other', () => {
    const driver = wellNode();
    ask(driver);
    expect(driver.of('probe')).toHaveLength(1);
    expect(driver.of('restart')).toMatchObject([
      { unit: 'vedette-edge@cam1.service', expected: OLD, dependencies: [] },
    ]);
    expect(answers(driver)).toEqual(['true restarted: restarted at the request of ha']);
    driver.tell({ kind: 'stopped', node: 'cam1' });
    expect(driver.plan.case('cam1')?.phase).toBe('verifying');
    driver.live(NEW, 3);
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
    expect(driver.plan.counters.get('restartsHelped')).toBe(1);
    expect(driver.alerts()).toEqual([]);
    expect(driver.of('decision').map(({ rule }) => rule)).toContain('R1');
  });

  it.each([
    ['that was stopped by a person', { active: 'inactive', result: 'success', inv: null }, 'somebody stopped it'],
    ['that is being started', { active: 'activating', sub: 'start' }, 'systemd is on it'],
    ['that has just started', { startedMonoMs: 999_000, health: null }, 'started 1.0 s ago'],
    ['under maintenance on the board', { maintenance: { by: 'eve', reason: 'x', leftS: 60 } }, 'maintenance by eve'],
    [
      'with a broken configuration',
      { active: 'failed', exitCode: 1, exitStatus: 78 },
      'its configuration must be mended',
    ],
    ['whose board has no restart left', { restartsLeft: 0 }, "the board's own budget is used up"],
  ] as const)('is not done to a node %s, and the answer says why', (_, change, why) => {
    const driver = wellNode(change);
    ask(driver);
    expect(driver.of('restart')).toEqual([]);
    expect(answers(driver)).toEqual([expect.stringContaining(why)]);
    expect(driver.of('answered')[0]?.ok).toBe(false);
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'idle', request: undefined });
  });

  it('is not done where the board does not answer', () => {
    const driver = wellNode();
    driver.probe = { kind: 'fault', fault: 'unreachable', message: 'no route' };
    ask(driver);
    expect(answers(driver)).toEqual(['false unavailable: no route']);
    expect(driver.plan.case('cam1')?.phase).toBe('idle');
  });

  it.each([
    [
      'held for maintenance',
      'held',
      (d: PlanDriver) =>
        d.tell({ kind: 'maintenance', node: 'cam1', hold: { by: 'eve', reason: 'lens', leftMs: 1e6 } }),
    ],
    ['while the monitor cannot see', 'try-again', (d: PlanDriver) => d.tell({ kind: 'sight', canSee: false })],
    ['while a restart is under way', 'try-again', (d: PlanDriver) => ask(d)],
  ] as const)('is refused at once %s', (_, code, prepare) => {
    const driver = wellNode();
    prepare(driver);
    const before = driver.of('restart').length;
    ask(driver, 'eve');
    expect(driver.of('answered').at(-1)).toMatchObject({ ok: false, code });
    expect(driver.of('restart')).toHaveLength(before);
  });

  it('is refused by a monitor that observes, and said but not done in a dry run', () => {
    const observer = wellNode({}, 'observe');
    ask(observer);
    expect(observer.of('answered')).toMatchObject([{ ok: false, code: 'not-allowed' }]);
    expect(observer.of('probe')).toEqual([]);
    const dry = wellNode({}, 'dry-run');
    ask(dry);
    expect(dry.of('restart')).toEqual([]);
    expect(answers(dry)).toEqual(['false unavailable: dry run']);
  });

  it('again and again waits as the ladder says, and never comes to a reboot or a surrender of what lives', () => {
    const driver = wellNode();
    let inv = OLD;
    for (let i = 0; i < 200; i++) {
      ask(driver);
      if (driver.plan.case('cam1')?.phase === 'verifying') {
        inv = (i % 2 === 0 ? 'c' : 'd').repeat(31) + String(i % 10);
        driver.probe = { kind: 'probe', probe: probeAnswer({ active: 'active', inv, health: { ...healthy, inv } }) };
        driver.live(inv, 3);
      }
      for (let k = 0; k < 3; k++) {
        driver.beat(inv, 'fresh');
        driver.pass(1_000);
      }
    }
    // Ten minutes of presses: at once, after 30 s, after 2 min.
    expect(driver.of('restart')).toHaveLength(3);
    expect(driver.of('reboot')).toEqual([]);
    expect(driver.plan.counters.get('quarantines')).toBe(0);
    expect(driver.of('answered')).toHaveLength(200);
    expect(answers(driver)).toContainEqual(expect.stringMatching(/the next attempt is due in \d+ s$/));
    expect(answers(driver).at(-1)).toMatch(/3 restarts, and never well for 10 min/);
  });

  it('of a node that is dead anyway is its ordinary restart', () => {
    const driver = wellNode();
    driver.probe = { kind: 'fault', fault: 'unreachable', message: 'no route' };
    driver.tell({ kind: 'confirmed', node: 'cam1' });
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'waiting', cause: 'silent' });
    driver.probe = { kind: 'probe', probe: probeAnswer() };
    ask(driver);
    expect(driver.of('restart')).toHaveLength(1);
    expect(answers(driver)).toEqual(['true restarted: restarted at the request of ha']);
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'verifying', cause: 'silent' });
  });

  it('that the board holds back is answered, and the node goes on as before', () => {
    const driver = wellNode();
    driver.action = { outcome: 'held', why: 'maintenance' };
    ask(driver);
    expect(answers(driver)).toEqual(['false unavailable: held by the board']);
    driver.beat(OLD, 'fresh');
    expect(driver.plan.case('cam1')).toMatchObject({ phase: 'idle', history: [] });
  });
});
