import { describe, expect, it } from 'vitest';
import type { DoubtPicture } from '../../base/doubts.js';
import { Random } from '../../base/random.js';
import type { PlanEntry } from '../../monitor/plan/case.js';
import { derivePlanTimings } from '../../monitor/plan/timings.js';
import { deriveTimings, massHoldMs } from '../../monitor/timings.js';
import { SimulatedFleet, STEP_MS } from '../monitor/simulated-fleet.js';
import { SimulatedAudits } from './simulated-audits.js';
import { BELIEVED_MS, SimulatedBoard } from './simulated-board.js';
import { SimulatedBrokerBoard } from './simulated-broker-board.js';
import { SimulatedMonitor } from './simulated-monitor.js';

const HISTORIES = Number(process.env.VEDETTE_SIM_HISTORIES ?? 400);
const FIRST_SEED = Number(process.env.VEDETTE_SIM_SEED ?? 1);
const ROSTER = deriveTimings({ checkMs: STEP_MS });
const PLAN = derivePlanTimings();
/** Faults are injected for this long; then the world is left alone until every ladder has come to its end. */
const FAULTS_MS = 10 * 60_000;
const QUIET_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;

/**
 * A service that fell silent and can be helped is well again within this time, as long as nothing else disturbs broker,
 * monitors or its board: settle and lease (the broker died with it), grace, one more grace where systemd had restarted
 * it in vain, mass hold, a slow start, and the actions before it in the queue.
 */
function boundMs(nodes: number): number {
  const seeing = ROSTER.settleMs + ROSTER.leaseMs + PLAN.wedgedMs + 2 * ROSTER.graceMs + massHoldMs(ROSTER);
  const acting = PLAN.startMs + 30_000 + nodes * (40_000 + ROSTER.beatMs);
  // A monitor of rank two waits a minute; an order whose answer was lost is asked after; a board that did not answer
  // at first is asked again a minute later.
  return seeing + acting + PLAN.rankMs + 2 * PLAN.retryMs + 60_000;
}

type Tally = {
  readonly faults: Map<string, number>;
  readonly counters: Map<string, number>;
  readonly recoveriesMs: number[];
  executions: number;
  verified: number;
  brokerRestarts: number;
  actionable: number;
};

/** A probe and an order, each given up after a minute: as long may a restart come after it was asked for. */
const REQUEST_MS = 125_000;

type Kind = {
  /** People ask monitors for restarts, too. */
  readonly areAsked?: boolean;
  /** Nodes check each other's results, are wrong, and one of them may lie. */
  readonly areAudited?: boolean;
};

