import type { InvariantBook } from '../invariant-book.js';
import type { World } from '../kernel/world.js';
import type { SourceDevice } from './source-device.js';
import type { WatchingNode } from './watching-node.js';

/**
 * The longest a source may be unwatched while a node that could watch it is in reach: the lease of an owner that fell silent
 * (30 s), claims that a broker lost and that are told again (30 s), a source that is heard only by who is on duty (20 s),
 * and the waits of who takes it (10 s).
 */
export const UNWATCHED_MAX_MS = 90_000;
/** The same when nothing happened for a minute before: whoever goes by choice goes when the next is there. */
const CALM_MS = 60_000;
/** The longest two nodes that hear each other may both watch: claims that were lost are told again after 30 s. */
const TWO_OWNERS_MAX_MS = 60_000;
/** A will is answered at once where nothing happened for this long before: the others know who is next. */
const STEADY_MS = 15_000;
/** From a will to the standby's taking over. */
const TAKE_OVER_MAX_MS = 1_000;
/** Takes of one source at one broker in a minute in which nothing else happened: two who heard different
 * numbers, one who meets another, one who relieves. Who is cut off hears of nobody who has it, takes it in his turn, and
 * sees none of its frames: that moves nothing. */
const TAKES_MAX = 4;
const TAKES_WINDOW_MS = 60_000;
/** What a broker lost is told again by then; until then each goes by what he heard. */
const RETOLD_MS = 30_000;

type NodeSeen = { readonly name: string; readonly node: WatchingNode; readonly broker: string };
type DeviceSeen = { readonly name: string; readonly device: SourceDevice; readonly broker: string };

/** Looks at a world in which sources are shared, knowing all of it, and says what is not as promised. */
export class SourceOracle {
  readonly #world: World<unknown>;
  readonly #book: InvariantBook;
  readonly #inReachSince = new Map<string, number>();
  readonly #watchedAt = new Map<string, number>();
  readonly #pairsSince = new Map<string, number>();
  /** By source and broker, when it was taken there. */
  readonly #takes = new Map<string, readonly number[]>();
  #ownersBefore = new Map<string, string>();
  #situation = '';
  #orders = '';
  #wasWell = true;
  #disturbedMs = 0;
  #unwellMs = Number.NEGATIVE_INFINITY;
  #takesTotal = 0;
  #changedMs = 0;

  constructor(world: World<unknown>, book: InvariantBook) {
    this.#world = world;
    this.#book = book;
  }

  /** Takes by all nodes, of all sources. */
  get takes(): number {
    return this.#takesTotal;
  }

  /** Virtual time of the last change of any owner. */
  get changedMs(): number {
    return this.#changedMs;
  }

