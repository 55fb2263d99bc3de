import { SystemClock } from '../../../base/clock.js';
import { Random } from '../../../base/random.js';
import { EventQueue } from '../kernel/event-queue.js';
import { type FleetMessage, ScaleNode, type ScaleWorld } from './scale-node.js';

export type SourceFleetOptions = { readonly seed: number; readonly nodes: number; readonly sources: number };

/** How an owner ended. */
export type End = 'killed' | 'cut off' | 'let go';

type Member = { readonly name: string; readonly capacityFps: number; node: ScaleNode | undefined; lives: number };
type Source = {
  readonly fps: number;
  readonly isAnnounced: boolean;
  owners: number;
  unwatchedSinceMs: number;
  /** How its last owner ended; undefined before the first one. */
  end: End | undefined;
};

/** From a message until it is heard: not by all at once. */
const DELAY_MS = { base: 2, jitter: 30 } as const;
const GROUPS = 4;
/** What is retained arrives this long after the connect. */
const RETAINED_MS = 50;
const START_MS = 5_000;
/** A broker sees that a board is gone after one and a half of its keep alive. */
const KEEP_ALIVE_WILL_MS = 15_000;
/** Frames per second a node can look at, and a source sends. */
const CAPACITIES_FPS = [5, 10, 20, 40] as const;
const SOURCES_FPS = [1, 2, 5] as const;
const NOISE = 0.02;
/** Bytes of a topic, and of a beat or status, about. */
const TOPIC_BYTES = 30;

/** Nodes that share sources, many of them, at a broker that loses nothing. One queue event delivers to a quarter of them. */
export class SourceFleet {
  readonly queue = new EventQueue();
  /** Since the start. */
  readonly counts = { takes: 0, lost: 0, claimsHeard: 0, claimsBytes: 0, otherHeard: 0, looks: 0 };
  /** Times of the machine: of looks at what to watch, and of all that was heard, ms. */
  readonly lookMs: number[] = [];
  hearMs = 0;
  /** Times until a source had its first owner, ms. */
  readonly firstMs: number[] = [];
  /** Times a source was unwatched after its owner ended, ms. */
  readonly unwatchedMs: Record<End, number[]> = { killed: [], 'cut off': [], 'let go': [] };
  readonly #random: Random;
  readonly #members: Member[] = [];
  readonly #sources = new Map<string, Source>();
  readonly #retained = new Map<string, Map<FleetMessage['kind'], FleetMessage>>();
  readonly #deliveredMs = new Map<string, number[]>();
  readonly #world: ScaleWorld;