function runHistory(seed: number, tally: Tally, { areAsked = false, areAudited = false }: Kind = {}): string[] {
  const random = new Random(`supervision/${seed}`);
  const fleet = new SimulatedFleet((areAudited ? 4 : 2) + random.int(areAudited ? 5 : 7), random.fork('fleet'));
  const boards = new Map(
    fleet.nodes.map((node) => [node.node, new SimulatedBoard(fleet, node, random.fork(`board/${node.node}`))]),
  );
  const audits = new SimulatedAudits(fleet, boards, random.fork('audits'));
  const wrongly: string[] = [];
  const brokerBoard = new SimulatedBrokerBoard(fleet);
  // Some fleets hang on two switches.
  const sites = new Map(seed % 2 === 1 ? fleet.nodes.map(({ node }, i) => [node, i % 2 === 0 ? 'yard' : 'barn']) : []);
  const entry = (node: string, kind: 'edge' | 'broker'): PlanEntry => ({
    node,
    kind,
    unit: kind === 'broker' ? 'vedette-broker.service' : `vedette-edge@${node}.service`,
    site: sites.get(node),
    dependencies: kind === 'edge' && seed % 4 === 1 ? ['vedette-edge@lamp.service'] : [],
    mayReboot: kind === 'edge' && seed % 3 === 0,
  });
  const entries = [...fleet.nodes.map(({ node }) => entry(node, 'edge')), entry('broker', 'broker')];
  const timers: { dueMs: number; run: () => void }[] = [];
  const later = (delayMs: number, run: () => void) => timers.push({ dueMs: fleet.nowMs + delayMs, run });
  const holds = new Map<string, number>();
  /** When a restart of a node was asked for. */
  const requests: Request[] = [];
  const monitors = Array.from({ length: 1 + random.int(3) }, (_, index) => {
    const options = {
      fleet,
      inventory: fleet.nodes.map(({ node }) => ({ node, site: sites.get(node) })),
      entries,
      later,
      holds,
    };
    const doors = new Map<string, SimulatedBoard | SimulatedBrokerBoard>([...boards, ['broker', brokerBoard]]);
    const timings = { rosterTimings: ROSTER, planTimings: PLAN };
    const hearing = { claims: () => audits.claims(), onDecision: judgeDoubt };
    return new SimulatedMonitor({
      ...options,
      ...timings,
      ...(areAudited ? hearing : {}),
      boards: doors,
      random: random.fork(`monitor/${index}`),
    });
  });

  const count = (name: string) => tally.faults.set(name, (tally.faults.get(name) ?? 0) + 1);
  const gapMs = random.range(6_000, 90_000);
  let faultAtMs = random.range(30_000, 120_000);
  /** Since when each service could have been helped, undisturbed. */
  const helpableFromMs = new Map<string, number>();
  let disturbedMs = 0;

  const endMs = FAULTS_MS + QUIET_MS;
  while (fleet.nowMs < endMs) {
    if (fleet.nowMs >= faultAtMs && fleet.nowMs < FAULTS_MS) {
      faultAtMs = fleet.nowMs + gapMs * random.range(0.2, 1.8);
      const board = random.pick([...boards.values()]);
      const world = { fleet, board, boards, brokerBoard, monitors, random, later, sites, holds, audits };
      const [first, ...others] = faultsOf(world);
      const more = [...(areAsked ? requestsOf(world, requests) : []), ...(areAudited ? wrongsOf(world) : [])];
      const faults: readonly [Fault, ...Fault[]] = [first, ...others, ...more];
      const fault = random.pick(faults);
      count(fault.name);
      if (fault.disturbs) disturbedMs = fleet.nowMs;
      fault.run();
    }
    const due = timers.filter(({ dueMs }) => dueMs <= fleet.nowMs);
    for (const timer of due) timers.splice(timers.indexOf(timer), 1);
    for (const { run } of due) run();
    const events = fleet.step();
    for (const board of boards.values()) board.step();
    if (areAudited) {
      for (const [node, claims] of audits.step()) for (const monitor of monitors) monitor.hearClaims(node, claims);
    }
    if (!fleet.isMonitorFrozen) for (const monitor of monitors) monitor.step(events);
    if (!fleet.isMonitorConnected || fleet.isMonitorFrozen) disturbedMs = fleet.nowMs;
    disturbedMs = Math.max(disturbedMs, fleet.disturbedMs);
    if (monitors.some(({ downUntilMs }) => fleet.nowMs < downUntilMs)) disturbedMs = fleet.nowMs;
    for (const board of boards.values()) watch(board);
  }

  // A word against who is not wrong is a lie that was believed; and where most are doubted, none is believed.
  function judgeDoubt({ node, rule, what }: Told, { auditing, doubted }: DoubtPicture) {
    const board = boards.get(node);
    const isAgainst = rule === 'D1' || what.startsWith('given up, a person is needed: still doubted');
    if (board === undefined || !(isAgainst || what.includes(': doubted by'))) return;
    if (fleet.nowMs - board.wrongMs > BELIEVED_MS) wrongly.push(`${node} at ${fleet.nowMs}, which is right: ${what}`);
    const isMass = doubted.size > new Set([...auditing, ...doubted.keys()]).size / 2;
    if (isMass && rule !== 'D1') wrongly.push(`${node} at ${fleet.nowMs}, as most: ${what}`);
  }

  function watch(board: SimulatedBoard): void {
    const { node } = board.node;
    const fromMs = helpableFromMs.get(node);
    if (!board.isActionable() || board.node.isCut) {
      if (fromMs !== undefined && board.isWell()) tally.recoveriesMs.push(fleet.nowMs - fromMs);
      helpableFromMs.delete(node);
      return;
    }
    if (fromMs === undefined) tally.actionable++;
    const startMs = Math.max(fromMs ?? fleet.nowMs, disturbedMs);
    helpableFromMs.set(node, startMs);
    // A ladder that has begun, a person who was told: then it is not the first answer that is late.
    const isFirst = board.executions.every(({ atMs }) => fleet.nowMs - atMs > 30 * 60_000);
    const wasTold = monitors.some(({ alerts }) => alerts.some((alert) => alert.startsWith(`${node} `)));
    // Its last word was that it stops: the board is asked after a while, and now and then.
    const stopMs = board.node.isStopTold ? PLAN.graceMs + PLAN.startMs + PLAN.personMs : 0;
    if (isFirst && !wasTold && fleet.nowMs - startMs > boundMs(boards.size) + stopMs) {
      wrongly.push(`${node} dead and helpable since ${startMs}, now ${fleet.nowMs}, nobody helps`);
      helpableFromMs.set(node, fleet.nowMs);
    }
  }

  for (const monitor of monitors) {
    monitor.finish();
    for (const [name, value] of monitor.counters) tally.counters.set(name, (tally.counters.get(name) ?? 0) + value);
    wrongly.push(...overBudget(monitor), ...monitor.wrongly);
    tally.verified += monitor.verified;
    if (monitor.asked !== monitor.answered) wrongly.push(`${monitor.asked} requests, ${monitor.answered} answers`);
  }
  if (areAudited && fleet.isBrokerUp) {
    for (const board of boards.values()) wrongly.push(...judgeWrong(board, audits, monitors, fleet.nowMs));
    for (const board of boards.values()) wrongly.push(...judgeRepeats(board, audits, monitors.length));
  }
  for (const board of boards.values()) wrongly.push(...judge(board, monitors, requests, fleet.isBrokerUp));
  wrongly.push(...(brokerBoard.wronglyRestarted > 0 ? ['a broker that works was restarted'] : []));
  const wasTold = monitors.some(({ alerts }) => alerts.some((alert) => alert.startsWith('broker L4')));
  if (!fleet.isBrokerUp && !wasTold) wrongly.push('the broker stayed dead, and nobody was told');
  tally.executions += [...boards.values()].reduce((sum, { executions }) => sum + executions.length, 0);
  tally.brokerRestarts += brokerBoard.restarts;
  return wrongly;
}

