import type { Random } from '../../../base/random.js';
import type { EventQueue } from './event-queue.js';

/** Time of one packet from one endpoint to another: `baseMs` and up to `jitterMs` more. */
export type Latency = { readonly baseMs: number; readonly jitterMs: number };

/** Boards and brokers on a network: each pair has its latency, each direction can be cut. */
export class SimulatedNetwork {
  readonly queue: EventQueue;
  readonly #random: Random;
  readonly #defaultLatency: Latency;
  readonly #latencies = new Map<string, Latency>();
  readonly #cuts = new Set<string>();
  readonly #waiting = new Map<string, Set<Pipe>>();
  readonly #serviceMs = new Map<string, number>();
  /** What has arrived at a slow receiver and waits for its turn. */
  readonly #backlogs = new Map<string, (() => void)[]>();

  constructor(queue: EventQueue, random: Random, latency: Latency) {
    this.queue = queue;
    this.#random = random;
    this.#defaultLatency = latency;
  }

  setLatency(a: string, b: string, latency: Latency | undefined): void {
    for (const key of [keyOf(a, b), keyOf(b, a)]) {
      if (latency === undefined) this.#latencies.delete(key);
      else this.#latencies.set(key, latency);
    }
  }

  /** Nothing passes from one to the other any more; what is sent waits as in TCP, for as long as both ends wait. */
  cut(from: string, to: string): void {
    this.#cuts.add(keyOf(from, to));
  }

  cutBoth(a: string, b: string): void {
    this.cut(a, b);
    this.cut(b, a);
  }

  heal(from: string, to: string): void {
    const key = keyOf(from, to);
    if (!this.#cuts.delete(key)) return;
    const pipes = this.#waiting.get(key);
    this.#waiting.delete(key);
    for (const pipe of pipes ?? []) pipe.resume();
  }

  healBoth(a: string, b: string): void {
    this.heal(a, b);
    this.heal(b, a);
  }

  healAll(): void {
    for (const key of [...this.#cuts]) {
      const [from = '', to = ''] = key.split('>');
      this.heal(from, to);
    }
    for (const endpoint of [...this.#serviceMs.keys()]) this.setServiceMs(endpoint, undefined);
    this.#latencies.clear();
  }

  isOpen(from: string, to: string): boolean {
    return this.#cuts.size === 0 || !this.#cuts.has(keyOf(from, to));
  }

  /** A slow receiver takes one packet every `serviceMs`; one that is not slow any more takes at once all that waits. */
  setServiceMs(endpoint: string, serviceMs: number | undefined): void {
    if (serviceMs !== undefined) {
      this.#serviceMs.set(endpoint, serviceMs);
      return;
    }
    this.#serviceMs.delete(endpoint);
    const backlog = this.#backlogs.get(endpoint) ?? [];
    this.#backlogs.delete(endpoint);
    for (const take of backlog) take();
  }

  /** Whether it takes its packets one by one now, or has some that wait. */
  isSlow(endpoint: string): boolean {
    return this.#serviceMs.has(endpoint) || this.#backlogs.has(endpoint);
  }

  /** Whether some pairs have a latency of their own now. */
  get isUneven(): boolean {
    return this.#latencies.size > 0;
  }

  /** Hands a packet to a receiver that may be slow. */
  receive(endpoint: string, take: () => void): void {
    const serviceMs = this.#serviceMs.get(endpoint);
    if (serviceMs === undefined) {
      take();
      return;
    }
    const backlog = this.#backlogs.get(endpoint);
    if (backlog !== undefined) {
      backlog.push(take);
      return;
    }
    const waiting = [take];
    this.#backlogs.set(endpoint, waiting);
    this.queue.every(serviceMs, () => {
      if (this.#backlogs.get(endpoint) !== waiting) return false;
      waiting.shift()?.();
      if (waiting.length > 0) return true;
      this.#backlogs.delete(endpoint);
      return false;
    });
  }

  /** When a packet sent now arrives. */
  arrivalMs(from: string, to: string): number {
    const { baseMs, jitterMs } = this.#latencies.get(keyOf(from, to)) ?? this.#defaultLatency;
    return this.queue.nowMs + baseMs + (jitterMs > 0 ? this.#random.int(jitterMs + 1) : 0);
  }

  /** A pipe asks to be resumed when its direction is healed. */
  await(from: string, to: string, pipe: Pipe): void {
    const key = keyOf(from, to);
    const pipes = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, pipes.add(pipe));
  }
}

type Packet = { readonly deliver: () => void; readonly isLost: () => boolean };

/** One direction of a connection. Packets of one stream keep their order; streams overtake each other. */
export class Pipe {
  readonly #network: SimulatedNetwork;
  readonly #from: string;
  readonly #to: string;
  readonly #lastMs = new Map<string, number>();
  #held: Packet[] = [];
  #isClosed = false;
  #underWay = 0;
  #generation = 0;

  constructor(network: SimulatedNetwork, from: string, to: string) {
    this.#network = network;
    this.#from = from;
    this.#to = to;
  }

  /** Packets sent and not arrived. */
  get underWay(): number {
    return this.#underWay;
  }

  get isOpen(): boolean {
    return !this.#isClosed && this.#network.isOpen(this.#from, this.#to);
  }

  /** @param stream packets of one stream arrive in order. @param extraMs time it takes in addition. */
  send(stream: string, deliver: () => void, extraMs = 0): void {
    if (this.#isClosed) return;
    this.#underWay++;
    const lastMs = this.#lastMs.get(stream) ?? 0;
    const arrivalMs = Math.max(lastMs, this.#network.arrivalMs(this.#from, this.#to) + extraMs);
    this.#lastMs.set(stream, arrivalMs);
    const generation = this.#generation;
    const isLost = () => generation !== this.#generation;
    this.#network.queue.at(arrivalMs, () => {
      if (!isLost()) this.#arrive(deliver, isLost);
    });
  }

  /** What is under way is lost; only this last word is still tried. */
  reset(lastWord: () => void): void {
    this.#generation++;
    this.#held = [];
    this.#underWay = 0;
    this.send('', lastWord);
  }

  /** What is under way is lost. */
  close(): void {
    this.#isClosed = true;
    this.#held = [];
    this.#underWay = 0;
  }

  resume(): void {
    const held = this.#held;
    this.#held = [];
    // At once: what was sent later and is still under way must not overtake it.
    for (const { deliver, isLost } of held) this.#arrive(deliver, isLost);
  }

  #arrive(deliver: () => void, isLost: () => boolean): void {
    if (this.#isClosed) return;
    if (this.#held.length > 0 || !this.#network.isOpen(this.#from, this.#to)) {
      this.#held.push({ deliver, isLost });
      this.#network.await(this.#from, this.#to, this);
      return;
    }
    this.#network.receive(this.#to, () => {
      if (this.#isClosed || isLost()) return;
      this.#underWay--;
      deliver();
    });
  }
}

function keyOf(from: string, to: string): string {
  return `${from}>${to}`;
}