  /** Called each virtual second. */
  watch(): void {
    const nodes = this.#nodes();
    const devices = this.#devices();
    this.#noteDisturbance(nodes, devices);
    const brokersWell = new Set([...this.#world.brokers].filter(([, broker]) => isWell(broker)).map(([name]) => name));
    this.#noteReach(nodes, devices, brokersWell);
    for (const device of devices) {
      this.#checkWatched(device, nodes);
      this.#checkPairs(device, nodes);
    }
    this.#checkTakes(nodes);
    this.#checkBooks(nodes);
  }

  /** A node began to watch a source. */
  onTake(node: string, source: string): void {
    this.#takesTotal++;
    const broker = this.#nodes().find(({ name }) => name === node)?.broker;
    // What nobody sends moves nothing either.
    if (broker === undefined || isGhost(source)) return;
    const key = `${source} at ${broker}`;
    this.#takes.set(key, [...(this.#takes.get(key) ?? []), this.#world.nowMs]);
  }

  /** A will was published at a broker: whoever is there next is to watch within a second. */
  onWill(broker: string, lost: string): void {
    if (this.#world.nowMs - this.#disturbedMs < STEADY_MS) return;
    const before = this.#situationWithout(lost);
    const owned = [...this.#ownersBefore].filter(([, owners]) => owners === lost).map(([source]) => source);
    this.#world.queue.after(TAKE_OVER_MAX_MS, () => {
      // Whoever is back at once may be heard of before it is heard that it was gone.
      if (this.#world.boards.get(lost)?.isAlive === true || this.#situationWithout(lost) !== before) return;
      const nodes = this.#nodes().filter((seen) => seen.broker === broker && seen.name !== lost);
      for (const { name, device } of this.#devices()) {
        if (!owned.includes(name) || device.broker !== broker) continue;
        const isWatched = nodes.some(({ node }) => node.owned.includes(name));
        // Who has just taken the last one it may is not free any more.
        if (!isWatched && !nodes.some(({ node }) => hasRoom(node))) continue;
        this.#book.check('S5 a lost will is answered within a second', isWatched, () => `${name} after ${lost}`);
      }
    });
  }

  #nodes(): NodeSeen[] {
    return this.#running((state) => (isNode(state) ? state : undefined)).map(({ name, state, broker }) => ({
      ...{ name, broker, node: state },
    }));
  }

  #devices(): DeviceSeen[] {
    return this.#running((state) => (isDevice(state) ? state : undefined)).map(({ name, state, broker }) => ({
      ...{ name, broker, device: state },
    }));
  }

  #running<T extends { readonly broker: string | undefined }>(as: (state: unknown) => T | undefined) {
    return [...this.#world.boards].flatMap(([name, board]) => {
      const state = board.isRunning ? as(board.state) : undefined;
      const broker = state?.broker;
      if (state === undefined || broker === undefined) return [];
      const { network } = this.#world;
      const isOpen = network.isOpen(name, broker) && network.isOpen(broker, name) && !network.isSlow(name);
      return isOpen && this.#world.brokers.get(broker)?.isUp === true ? [{ name, state, broker }] : [];
    });
  }

  // What makes a difference to who can watch what; what nodes choose is none of it.
  #noteDisturbance(nodes: readonly NodeSeen[], devices: readonly DeviceSeen[]): void {
    const situation = situationOf(nodes, devices, this.#world);
    const isWell = [...this.#world.brokers.values()].every((broker) => isPlain(broker));
    // An operator's orders move owners, and nothing else.
    const orders = nodes.map(({ name, node }) => `${name} ${node.isLeaving}`).join(' ');
    if (orders !== this.#orders) this.#takes.clear();
    this.#orders = orders;
    if (!isWell) this.#unwellMs = this.#world.nowMs;
    if (this.#world.nowMs - this.#unwellMs < RETOLD_MS) this.#takes.clear();
    // What a broker held back until just now was under way.
    const wasWell = this.#wasWell;
    this.#wasWell = isWell;
    if (situation === this.#situation && isWell && wasWell) return;
    this.#situation = situation;
    this.#disturbedMs = this.#world.nowMs;
    this.#takes.clear();
  }

  #situationWithout(lost: string): string {
    const nodes = this.#nodes().filter(({ name }) => name !== lost);
    return situationOf(nodes, this.#devices(), this.#world, lost);
  }

  #noteReach(nodes: readonly NodeSeen[], devices: readonly DeviceSeen[], brokersWell: ReadonlySet<string>): void {
    const now = new Set<string>();
    for (const { name, broker, node } of nodes) {
      if (!brokersWell.has(broker) || !isFree(node)) continue;
      for (const device of devices) if (device.broker === broker) now.add(`${device.name}/${broker}/${name}`);
    }
    for (const key of this.#inReachSince.keys()) if (!now.has(key)) this.#inReachSince.delete(key);
    for (const key of now) if (!this.#inReachSince.has(key)) this.#inReachSince.set(key, this.#world.nowMs);
  }

  #checkWatched({ name, device, broker }: DeviceSeen, nodes: readonly NodeSeen[]): void {
    const { nowMs } = this.#world;
    const { sendsSinceMs } = device;
    if (sendsSinceMs === undefined) return;
    const wasWatchedMs = this.#watchedAt.get(name) ?? 0;
    const isWatched = nodes.some((seen) => seen.broker === broker && seen.node.owned.includes(name));
    if (isWatched) this.#watchedAt.set(name, nowMs);
    const reach = [...this.#inReachSince].filter(([key]) => key.startsWith(`${name}/${broker}/`));
    const sinceMs = Math.max(
      sendsSinceMs,
      isWatched ? nowMs : wasWatchedMs,
      Math.min(nowMs, ...reach.map(([, ms]) => ms)),
    );
    const where = () =>
      `${name} at ${broker} for ${nowMs - sinceMs} ms, in reach of ${reach.map(([key]) => key).join(' ')}`;
    this.#book.check('S1 a source with a node in reach is watched', nowMs - sinceMs <= UNWATCHED_MAX_MS, where);
    const isCalm = nowMs - this.#disturbedMs >= CALM_MS && nowMs - wasWatchedMs <= 2_000 && reach.length > 0;
    if (isCalm) this.#book.check('S2 what is watched stays watched', isWatched, where);
  }

  #checkPairs({ name, broker }: DeviceSeen, nodes: readonly NodeSeen[]): void {
    const { nowMs } = this.#world;
    const owners = nodes
      .filter((seen) => seen.broker === broker && seen.node.owned.includes(name))
      .map((seen) => seen.name);
    const isWell = this.#world.brokers.get(broker);
    const isPair = owners.length > 1 && isWell !== undefined && isPlain(isWell);
    const sinceMs = isPair ? Math.max(this.#pairsSince.get(name) ?? nowMs, this.#disturbedMs) : nowMs;
    if (isPair) this.#pairsSince.set(name, this.#pairsSince.get(name) ?? nowMs);
    else this.#pairsSince.delete(name);
    this.#book.check(
      'S3 two owners come to one',
      nowMs - sinceMs <= TWO_OWNERS_MAX_MS,
      () => `${name}: ${owners.join(' ')}`,
    );
  }

  #checkTakes(nodes: readonly NodeSeen[]): void {
    const owners = new Map<string, string>();
    for (const { name, node } of nodes) {
      for (const source of node.owned) owners.set(source, [owners.get(source), name].filter(Boolean).join('+'));
    }
    for (const [source, who] of owners) {
      if (who !== this.#ownersBefore.get(source) && !isGhost(source)) this.#changedMs = this.#world.nowMs;
    }
    this.#ownersBefore = owners;
    for (const [where, times] of this.#takes) {
      const lately = times.filter((atMs) => this.#world.nowMs - atMs < TAKES_WINDOW_MS);
      this.#takes.set(where, lately);
      const detail = () => `${where} was taken ${lately.length} times, now by ${owners.get(where.split(' ')[0] ?? '')}`;
      this.#book.check('S4 owners do not flap', lately.length <= TAKES_MAX, detail);
    }
  }

  #checkBooks(nodes: readonly NodeSeen[]): void {
    for (const { name, node } of nodes) {
      const { came, accounted } = node.balance();
      this.#book.check(
        'S6 every frame is looked at or counted',
        came === accounted,
        () => `${name}: ${accounted} of ${came}`,
      );
      const count = node.owned.length;
      this.#book.check('S7 nobody watches more than he may', count <= node.ownedMax, () => `${name}: ${count}`);
    }
  }
}

type BrokerSeen = { readonly isUp: boolean; readonly isStalled: boolean; readonly manners: BrokerMannersSeen };
type BrokerMannersSeen = {
  readonly lossQos0: number;
  readonly lossQos1: number;
  readonly lingerMs: number;
  readonly replayLingerMs: number;
  readonly replayMax: number;
  readonly queueMax: number;
};

// What a broker does with what it is given; the bounds are promised where it passes it on.
function isPlain({ isStalled, manners }: BrokerSeen): boolean {
  const isLossy = manners.lossQos0 > 0 || manners.lossQos1 > 0 || manners.queueMax < 1_000;
  return (
    !isStalled && !isLossy && manners.lingerMs < 1_000 && manners.replayLingerMs < 1_000 && manners.replayMax > 1_000
  );
}

function isWell(broker: BrokerSeen): boolean {
  return broker.isUp && isPlain(broker);
}

/** It takes what it is to take, at once. */
function hasRoom(node: WatchingNode): boolean {
  return !node.isLeaving && node.owned.length < node.ownedMax;
}

/** It takes what it is to take, sooner or later: what is no source is no excuse. */
function isFree(node: WatchingNode): boolean {
  const real = node.owned.filter((source) => !isGhost(source));
  return !node.isLeaving && real.length < node.ownedMax;
}

function situationOf(
  nodes: readonly NodeSeen[],
  devices: readonly DeviceSeen[],
  world: World<unknown>,
  except?: string,
): string {
  const lives = [...world.boards].filter(([name]) => name !== except).map(([name, board]) => `${name}${board.lives}`);
  const seen = [...nodes, ...devices].map(({ name, broker }) => `${name}@${broker}`);
  const latencies = world.network.isUneven ? `uneven ${world.nowMs}` : '';
  return [...lives, ...seen, latencies, ...[...world.brokers.values()].map(({ life, isUp }) => `${life}${isUp}`)].join(
    ' ',
  );
}

function isGhost(source: string): boolean {
  return source.includes('ghost');
}

function isNode(state: unknown): state is WatchingNode {
  return typeof state === 'object' && state !== null && 'owned' in state;
}

function isDevice(state: unknown): state is SourceDevice {
  return typeof state === 'object' && state !== null && 'sendsSinceMs' in state;
}
