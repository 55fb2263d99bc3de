import { SessionToken } from '../../../base/query/session-token.js';
import { Random } from '../../../base/random.js';
import type { FaultKind } from '../faults/fault.js';
import { PLAIN_MANNERS } from '../kernel/broker-manners.js';
import type { ProgramEnv } from '../kernel/simulated-board.js';
import type { SimulatedBroker } from '../kernel/simulated-broker.js';
import type { Scenario, ScenarioRun, Stage } from '../scenario.js';
import { SYNCING_RECORDS } from './core-replica.js';
import type { ObservedReplica, RecordSeen } from './observed-replica.js';
import { QueryOracle } from './query-oracle.js';
import { READER, type ReaderMemory, type Reading, type ReadingClientOptions } from './reading-client.js';
import { RecordOracle } from './record-oracle.js';

/** A kind of replica that can be put through histories. */
export type ReplicaKind = {
  readonly name: string;
  readonly start: (env: ProgramEnv, brokers: readonly [string, ...string[]]) => ObservedReplica;
  /** Who is to hold the logs of a node; everybody when absent. */
  readonly holdersOf?: (node: string, inventory: readonly string[]) => readonly string[];
  /** Somebody who asks the replicas; nobody does when absent. */
  readonly startReader?: (env: ProgramEnv, options: Omit<ReadingClientOptions, 'without'>) => unknown;
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
    faultKinds: kind.startReader === undefined ? [RETENTION] : [RETENTION, OVERLOAD, READER_RESTART],
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

/** A board has more to do than it can: it is passed over by those who ask. */
const OVERLOAD: FaultKind<unknown> = {
  name: 'overload',
  lastsMs: [1_000, 60_000],
  draw: (random, { boards }) => [random.pick(boards)],
  inflict: ({ world }, { targets: [target = ''] }) => {
    const board = world.boards.get(target);
    if (board === undefined) return undefined;
    const set = (isOverloaded: boolean) => board.act((state) => replicaOf(state)?.setOverloaded?.(isOverloaded));
    set(true);
    return { heal: () => set(false) };
  },
};

/** The reader's program ends and begins again, with its token and without anything else that it knew. */
const READER_RESTART: FaultKind<unknown> = {
  name: 'reader-restart',
  lastsMs: [0, 10_000],
  draw: () => [READER],
  inflict: ({ world }) => {
    const board = world.boards.get(READER);
    if (board === undefined || !board.isAlive) return undefined;
    board.crash();
    return { heal: () => board.start() };
  },
};

class RecordRun implements ScenarioRun {
  readonly #kind: ReplicaKind;
  readonly #stage: Stage;
  readonly #oracle: RecordOracle;
  readonly #queries: QueryOracle;
  readonly #random: Random;
  /** Boards that keep replicas. */
  readonly #holders = new Set<string>();
  readonly #asked = { readings: 0, complete: 0, agreed: 0 };
  #isWriting = true;
  #appended = 0;
  #refused = 0;

  constructor(kind: ReplicaKind, stage: Stage) {
    this.#kind = kind;
    this.#stage = stage;
    this.#oracle = new RecordOracle(stage.book, (board, node) => this.#isHolder(board, node));
    this.#queries = new QueryOracle(stage.book, (node, epoch) => this.#oracle.trueLog(node, epoch));
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
    this.#addReader();
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
    for (const board of this.#holders) this.#look(board);
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
    // Rot of the last moments is met by reading, and mended: that too is part of coming right.
    return this.#oracle.difference(replicas) ?? this.#oracle.lack(replicas);
  }

  finish(): void {
    this.#oracle.finish(this.#replicas());
  }

  figures() {
    const brokers = [...this.#stage.world.brokers.values()];
    return {
      appended: this.#appended,
      refused: this.#refused,
      ...this.#asked,
      acknowledged: this.#oracle.acknowledged,
      published: brokers.reduce((sum, { counts }) => sum + counts.published, 0),
      deliveries: brokers.reduce((sum, { counts }) => sum + counts.delivered, 0),
    };
  }

  #addReader(): void {
    const { startReader } = this.#kind;
    if (startReader === undefined) return;
    const memory: ReaderMemory = { token: new SessionToken() };
    const onReading = (reading: Reading) => {
      // What was given up since the last look is no reason to find fault with an answer that knows of it.
      this.watch();
      this.#queries.check(reading);
      this.#asked.readings++;
      if (reading.result.complete) this.#asked.complete++;
      if (reading.result.confidence === 'confirmed') this.#asked.agreed++;
    };
    const brokers = shuffledBrokers(this.#stage.brokers);
    this.#stage.world.addBoard(READER, (env) => startReader(env, { brokers, memory, onReading })).start();
  }

  #add(name: string, node: string): void {
    this.#holders.add(name);
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
    const { ownEpoch } = replica;
    if (ownEpoch !== undefined) {
      const isHeldBy = (each: ObservedReplica, seq: number) => each.textOf(board.node, ownEpoch, seq) !== undefined;
      const isHeld = (seq: number) =>
        isHeldBy(replica, seq) || [...this.#replicas().values()].some((each) => isHeldBy(each, seq));
      this.#oracle.noteAcknowledged(board.node, ownEpoch, replica.acknowledged, isHeld);
    }
    for (const { lacked, ranges } of replica.takeAnswers?.() ?? []) {
      const isNear = lacked <= SYNCING_RECORDS;
      this.#stage.book.check('I20 who lacks much answers nothing', isNear, () => {
        return `${name} lacked ${lacked} records: ${ranges.join(', ')}`;
      });
    }
    for (const seen of replica.takeAside?.() ?? []) this.#oracle.noteAside(name, seen);
    for (const { name: gauge, value, limit } of replica.gauges()) {
      this.#stage.book.check('I19 every queue keeps its limit', value <= limit, () => `${name}: ${gauge} ${value}`);
    }
  }

  #isHolder(board: string, node: string): boolean {
    const { boards } = this.#stage.world;
    const holders = this.#kind.holdersOf?.(node, [
      ...new Set([...this.#holders].map((holder) => boards.get(holder)?.node ?? holder)),
    ]);
    return holders === undefined || holders.includes(boards.get(board)?.node ?? '');
  }

  #replicas(): Map<string, ObservedReplica> {
    const replicas = new Map<string, ObservedReplica>();
    for (const name of this.#holders) {
      const replica = replicaOf(this.#stage.world.boards.get(name)?.state);
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
