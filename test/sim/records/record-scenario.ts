import { Random } from '../../../base/random.js';
import type { FaultKind } from '../faults/fault.js';
import { PLAIN_MANNERS } from '../kernel/broker-manners.js';
import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedBroker } from '../kernel/simulated-broker.js';
import type { Scenario, ScenarioRun, Stage } from '../scenario.js';
import type { ObservedReplica, RecordSeen } from './observed-replica.js';
import { RecordOracle } from './record-oracle.js';

/** A kind of replica that can be put through histories. */
export type ReplicaKind = {
  readonly name: string;
  readonly start: (env: ProgramEnv, brokers: readonly [string, ...string[]]) => ObservedReplica;
  /** Who is to hold the logs of a node; everybody when absent. */
  readonly holdersOf?: (node: string, inventory: readonly string[]) => readonly string[];
  readonly recordsIn: (topic: string, payload: unknown) => readonly RecordSeen[];
  /** What a broker of this system says of itself when it starts. */
  readonly onBrokerStart?: (broker: SimulatedBroker) => void;
  readonly mayRot: (path: string) => boolean;
};

/** Records are appended this often by each node, ms: about one a second, in bursts and pauses. */
const APPEND_MS = [100, 1_900] as const;

/** Every node writes its log and keeps everybody's. */
export function recordScenario(kind: ReplicaKind): Scenario {
  return {
    name: kind.name,
    faultKinds: [RETENTION],
    begin: (stage) => new RecordRun(kind, stage),
  };
}

/** Retention raises `first` of the logs of some boards while another one may be joining. */
const RETENTION: FaultKind<unknown> = {
  name: 'retention',
  lastsMs: [0, 0],
  draw: (random, { boards }) => [random.pick(boards)],
  inflict: ({ world }, { targets: [target = ''] }, random) => {
    const replica = replicaOf(world.boards.get(target)?.state);
    const epoch = replica?.ownEpoch;
    const own = replica?.logs().find((log) => log.node === target && log.epoch === epoch);
    if (replica === undefined || own === undefined || own.frontier <= own.first) return undefined;
    const first = own.first + 1 + random.int(own.frontier - own.first);
    world.boards.get(target)?.act(() => replica.expireOwn(first));
    return { heal: () => {} };
  },
};

class RecordRun implements ScenarioRun {
  readonly #kind: ReplicaKind;
  readonly #stage: Stage;
  readonly #oracle: RecordOracle;
  readonly #random: Random;
  #isWriting = true;
  #appended = 0;
  #refused = 0;

  constructor(kind: ReplicaKind, stage: Stage) {
    this.#kind = kind;
    this.#stage = stage;
    this.#oracle = new RecordOracle(stage.book, (board, node) => this.#isHolder(board, node));
    this.#random = new Random(`workload ${stage.world.random.next()}`);
    for (const name of stage.brokers) {
      const lingerMs = this.#random.pick([0, 0, 50, 300]);
      const broker = stage.world.addBroker(
        name,
        {
          ...PLAIN_MANNERS,
          lingerMs,
          replayLingerMs: 2 * lingerMs,
          duplicates: this.#random.pick([0, 0.02]),
        },
        kind.onBrokerStart,
      );
      broker.taps.push(({ topic, payload }) => {
        for (const seen of kind.recordsIn(topic, payload)) this.#oracle.noteTraffic(seen);
      });
    }
    for (const name of stage.boards) this.join(name);
  }

  join(name: string): void {
    this.#add(name, name);
    this.#stage.world.boards.get(name)?.start();
  }

  clone(node: string, name: string): void {
    this.#add(name, node);
  }

  beforeDestruction(board: string): void {
    this.#look(board);
    this.#oracle.noteDestruction(board);
  }

  mayRot(path: string): boolean {
    return this.#kind.mayRot(path);
  }