type Told = { readonly node: string; readonly rule: string; readonly what: string };

type Request = { readonly node: string; readonly atMs: number };

type Fault = { readonly name: string; readonly disturbs?: boolean; readonly run: () => void };

type World = {
  readonly fleet: SimulatedFleet;
  /** The one that is hit. */
  readonly board: SimulatedBoard;
  readonly boards: ReadonlyMap<string, SimulatedBoard>;
  readonly brokerBoard: SimulatedBrokerBoard;
  readonly monitors: readonly SimulatedMonitor[];
  readonly random: Random;
  readonly later: (delayMs: number, run: () => void) => void;
  readonly sites: ReadonlyMap<string, string>;
  readonly holds: Map<string, number>;
  readonly audits: SimulatedAudits;
};

function faultsOf(world: World): readonly [Fault, ...Fault[]] {
  const { fleet, board, boards, brokerBoard, monitors, random, later, sites, holds } = world;
  const { node } = board;
  const maybe = (fromMs: number, toMs: number) => (random.chance(0.5) ? random.range(fromMs, toMs) : undefined);
  return [
    { name: 'crash, systemd restarts', run: () => board.crash(false) },
    { name: 'crash, start limit', run: () => board.crash(true) },
    { name: 'crash, start limit', run: () => board.crash(true) },
    { name: 'freeze', run: () => board.freeze(random.range(5_000, 120_000), undefined) },
    { name: 'freeze for good', run: () => board.freeze(HOUR_MS * 2, maybe(30_000, 40_000)) },
    { name: 'wedged, silent', run: () => board.wedge('silent', maybe(20_000, 200_000)) },
    { name: 'wedged, old frames', run: () => board.wedge('stale', maybe(20_000, 200_000)) },
    {
      name: 'camera unplugged',
      run: () => {
        node.camera.unplug(fleet.nowMs);
        const backMs = maybe(5_000, 200_000);
        if (backMs !== undefined) later(backMs, () => node.camera.plug(fleet.nowMs));
      },
    },
    {
      name: 'camera slow to start',
      run: () => {
        node.camera.firstFrameMs = random.range(20_000, 150_000);
        board.crash(random.chance(0.7));
      },
    },
    {
      name: 'camera that never comes',
      run: () => {
        node.camera.firstFrameMs = Number.POSITIVE_INFINITY;
        board.crash(random.chance(0.7));
      },
    },
    { name: 'power cut', run: () => board.powerCut(maybe(5_000, 200_000)) },
    { name: 'bad configuration', run: () => board.misconfigure() },
    { name: 'fails at every start', run: () => board.breakDown() },
    { name: 'mended by a person', run: () => board.mend() },
    { name: 'stopped by an operator', run: () => board.stop(maybe(10_000, 300_000)) },
    { name: 'update', run: () => board.update(random.range(5_000, 60_000)) },
    { name: 'update whose start fails', run: () => board.failedUpdate(random.range(5_000, 60_000)) },
    {
      name: 'slow start',
      run: () => {
        board.startMs = random.range(20_000, 80_000);
        board.crash(random.chance(0.5));
      },
    },
    { name: 'cut: node from broker', run: () => fleet.cut(node, random.range(5_000, 200_000)) },
    {
      name: 'cut: SSH only',
      disturbs: true,
      run: () => {
        board.sshCutUntilMs = fleet.nowMs + random.range(5_000, 200_000);
      },
    },
    {
      name: 'cut: node from everything',
      disturbs: true,
      run: () => {
        const forMs = random.range(5_000, 200_000);
        board.sshCutUntilMs = fleet.nowMs + forMs;
        fleet.cut(node, forMs);
      },
    },
    {
      name: 'cut: half the fleet',
      disturbs: true,
      run: () => {
        const forMs = random.range(5_000, 90_000);
        for (const other of boards.values()) if (random.chance(0.5)) fleet.cut(other.node, forMs);
      },
    },
    {
      name: 'cut: a whole site',
      disturbs: true,
      run: () => {
        const forMs = random.range(5_000, 200_000);
        for (const other of boards.values()) {
          if (sites.get(other.node.node) !== sites.get(node.node)) continue;
          other.sshCutUntilMs = fleet.nowMs + forMs;
          fleet.cut(other.node, forMs);
        }
      },
    },
    {
      name: 'cut: SSH from one monitor',
      disturbs: true,
      run: () => random.pick(monitors).sshCutUntilMs.set(node.node, fleet.nowMs + random.range(5_000, 200_000)),
    },
    {
      name: "cut: SSH to the broker's board",
      disturbs: true,
      run: () => {
        brokerBoard.sshCutUntilMs = fleet.nowMs + random.range(5_000, 120_000);
      },
    },
    {
      name: 'maintenance by a person',
      run: () => {
        const untilMs = fleet.nowMs + random.range(20_000, 300_000);
        holds.set(node.node, untilMs);
        board.hold = { fromMs: fleet.nowMs, untilMs };
        for (const monitor of monitors) monitor.hearHold(node.node);
        // The monitors tell the board, where they reach it.
        if (fleet.nowMs >= board.sshCutUntilMs && random.chance(0.5)) board.maintenanceUntilMs = untilMs;
      },
    },
    {
      name: "a monitor's clock jumps",
      run: () => {
        random.pick(monitors).wallOffsetMs += random.pick([-1, 1]) * random.range(60_000, 48 * HOUR_MS);
      },
    },
    {
      name: 'monitor killed while it acts',
      disturbs: true,
      run: () => {
        random.pick(monitors).diesAtNextOrder = true;
      },
    },
    {
      name: 'SSH answers garbage',
      disturbs: true,
      run: () => {
        board.sshGarbageUntilMs = fleet.nowMs + random.range(5_000, 60_000);
      },
    },
    { name: 'reconnect', run: () => fleet.blip(node) },
    { name: 'duplicate id', run: () => fleet.duplicate(node, 3 + random.int(8)) },
    { name: 'forged will', run: () => fleet.forgeWill(node, node.gen + random.int(2)) },
    { name: 'stale will', run: () => fleet.forgeWill(node, Math.max(0, node.gen - 1 - random.int(3))) },
    { name: 'broker stall', disturbs: true, run: () => fleet.stall(random.range(500, 25_000)) },
    { name: 'broker killed, restarts', disturbs: true, run: () => fleet.killBroker(random.range(500, 30_000)) },
    { name: 'broker killed, start limit', disturbs: true, run: () => brokerBoard.fail() },
    { name: 'broker stops and starts', disturbs: true, run: () => fleet.stopBroker(random.range(500, 30_000)) },
    { name: 'monitor frozen', disturbs: true, run: () => fleet.freezeMonitor(random.range(1_000, 60_000)) },
    { name: 'all monitors cut off', disturbs: true, run: () => fleet.cutMonitor() },
    {
      name: 'one monitor cut off',
      disturbs: true,
      run: () => random.pick(monitors).cut(random.range(3_000, 120_000)),
    },
    {
      name: 'monitor killed',
      disturbs: true,
      run: () => random.pick(monitors).crash(random.range(2_000, 60_000)),
    },
  ];
}

