import { describe, expect, it } from 'vitest';
import { boundMs, DEMO } from './chaos-bounds.js';
import type { BeatSeen, ChaosFault, ChaosHistory, FaultKind, RestartDone } from './chaos-history.js';
import { judgeChaos, quantiles, recoveredAtMs } from './chaos-judge.js';

const END_MS = 300_000;

/** Heartbeats every 2 s with frames of 100 ms ago; `framesStopAtMs` makes them older and older. */
function beats(inv: string, fromMs: number, toMs: number, framesStopAtMs = Number.POSITIVE_INFINITY): BeatSeen[] {
  const seen: BeatSeen[] = [];
  for (let atMs = fromMs; atMs < toMs; atMs += 2_000) {
    seen.push({ node: 'cam1', inv, atMs, frameAtMs: Math.min(atMs - 100, framesStopAtMs) });
  }
  return seen;
}

function fault(kind: FaultKind, atMs: number, more: Partial<ChaosFault> = {}): ChaosFault {
  return { kind, target: 'cam1', inv: 'a', atMs, ...more };
}

function restart(atMs: number, inv = 'a'): RestartDone {
  return { node: 'cam1', inv, atMs };
}

function judge(history: Partial<ChaosHistory>): ReturnType<typeof judgeChaos> {
  const all: ChaosHistory = {
    faults: [],
    beats: beats('a', 0, END_MS),
    restarts: [],
    failures: [],
    incidents: [],
    rosterAtMs: [],
    records: { appended: 100, missing: 0, filled: 0, duplicates: 0 },
    source: [],
    endMs: END_MS,
    ...history,
  };
  return judgeChaos(all, DEMO);
}

/** Killed at 100 s, restarted at 105 s, beats again from 110 s. */
const KILLED: Partial<ChaosHistory> = {
  faults: [fault('node killed', 100_000)],
  beats: [...beats('a', 0, 100_000), ...beats('b', 110_000, END_MS)],
  restarts: [restart(105_000)],
  failures: [{ node: 'cam1', atMs: 100_050 }],
  incidents: [{ node: 'cam1', openedAtMs: 100_500, evidence: [] }],
};