  constructor({ seed, nodes, sources }: SourceFleetOptions) {
    this.#random = new Random(`source fleet ${seed}`);
    const clock = new SystemClock();
    this.#world = {
      nowMs: () => this.queue.nowMs,
      after: (delayMs, run) => this.queue.after(delayMs, run),
      publish: (from, message) => this.#publish(from, message),
      fpsOf: (source) => this.#sources.get(source)?.fps ?? 0,
      sending: () => this.#sources.keys(),
      onTake: (_, source) => this.#onTake(source),
      onDrop: (_, source) => this.#onDrop(source, 'let go'),
      noise: () => NOISE * this.#random.normal(),
      onLooked: (tookMs) => {
        this.counts.looks++;
        this.lookMs.push(tookMs);
      },
      realMs: () => clock.monoMs(),
    };
    for (let i = 1; i <= sources; i++) {
      const isAnnounced = this.#random.chance(0.5);
      const fps = this.#random.pick(SOURCES_FPS);
      this.#sources.set(`source${i}`, { fps, isAnnounced, owners: 0, unwatchedSinceMs: 0, end: undefined });
    }
    for (let i = 1; i <= nodes; i++) {
      const member: Member = {
        ...{ name: `cam${i}`, capacityFps: this.#random.pick(CAPACITIES_FPS), node: undefined, lives: 0 },
      };
      this.#members.push(member);
      this.queue.after(this.#random.int(START_MS), () => this.start(member));
    }
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  get unwatched(): number {
    return [...this.#sources.values()].filter(({ owners }) => owners === 0).length;
  }

  get doubles(): number {
    return [...this.#sources.values()].filter(({ owners }) => owners > 1).length;
  }

  /** What the broker has retained of a kind, by node. */
  retained(kind: FleetMessage['kind']): ReadonlyMap<string, FleetMessage> {
    return new Map(
      [...this.#retained].flatMap(([node, kinds]) => {
        const message = kinds.get(kind);
        return message === undefined ? [] : [[node, message] as const];
      }),
    );
  }

  start(member: Member): void {
    if (member.node !== undefined) return;
    const node = new ScaleNode(member.name, member.capacityFps, ++member.lives, this.#world);
    member.node = node;
    node.start();
    this.queue.after(RETAINED_MS, () => {
      if (member.node !== node) return;
      for (const [source, { isAnnounced }] of this.#sources) if (isAnnounced) node.announced(source);
      for (const [from, kinds] of this.#retained) {
        if (from !== member.name) for (const message of kinds.values()) node.hear(from, message);
      }
    });
  }

  /** Its process is killed, and the broker tells it at once; or its board is cut off, and the broker waits for it. */
  end(member: Member, how: Exclude<End, 'let go'>): void {
    const { node, name, lives } = member;
    if (node === undefined) return;
    member.node = undefined;
    node.end();
    for (const source of node.owned) {
      this.counts.lost++;
      this.#onDrop(source, how);
    }
    this.queue.after(how === 'killed' ? 0 : KEEP_ALIVE_WILL_MS, () => {
      if (member.lives === lives) this.#publish(name, { kind: 'status', state: 'lost', gen: lives });
    });
  }

  #publish(from: string, message: FleetMessage): void {
    if (message.kind !== 'beat') {
      const kinds = this.#retained.get(from) ?? new Map<FleetMessage['kind'], FleetMessage>();
      this.#retained.set(from, kinds.set(message.kind, message));
    }
    const bytes = message.kind === 'claims' ? TOPIC_BYTES + JSON.stringify(message.claims).length : 0;
    const times = this.#deliveredMs.get(from) ?? Array.from({ length: GROUPS }, () => 0);
    this.#deliveredMs.set(from, times);
    for (let group = 0; group < GROUPS; group++) {
      // What one says comes in its order.
      const atMs = Math.max(times[group] ?? 0, this.queue.nowMs + DELAY_MS.base + this.#random.int(DELAY_MS.jitter));
      times[group] = atMs;
      this.queue.at(atMs, () => this.#deliver(group, from, message, bytes));
    }
  }

  #deliver(group: number, from: string, message: FleetMessage, bytes: number): void {
    const startMs = this.#world.realMs();
    let heard = 0;
    for (let i = group; i < this.#members.length; i += GROUPS) {
      const member = this.#members[i];
      if (member?.node === undefined || member.name === from) continue;
      member.node.hear(from, message);
      heard++;
    }
    this.hearMs += this.#world.realMs() - startMs;
    if (message.kind === 'claims') {
      this.counts.claimsHeard += heard;
      this.counts.claimsBytes += heard * bytes;
    } else this.counts.otherHeard += heard;
  }

  #onTake(name: string): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    this.counts.takes++;
    source.owners++;
    if (source.owners > 1) return;
    const forMs = this.queue.nowMs - source.unwatchedSinceMs;
    if (source.end === undefined) this.firstMs.push(forMs);
    else this.unwatchedMs[source.end].push(forMs);
  }

  #onDrop(name: string, end: End): void {
    const source = this.#sources.get(name);
    if (source === undefined) return;
    source.owners--;
    if (source.owners > 0) return;
    source.unwatchedSinceMs = this.queue.nowMs;
    source.end = end;
  }
}