/** As often as a quarter of all the rest. */
function wrongsOf({ fleet, board, boards, random, later, audits }: World): Fault[] {
  const { node } = board.node;
  const all = [...boards.keys()];
  const goWrong = () => {
    board.goWrong(random.chance(0.5) ? 'until-restart' : 'for-good');
    if (!random.chance(0.3)) return;
    later(random.range(60_000, 900_000), () => {
      board.wrong = undefined;
      audits.replaceModel(node);
    });
  };
  const lie = (of: readonly string[]) => {
    // One at a time: two who agree are a majority of three.
    if (audits.liars.size > 0) return;
    audits.liars.set(node, of);
    later(Math.min(random.range(30_000, 600_000), FAULTS_MS - fleet.nowMs), () => audits.liars.delete(node));
  };
  return [
    { name: 'quietly wrong', run: goWrong },
    { name: 'quietly wrong', run: goWrong },
    { name: 'quietly wrong', run: goWrong },
    {
      name: 'most are wrong',
      run: () => {
        const hit = [...boards.values()].filter((_, i) => i % 4 !== 0);
        for (const one of hit) one.goWrong('for-good');
        later(random.range(60_000, 900_000), () => {
          for (const one of hit) {
            one.wrong = undefined;
            audits.replaceModel(one.node.node);
          }
        });
      },
    },
    { name: 'lies of one', run: () => lie([random.pick([all[0] ?? node, ...all])].filter((other) => other !== node)) },
    { name: 'lies of all', run: () => lie(all.filter((other) => other !== node)) },
    { name: 'lies that nobody is wrong', run: () => lie([]) },
  ];
}

