import { Random } from '../../../base/random.js';
import { type BrokerManners, PLAIN_MANNERS } from './broker-manners.js';
import { EventQueue } from './event-queue.js';
import { type Program, SimulatedBoard } from './simulated-board.js';
import { SimulatedBroker } from './simulated-broker.js';
import { type Latency, SimulatedNetwork } from './simulated-network.js';

export type WorldOptions = {
  readonly seed: string | number;
  readonly latency?: Latency;
};

/** A program threw: an invariant of its own broke, or it met what it does not handle. */
export type ProgramFault = { readonly atMs: number; readonly board: string; readonly error: unknown };

/** Virtual time starts here on every wall clock, ms since 1970. */
export const WALL_START_MS = 1_789_000_000_000;

/** Boards, brokers and the network between them on one virtual clock, all of it from one seed. */
export class World<State> {
  readonly queue = new EventQueue();
  readonly random: Random;
  readonly network: SimulatedNetwork;
  readonly brokers = new Map<string, SimulatedBroker>();
  readonly boards = new Map<string, SimulatedBoard<State>>();
  readonly faults: ProgramFault[] = [];

  constructor({ seed, latency = { baseMs: 1, jitterMs: 4 } }: WorldOptions) {
    this.random = new Random(seed);
    this.network = new SimulatedNetwork(this.queue, this.random.fork('network'), latency);
  }

  get nowMs(): number {
    return this.queue.nowMs;
  }

  /** A running broker. @param onStart see SimulatedBroker. */
  addBroker(
    name: string,
    manners: BrokerManners = PLAIN_MANNERS,
    onStart: (broker: SimulatedBroker) => void = () => {},
  ): SimulatedBroker {
    const broker = new SimulatedBroker(name, this.network, this.random.fork(`broker ${name}`), manners, onStart);
    this.brokers.set(name, broker);
    return broker;
  }

  /** A board that is off. @param node the name its program goes by, if not the board's. */
  addBoard(name: string, program: Program<State>, node: string = name): SimulatedBoard<State> {
    const board = new SimulatedBoard<State>({
      name,
      node,
      program,
      wallStartMs: WALL_START_MS,
      network: this.network,
      brokers: this.brokers,
      random: this.random.fork('boards'),
      onFault: (onBoard, error) => this.faults.push({ atMs: this.nowMs, board: onBoard, error }),
    });
    this.boards.set(name, board);
    return board;
  }
}