  watch(): void {
    for (const board of this.#stage.world.boards.keys()) this.#look(board);
  }

  settle(): void {
    this.#isWriting = false;
  }

  whyNotConverged(): string | undefined {
    const replicas = this.#replicas();
    for (const [board, replica] of replicas) {
      for (const { node, epoch, frontier, last } of replica.logs()) {
        if (frontier >= last) continue;
        // What died with a board before anybody else had it is a gap for good; what somebody has is not.
        const isHeld = [...replicas.values()].some((other) => other.textOf(node, epoch, frontier + 1) !== undefined);
        if (isHeld) return `${board} has a gap in ${node}/${epoch} after ${frontier}`;
      }
    }
    return this.#oracle.difference(replicas);
  }

  finish(): void {
    this.#oracle.finish(this.#replicas());
  }

  figures() {
    const brokers = [...this.#stage.world.brokers.values()];
    return {
      appended: this.#appended,
      refused: this.#refused,
      acknowledged: this.#oracle.acknowledged,
      published: brokers.reduce((sum, { counts }) => sum + counts.published, 0),
      deliveries: brokers.reduce((sum, { counts }) => sum + counts.delivered, 0),
    };
  }

  #add(name: string, node: string): void {
    const brokers = shuffledBrokers(this.#stage.brokers);
    const board = this.#stage.world.addBoard(name, (env) => this.#kind.start(env, brokers), node);
    const random = this.#random.fork(name);
    const again = () => {
      if (!this.#isWriting) return;
      // A frozen or dead process appends nothing.
      if (board.isRunning) board.act(() => this.#append(name, random));
      this.#stage.world.queue.after(random.range(...APPEND_MS), again);
    };
    this.#stage.world.queue.after(random.range(...APPEND_MS), again);
  }

  #append(name: string, random: Random): void {
    const replica = replicaOf(this.#stage.world.boards.get(name)?.state);
    if (replica === undefined) return;
    const burst = random.chance(0.02) ? 40 : 1;
    for (let i = 0; i < burst; i++) {
      const seq = replica.append(`${name} ${this.#appended++} ${random.int(1e9)}`);
      if (seq === undefined) this.#refused++;
      else this.#noteAppended(name, replica, seq);
    }
  }

  #noteAppended(name: string, replica: ObservedReplica, seq: number): void {
    const node = this.#stage.world.boards.get(name)?.node ?? name;
    const epoch = replica.ownEpoch;
    const text = epoch === undefined ? undefined : replica.textOf(node, epoch, seq);
    if (epoch !== undefined && text !== undefined) this.#oracle.noteAppended({ node, epoch, seq, text });
  }

  #look(name: string): void {
    const board = this.#stage.world.boards.get(name);
    const replica = replicaOf(board?.state);
    if (board === undefined || replica === undefined) return;
    this.#oracle.observe(name, replica);
    if (replica.ownEpoch !== undefined) {
      this.#oracle.noteAcknowledged(board.node, replica.ownEpoch, replica.acknowledged);
    }
    for (const { name: gauge, value, limit } of replica.gauges()) {
      this.#stage.book.check('I19 every queue keeps its limit', value <= limit, () => `${name}: ${gauge} ${value}`);
    }
  }

  #isHolder(board: string, node: string): boolean {
    const { boards } = this.#stage.world;
    const holders = this.#kind.holdersOf?.(node, [...new Set([...boards.values()].map((each) => each.node))]);
    return holders === undefined || holders.includes(boards.get(board)?.node ?? '');
  }

  #replicas(): Map<string, ObservedReplica> {
    const replicas = new Map<string, ObservedReplica>();
    for (const [name, board] of this.#stage.world.boards) {
      const replica = replicaOf(board.state);
      if (replica !== undefined) replicas.set(name, replica);
    }
    return replicas;
  }
}

function shuffledBrokers([first = '', ...others]: readonly string[]): readonly [string, ...string[]] {
  return [first, ...others];
}

function replicaOf(state: unknown): ObservedReplica | undefined {
  // Every program of this scenario is one.
  return state as ObservedReplica | undefined;
}