/** As often as all the rest of what people do. */
function requestsOf({ fleet, board, monitors, random, later }: World, requests: Request[]): Fault[] {
  const { node } = board.node;
  const ask = () => {
    requests.push({ node, atMs: fleet.nowMs });
    random.pick(monitors).ask(node);
  };
  const often = () => {
    for (let i = 0; i < 6; i++) later(i * random.range(500, 20_000), ask);
  };
  return [
    ...Array.from({ length: 4 }, () => ({ name: 'restart asked for', run: ask })),
    { name: 'restart asked for again and again', run: often },
  ];
}

/** At the end of a long quiet time: who is wrong for good is given up, who is right again is free of it. */
function judgeWrong(
  board: SimulatedBoard,
  audits: SimulatedAudits,
  monitors: readonly SimulatedMonitor[],
  nowMs: number,
): string[] {
  const { node } = board.node;
  if (!audits.canAudit(board) || audits.canAuditCount < 4 || !board.isWell()) return [];
  const isRight = nowMs - board.wrongMs > BELIEVED_MS;
  const isLongWrong = board.wrong !== undefined && nowMs - board.wrongFromMs > QUIET_MS - 5 * 60_000;
  return monitors.flatMap((monitor) => {
    const one = monitor.plan.case(node);
    const isUnderWay = one?.cause === 'doubted' && one.phase !== 'idle';
    if (isRight && isUnderWay) return [`${node} is right, and is ${one.phase} for a doubt at the end`];
    if (!isLongWrong || audits.massFromMs !== undefined || one?.phase === 'quarantined') return [];
    // No restarts left of this hour.
    if (monitor.alerts.some((alert) => /budget/.test(alert) && alert.startsWith(`${node} `))) return [];
    return [`${node} is wrong since ${board.wrongFromMs}, and is ${one?.phase} at the end`];
  });
}