describe('the judge of chaos', () => {
  it('finds a quiet run good', () => {
    const verdict = judge({});
    expect(verdict.isGood).toBe(true);
    expect(verdict.byKind).toEqual([]);
  });

  it('finds a death good that was seen, restarted and is back within its bound', () => {
    const verdict = judge(KILLED);
    expect(verdict).toMatchObject({ deaths: 1, deathsSeen: 1, missedDeaths: 0, ownFailures: 0, isGood: true });
    expect(verdict.restarts).toEqual({ dead: 1, frozen: 0, wedged: 0, false: 0 });
    expect(verdict.recoveryMs).toEqual({ p50: 10_000, p99: 10_000, max: 10_000 });
  });

  it('calls a death missed that never comes back, and one that nobody saw unseen', () => {
    const verdict = judge({ ...KILLED, beats: beats('a', 0, 100_000), restarts: [], incidents: [] });
    expect(verdict).toMatchObject({ deaths: 1, deathsSeen: 0, missedDeaths: 1, isGood: false });
    expect(verdict.problems).toEqual(['node killed (cam1) at 00:01:40: not back, bound 75.0 s']);
  });

  it('calls a death missed that is back after its bound, and not at the bound', () => {
    const [killed] = KILLED.faults ?? [];
    const limitMs = killed === undefined ? 0 : boundMs(killed, [killed], [], DEMO);
    const backAt = (tookMs: number) => judge({ ...KILLED, beats: beats('b', 100_000 + tookMs, END_MS) }).missedDeaths;
    expect(backAt(limitMs)).toBe(0);
    expect(backAt(limitMs + 1)).toBe(1);
  });

  it('is not good when anything else stays away either, and bears it late', () => {
    const faults = [fault('vision killed', 100_000)];
    const gone = judge({ faults, beats: beats('a', 0, END_MS, 100_000) });
    expect(gone).toMatchObject({ deaths: 0, missedDeaths: 0, isGood: false });
    expect(gone.problems).toEqual(['vision killed (cam1) at 00:01:40: not back, bound 60.0 s']);
    const late = judge({ faults, beats: [...beats('a', 0, 170_000, 100_000), ...beats('a', 170_000, END_MS)] });
    expect(late.byKind).toMatchObject([{ kind: 'vision killed', faults: 1, recovered: 1, late: 1 }]);
    expect(late.isGood).toBe(true);
  });

  it('does not take beats of the dead, or of a new life without frames, for a recovery', () => {
    const killed = fault('node killed', 100_000);
    const history = (seen: BeatSeen[]) => recoveredAtMs(killed, { beats: seen, rosterAtMs: [] });
    expect(history(beats('a', 102_000, 120_000))).toBeUndefined();
    expect(history([{ node: 'cam1', inv: 'b', atMs: 104_000, frameAtMs: null }])).toBeUndefined();
    expect(history([{ node: 'cam2', inv: 'b', atMs: 104_000, frameAtMs: 103_900 }])).toBeUndefined();
    expect(history([{ node: 'cam1', inv: 'b', atMs: 104_000, frameAtMs: 103_900 }])).toBe(104_000);
  });

  it('calls the restart of a healthy node false', () => {
    const verdict = judge({ restarts: [restart(50_000)] });
    expect(verdict.restarts.false).toBe(1);
    expect(verdict.problems).toEqual(['cam1 was well and was restarted at 00:00:50']);
    expect(verdict.isGood).toBe(false);
  });

  it('calls a restart false when the dead one was another life or another node', () => {
    const second = { ...KILLED, restarts: [restart(105_000), restart(150_000, 'b')] };
    expect(judge(second).restarts).toMatchObject({ dead: 1, false: 1 });
    expect(judge({ ...KILLED, restarts: [{ ...restart(105_000), node: 'cam2', inv: 'c' }] }).restarts.false).toBe(1);
  });

  it('lets a paused node be restarted while it stands and a moment after, and no later', () => {
    const paused = fault('node paused', 100_000, { untilMs: 110_000 });
    const at = (atMs: number) => judge({ faults: [paused], restarts: [restart(atMs)] }).restarts;
    expect(at(105_000)).toMatchObject({ frozen: 1, false: 0 });
    expect(at(116_000)).toMatchObject({ frozen: 1, false: 0 });
    expect(at(116_001)).toMatchObject({ frozen: 0, false: 1 });
    expect(at(99_000)).toMatchObject({ frozen: 0, false: 1 });
  });

  it('lets a node with a broken part be restarted only while its frames are old', () => {
    const faults = [fault('camera wedged', 100_000)];
    const stands = beats('a', 0, 130_000, 100_000);
    expect(judge({ faults, beats: stands, restarts: [restart(104_000)] }).restarts).toMatchObject({ false: 1 });
    expect(judge({ faults, beats: stands, restarts: [restart(120_000)] }).restarts).toMatchObject({ wedged: 1 });
    expect(judge({ faults, restarts: [restart(120_000)] }).restarts).toMatchObject({ wedged: 0, false: 1 });
  });

  it('takes the restart of a service that ended by itself for right, and counts that it did', () => {
    const verdict = judge({ restarts: [restart(105_000)], failures: [{ node: 'cam1', atMs: 100_000 }] });
    expect(verdict.restarts).toMatchObject({ dead: 1, false: 0 });
    expect(verdict.ownFailures).toBe(1);
  });

  it('is not good when one record is missing', () => {
    const verdict = judge({ records: { appended: 100, missing: 1, filled: 0, duplicates: 0 } });
    expect(verdict.isGood).toBe(false);
    expect(verdict.problems).toEqual(['1 records are missing at the listener']);
  });

  it('does not take the heartbeat that was due anyway for the recovery of a part', () => {
    const frozen = fault('vision frozen', 100_000);
    const due = { node: 'cam1', inv: 'a', atMs: 101_900, frameAtMs: 101_800 };
    expect(recoveredAtMs(frozen, { beats: [due], rosterAtMs: [] })).toBeUndefined();
    expect(recoveredAtMs(frozen, { beats: [due, ...beats('a', 115_000, 117_000)], rosterAtMs: [] })).toBe(115_000);
    expect(recoveredAtMs(frozen, { beats: beats('b', 115_000, 117_000), rosterAtMs: [] })).toBe(115_000);
  });

  it('has the monitor back with a roster made after it was killed, and the broker with a beat', () => {
    const monitor: ChaosFault = { kind: 'monitor killed', target: 'monitor', atMs: 100_000 };
    expect(recoveredAtMs(monitor, { beats: [], rosterAtMs: [99_000, 100_500, 118_000] })).toBe(118_000);
    const broker: ChaosFault = { kind: 'broker paused', target: 'broker', atMs: 100_000, untilMs: 104_000 };
    expect(recoveredAtMs(broker, { beats: beats('a', 104_500, 110_000), rosterAtMs: [] })).toBe(106_500);
  });

  it('gives a death more time from when the monitor could see again, and for each turn of another node', () => {
    const killed = fault('node killed', 100_000);
    const bound = (faults: ChaosFault[], restarts: RestartDone[] = []) => boundMs(killed, faults, restarts, DEMO);
    const alone = bound([killed]);
    const broker: ChaosFault = { kind: 'broker killed', target: 'broker', atMs: 98_000 };
    expect(bound([broker, killed])).toBe(121_000);
    expect(bound([{ ...broker, atMs: 30_000 }, killed])).toBe(alone);
    expect(bound([{ ...broker, atMs: 100_000 + alone }, killed]), 'too late to hide it').toBe(alone);
    const again: ChaosFault = { kind: 'broker paused', target: 'broker', atMs: 150_000, untilMs: 155_000 };
    expect(bound([broker, killed, again]), 'blinded again before it could act').toBe(178_000);
    const other = { ...restart(95_000), node: 'cam2' };
    expect(bound([killed], [other])).toBe(alone + 30_000);
    expect(bound([killed], [restart(105_000)]), 'its own restart').toBe(alone);
    expect(bound([killed], [{ ...other, atMs: 60_000 }]), 'over before').toBe(alone);
  });

  it('calls the restart of a unit false that a person stopped, or that is cut off and works', () => {
    for (const kind of ['node stopped', 'board cut off'] as const) {
      const faults = [fault(kind, 100_000, { untilMs: 140_000 })];
      const heard = [...beats('a', 0, 100_000), ...beats(kind === 'node stopped' ? 'b' : 'a', 142_000, END_MS)];
      expect(judge({ faults, beats: heard }).isGood, kind).toBe(true);
      expect(judge({ faults, beats: heard, restarts: [restart(130_000)] }).restarts.false, kind).toBe(1);
    }
  });

  it('has a board back as another life after its power was cut, and as the same after its network was', () => {
    const backOf = (kind: FaultKind, inv: string) =>
      recoveredAtMs(fault(kind, 100_000, { untilMs: 120_000 }), {
        beats: beats(inv, 122_000, 130_000),
        rosterAtMs: [],
      });
    expect(backOf('board unplugged', 'a')).toBeUndefined();
    expect(backOf('board unplugged', 'b')).toBe(122_000);
    expect(backOf('board cut off', 'a')).toBe(124_000);
  });

  it('tells with a late death what the monitor said of it', () => {
    const evidence = [
      { atMs: 101_000, what: 'will' },
      { atMs: 290_000, what: 'another story' },
    ];
    const incidents = [{ node: 'cam1', openedAtMs: 100_500, evidence }];
    const late = judge({ ...KILLED, incidents, beats: beats('b', 180_000, END_MS) });
    expect(late.problems).toEqual([
      'node killed (cam1) at 00:01:40: back after 80.0 s, bound 75.0 s',
      '  00:01:41 will',
    ]);
  });

  it('takes quantiles by nearest rank', () => {
    expect(quantiles([])).toBeNull();
    const hundred = Array.from({ length: 100 }, (_, i) => 100 - i);
    expect(quantiles(hundred)).toEqual({ p50: 50, p99: 99, max: 100 });
  });
});
