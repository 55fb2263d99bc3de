import type { Clock } from '../../../base/clock.js';
import type { Random } from '../../../base/random.js';
import { BoardClock, WallClock } from './board-clock.js';
import { ProcessLife } from './process-life.js';
import type { SimulatedBroker } from './simulated-broker.js';
import { DiskError, SimulatedDisk } from './simulated-disk.js';
import { type LinkSettings, SimulatedLink } from './simulated-link.js';
import type { SimulatedNetwork } from './simulated-network.js';

/** All that a program gets of the world. It cannot tell that it is simulated. */
export type ProgramEnv = {
  /** Name of the node; clones have the same. */
  readonly node: string;
  /** Wall clock of the board, monotonic clock since the start of the process. */
  readonly clock: Clock;
  /** Which life of the board's process this is, from 1: what a file on its card could count. */
  readonly lives: number;
  /** Different in every life of every board. */
  readonly random: Random;
  readonly disk: SimulatedDisk;
  /** A connection of its own; call `open` on it. */
  readonly link: (settings: LinkSettings) => SimulatedLink;
};

/** A program: started with its env, it lives by the callbacks it set. What it returns is for observers alone. */
export type Program<State> = (env: ProgramEnv) => State;

export type BoardOptions<State> = {
  /** Name on the network, one of a kind. */
  readonly name: string;
  /** Name the program goes by; the board's own unless it is a clone. */
  readonly node?: string;
  readonly program: Program<State>;
  readonly wallStartMs: number;
  readonly network: SimulatedNetwork;
  readonly brokers: ReadonlyMap<string, SimulatedBroker>;
  readonly random: Random;
  /** The program threw. */
  readonly onFault: (board: string, error: unknown) => void;
};

/** As systemd is told to by the units of the nodes. */
const RESTART_MS = 1_000;

/** A board: a disk, a wall clock, and one process that lives, dies and lives again. */
export class SimulatedBoard<State> {
  readonly name: string;
  readonly node: string;
  readonly disk = new SimulatedDisk();
  readonly wall: WallClock;
  readonly #options: BoardOptions<State>;
  #life: ProcessLife | undefined;
  #state: State | undefined;
  #lives = 0;
  #isRetired = false;

  constructor(options: BoardOptions<State>) {
    this.name = options.name;
    this.node = options.node ?? options.name;
    this.#options = options;
    this.wall = new WallClock(options.network.queue, options.wallStartMs);
  }

  /** The process exists, frozen or not. */
  get isAlive(): boolean {
    return this.#life?.isAlive === true;
  }

  get isRunning(): boolean {
    return this.#life?.isRunning === true;
  }

  /** What the program of this life returned; undefined while there is none. */
  get state(): State | undefined {
    return this.isAlive ? this.#state : undefined;
  }

  /** Lives so far. */
  get lives(): number {
    return this.#lives;
  }

  start(): void {
    if (this.isAlive || this.#isRetired) return;
    const { network, brokers, random, program, onFault } = this.#options;
    this.#lives++;
    this.#state = undefined;
    const life = new ProcessLife(network.queue, (error) => {
      // A disk that cannot be read at the start is no fault of the program: it ends, and its supervisor starts it again.
      const isUnreadable = error instanceof DiskError && this.#state === undefined;
      if (!isUnreadable) onFault(this.name, error);
      this.crash();
      if (isUnreadable) network.queue.after(RESTART_MS, () => this.start());
    });
    this.#life = life;
    const lifeRandom = random.fork(`${this.name}/${this.#lives}`);
    life.enter(() => {
      this.#state = program({
        node: this.node,
        lives: this.#lives,
        clock: new BoardClock(network.queue, life, this.wall),
        random: lifeRandom.fork('program'),
        disk: this.disk,
        link: (settings) =>
          new SimulatedLink(settings, this.name, network, brokers, life, lifeRandom.fork(`link ${settings.clientId}`)),
      });
    });
  }

  /** Calls into the running program as something outside it does; what it throws is its end. */
  act(part: (state: State) => void): void {
    this.#life?.enter(() => {
      if (this.#state !== undefined) part(this.#state);
    });
  }

  /** The process is killed. What it wrote is in the system's cache and stays; its sockets close. */
  crash(): void {
    this.#life?.end(false);
  }

  /** The power goes: what was not synced is lost or torn, and nobody closes the sockets. */
  powerCut(random: Random): void {
    if (!this.isAlive) return;
    this.#life?.end(true);
    this.disk.powerCut(random);
  }

  /** Taken away for good: no start brings it back. */
  retire(): void {
    this.crash();
    this.#isRetired = true;
  }

  get isRetired(): boolean {
    return this.#isRetired;
  }

  /** SIGSTOP. */
  freeze(): void {
    this.#life?.freeze();
  }

  /** SIGCONT: what came meanwhile is handled now, in its order. */
  thaw(): void {
    this.#life?.thaw();
  }
}