// Once per monitor at most, where one did not hear of the other's restart. A liar may end a doubt that then comes back.
function judgeRepeats({ node, executions }: SimulatedBoard, { hasLied }: SimulatedAudits, monitors: number): string[] {
  const restarts = executions.filter(({ kind, wasWell, wasWrong }) => kind === 'restart' && wasWell && wasWrong);
  const since = restarts.map(({ wrongFromMs }) => wrongFromMs);
  return [...new Set(since)].flatMap((fromMs) => {
    const times = since.filter((other) => other === fromMs).length;
    return hasLied || times <= monitors ? [] : [`${node.node}: wrong since ${fromMs}, and restarted ${times} times`];
  });
}

function judge(
  board: SimulatedBoard,
  monitors: readonly SimulatedMonitor[],
  requests: readonly Request[],
  isBrokerUp: boolean,
): string[] {
  const { node } = board.node;
  const wrongly: string[] = [];
  const seen = new Set<string>();
  for (const { atMs, kind, endedInv, wasWell, wasStopped, wasWrong, wasHeld } of board.executions) {
    if (wasHeld) wrongly.push(`${node}: ${kind} at ${atMs} under maintenance`);
    const isAskedFor = requests.some((one) => one.node === node && atMs >= one.atMs && atMs - one.atMs <= REQUEST_MS);
    if (wasWell && !((isAskedFor || wasWrong) && kind === 'restart'))
      wrongly.push(`${node}: ${kind} at ${atMs} of a healthy service`);
    if (wasStopped) wrongly.push(`${node}: ${kind} at ${atMs} of a unit that a person stopped`);
    if (seen.has(endedInv)) wrongly.push(`${node}: ${endedInv} was ended twice`);
    seen.add(endedInv);
  }
  const restarts = board.executions.filter(({ kind }) => kind === 'restart');
  for (const { atMs } of restarts) {
    const inHour = restarts.filter((other) => atMs - other.atMs >= 0 && atMs - other.atMs < HOUR_MS).length;
    if (inHour > PLAN.nodeRestartsPerHour) wrongly.push(`${node}: ${inHour} restarts within an hour`);
  }
  // Without a broker nobody hears of anybody: a person was told of that (it is checked of itself), and comes for all.
  if (board.isActionable() && !board.node.isCut && isBrokerUp) {
    const isGivenUp = monitors.some(({ alerts }) => alerts.some((alert) => alert.startsWith(`${node} `)));
    if (!isGivenUp) wrongly.push(`${node} is dead at the end, and nobody was told`);
  }
  return wrongly;
}

function overBudget(monitor: SimulatedMonitor): string[] {
  const wrongly: string[] = [];
  if (monitor.mostAtOnce > PLAN.concurrentMax) wrongly.push(`${monitor.mostAtOnce} actions at a time`);
  if (monitor.mostAtSite > PLAN.concurrentPerSiteMax) wrongly.push(`${monitor.mostAtSite} actions at one site`);
  // A clock that jumped over an hour makes the next life forget it; the boards' own tokens hold then (judged there).
  if (monitor.wallOffsetMs !== 0) return wrongly;
  for (const { atMs } of monitor.orders) {
    const recent = monitor.orders.filter((other) => atMs - other.atMs >= 0 && atMs - other.atMs < HOUR_MS);
    const byNode = new Map<string, number>();
    for (const { node } of recent) byNode.set(node, (byNode.get(node) ?? 0) + 1);
    // Orders that a board did not carry out (somebody was first, maintenance) cost none of the budget.
    for (const [node, orders] of byNode) {
      if (orders > PLAN.nodeRestartsPerHour + 3) wrongly.push(`${node}: ${orders} orders within an hour`);
    }
    const reboots = recent.filter(({ kind }) => kind === 'reboot').length;
    if (reboots > 2) wrongly.push(`${reboots} reboots within an hour`);
  }
  return wrongly;
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

describe(`supervision over ${HISTORIES} seeded histories`, () => {
  it('does so, too, where people ask for restarts: each is answered once, and none is a way around a rule', () => {
    const none = { executions: 0, verified: 0, brokerRestarts: 0, actionable: 0 };
    const tally: Tally = { faults: new Map(), counters: new Map(), recoveriesMs: [], ...none };
    const histories = Math.ceil(HISTORIES / 4);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + histories; seed++) {
      expect(runHistory(seed, tally, { areAsked: true }), `seed ${seed}`).toEqual([]);
    }
    expect(tally.counters.get('requests')).toBeGreaterThan(histories / 4);
  }, 600_000);

  it('restarts who is quietly wrong, and believes neither a liar nor all at once', () => {
    const none = { executions: 0, verified: 0, brokerRestarts: 0, actionable: 0 };
    const tally: Tally = { faults: new Map(), counters: new Map(), recoveriesMs: [], ...none };
    const histories = Math.ceil(HISTORIES / 4);
    for (let seed = FIRST_SEED; seed < FIRST_SEED + histories; seed++) {
      expect(runHistory(seed, tally, { areAudited: true }), `seed ${seed}`).toEqual([]);
    }
    process.stdout.write(`${JSON.stringify({ audited: histories, plan: Object.fromEntries(tally.counters) })}\n`);
    expect(tally.counters.get('doubts')).toBeGreaterThan(histories / 4);
    expect(tally.counters.get('doubtsHeldBack')).toBeGreaterThan(0);
  }, 600_000);

  it('brings the dead back, touches nobody who is well, and keeps its budgets', () => {
    const tally: Tally = {
      faults: new Map(),
      counters: new Map(),
      recoveriesMs: [],
      executions: 0,
      verified: 0,
      brokerRestarts: 0,
      actionable: 0,
    };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + HISTORIES; seed++) {
      expect(runHistory(seed, tally), `seed ${seed}`).toEqual([]);
    }
    const { faults, counters, recoveriesMs, ...sums } = tally;
    const seconds = (share: number) => Math.round(percentile(recoveriesMs, share) / 1000);
    process.stdout.write(
      `${JSON.stringify({
        histories: HISTORIES,
        faults: Object.fromEntries([...faults].toSorted()),
        ...sums,
        recoveryS: { p50: seconds(0.5), p99: seconds(0.99), max: seconds(1) },
        plan: Object.fromEntries(counters),
      })}\n`,
    );
    // The histories must hold what they are about.
    expect(sums.executions).toBeGreaterThan(HISTORIES / 2);
    expect(sums.brokerRestarts).toBeGreaterThan(HISTORIES / 20);
  }, 600_000);
});
