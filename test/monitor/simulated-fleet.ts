import type { Random } from '../../base/random.js';
import type { CameraWord } from '../../monitor/frame-watch.js';
import type { RosterEvent, StatusSeen } from '../../monitor/roster.js';
import type { Beat } from '../../protocol/status.js';
import { SimulatedCamera } from './simulated-camera.js';

/** Step of the simulated world, ms. */
export const STEP_MS = 500;
const KEEP_ALIVE_MS = 10_000;
const BEAT_MS = 10_000;
const WORD_MS = 60_000;

type BeatEvent = Extract<RosterEvent, { kind: 'beat' }>;

/** What reaches a monitor: what the roster takes, and what the cameras say. */
export type FleetMessage =
  | Exclude<RosterEvent, BeatEvent>
  | (BeatEvent & { readonly cameras: Beat['cameras'] })
  | { readonly kind: 'camera'; readonly node: string; readonly word: CameraWord };

type Session = { readonly gen: number; readonly inv: string; heardMs: number };

type Timed = { readonly dueMs: number; readonly run: () => void };

/** A simulated node: its process, its network, its MQTT session, and rules N1 to N7 of its presence. */
export type SimulatedNode = {
  readonly node: string;
  process: 'running' | 'frozen' | 'dead' | 'stopped';
  isCut: boolean;
  /** Since when the process has been running on a working network; undefined while it is not. */
  healthySinceMs: number | undefined;
  /** Since when it has been dead, frozen or cut off; undefined while it is not. */
  brokenSinceMs: number | undefined;
  gen: number;
  inv: string;
  isConnected: boolean;
  /** When the present session was born. */
  connectedMs: number;
  reconnectAtMs: number;
  attempt: number;
  beatAtMs: number;
  beatSeq: number;
  /** It lost its generation at least once, and may count below what others saw. */
  hasNewDisk: boolean;
  /** Its last word to the broker was a graceful stop. */
  isStopTold: boolean;
  /** Its pipeline stands still: no heartbeats though its session lives, or heartbeats that tell of old frames. */
  wedge: 'silent' | 'stale' | undefined;
  readonly camera: SimulatedCamera;
  /** What its broker last heard of its camera, and when. */
  told: { readonly word: CameraWord; readonly atMs: number } | undefined;
};

/**
 * A broker, nodes and the wire between them and one monitor, with the faults that make wills lie: takeovers whose
 * old will comes last, stalls that end every session, graceful stops that will for everybody, kill -9 that wills for
 * nobody, retained sets that are lost or out of date, lost messages.
 */
export class SimulatedFleet {
  readonly nodes: SimulatedNode[];
  nowMs = 0;
  readonly #random: Random;
  readonly #retainedPolicy: 'kept' | 'lost' | 'stale';
  readonly #lossShare: number;
  #isBrokerUp = true;
  #stallUntilMs = 0;
  #stallStartedMs = 0;
  #epoch = 1;
  /** When the broker last said that it stops. */
  stoppedMs = Number.NEGATIVE_INFINITY;
  /** Since when broker and monitor have both been able to see; for the bounds. */
  disturbedMs = 0;
  readonly #sessions = new Map<string, Session>();
  readonly #retained = new Map<string, StatusSeen>();
  #snapshot = new Map<string, StatusSeen>();
  #timers: Timed[] = [];
  readonly #words = new Map<string, CameraWord>();
  #inbox: FleetMessage[] = [];
  #monitorConnected = false;
  #monitorReconnectAtMs = 0;
  #monitorFrozenUntilMs = 0;
  #monitorHeardMs = 0;

  constructor(count: number, random: Random) {
    this.#random = random;
    this.#retainedPolicy = random.pick(['kept', 'lost', 'stale']);
    this.#lossShare = random.pick([0, 0, 0.01, 0.05]);
    this.nodes = Array.from({ length: count }, (_, index) => ({
      node: `cam${index + 1}`,
      process: 'running',
      isCut: false,
      healthySinceMs: 0,
      brokenSinceMs: undefined,
      gen: random.int(100),
      inv: `i${random.int(1e9)}`,
      isConnected: false,
      connectedMs: 0,
      reconnectAtMs: random.int(5_000),
      attempt: 0,
      beatAtMs: 0,
      beatSeq: 0,
      hasNewDisk: false,
      isStopTold: false,
      wedge: undefined,
      camera: new SimulatedCamera(),
      told: undefined,
    }));
  }

  get isBrokerUp(): boolean {
    return this.#isBrokerUp;
  }

  get isMonitorConnected(): boolean {
    return this.#monitorConnected;
  }

  get isLossless(): boolean {
    return this.#lossShare === 0;
  }

  /** It reads now what came while it stood still, in order: what it believes meanwhile is of the past. */
  get isMonitorCatchingUp(): boolean {
    return this.nowMs - this.#monitorFrozenUntilMs < 2 * STEP_MS;
  }

  get isMonitorFrozen(): boolean {
    return this.nowMs < this.#monitorFrozenUntilMs;
  }

  /** Moves the world on by one step; what reaches the monitor in it, in order. */
  step(): FleetMessage[] {
    this.nowMs += STEP_MS;
    const due = this.#timers.filter((timer) => timer.dueMs <= this.nowMs);
    this.#timers = this.#timers.filter((timer) => timer.dueMs > this.nowMs);
    for (const timer of due) timer.run();
    this.#stepBroker();
    for (const node of this.nodes) this.#stepNode(node);
    if (this.#random.chance(0.05)) this.#snapshot = new Map(this.#retained);
    this.#stepMonitorLink();
    if (this.isMonitorFrozen) return [];
    return this.#inbox.splice(0);
  }

  /** The retained words of all cameras. */
  readWords(): ReadonlyMap<string, CameraWord> {
    return this.#words;
  }

  /** What a second session reads: all retained statuses. Undefined while the broker does not answer. */
  readRetained(): StatusSeen[] | undefined {
    return this.#isServing() && this.#monitorConnected ? [...this.#retained.values()] : undefined;
  }

  // ---- faults

  crash(node: SimulatedNode, restartAfterMs: number | undefined): void {
    if (node.process !== 'running' && node.process !== 'frozen') return;
    this.#breakNode(node, 'dead');
    // The kernel closes the socket at once, unless the network is cut too.
    if (!node.isCut) this.#closeSession(node.node);
    node.isConnected = false;
    if (restartAfterMs !== undefined) this.#later(restartAfterMs, () => this.start(node));
  }

  /** Power off: nobody closes the socket; the broker finds out by keep alive. */
  powerCut(node: SimulatedNode, backAfterMs: number | undefined): void {
    this.#breakNode(node, 'dead');
    node.isConnected = false;
    if (backAfterMs !== undefined) this.#later(backAfterMs, () => this.start(node));
  }

  freeze(node: SimulatedNode, forMs: number): void {
    if (node.process !== 'running') return;
    this.#breakNode(node, 'frozen');
    this.#later(forMs, () => {
      if (node.process !== 'frozen') return;
      node.process = 'running';
      this.#mend(node);
      // The process finds its socket closed, or still open.
      node.isConnected = this.#sessions.get(node.node)?.gen === node.gen;
      if (!node.isConnected) this.#scheduleReconnect(node);
    });
  }

  cut(node: SimulatedNode, forMs: number): void {
    node.isCut = true;
    node.healthySinceMs = undefined;
    node.brokenSinceMs ??= this.nowMs;
    this.#later(forMs, () => {
      node.isCut = false;
      if (node.process === 'running') this.#mend(node);
      // Half open: the node reconnects on its own before the broker has ended the old session, or after.
      if (node.process === 'running' && node.isConnected) {
        node.isConnected = false;
        this.#scheduleReconnect(node);
      }
    });
  }

  /** A fast reconnect of a healthy node: the old session is taken over. */
  blip(node: SimulatedNode): void {
    if (node.process !== 'running' || !node.isConnected) return;
    node.isConnected = false;
    node.reconnectAtMs = this.nowMs + this.#random.int(2_000);
  }

  stop(node: SimulatedNode, backAfterMs: number | undefined): void {
    if (node.process !== 'running') return;
    node.isStopTold = node.isConnected && !node.isCut && this.#isServing();
    if (node.isStopTold) {
      this.#sessions.delete(node.node);
      this.#publish({ node: node.node, state: 'stopped', gen: node.gen, inv: node.inv });
    } else if (!node.isCut) this.#closeSession(node.node);
    node.process = 'stopped';
    node.isConnected = false;
    node.healthySinceMs = undefined;
    if (backAfterMs !== undefined) this.#later(backAfterMs, () => this.start(node));
  }

  /** The disk of a node is replaced: it remembers no generation but what the broker still holds. */
  replaceDisk(node: SimulatedNode): void {
    this.crash(node, 15_000);
    node.gen = -1;
    node.hasNewDisk = true;
  }

  stall(forMs: number): void {
    if (!this.#isServing()) return;
    this.#stallStartedMs = this.nowMs;
    this.#stallUntilMs = this.nowMs + forMs;
  }

  killBroker(backAfterMs: number): void {
    if (!this.#isBrokerUp) return;
    this.#loseSessions();
    this.#later(backAfterMs, () => this.startBroker());
  }

  stopBroker(backAfterMs: number): void {
    if (!this.#isBrokerUp) return;
    this.#stallUntilMs = 0;
    this.stoppedMs = this.nowMs;
    this.#toMonitor({ kind: 'epoch', epoch: `e${this.#epoch}`, state: 'stopping' });
    for (const node of [...this.#sessions.keys()]) this.#closeSession(node);
    this.#loseSessions();
    this.#later(backAfterMs, () => this.startBroker());
  }

  /** Somebody publishes a will for a node that may be well. */
  forgeWill(node: SimulatedNode, gen: number): void {
    if (this.#isServing()) this.#publish({ node: node.node, state: 'lost', gen, inv: node.inv });
  }

  /** A second process with the same identity: both evict each other until it is ended. */
  duplicate(node: SimulatedNode, times: number): void {
    if (times === 0 || node.process !== 'running' || node.isCut || !this.#isServing()) return;
    const session = this.#sessions.get(node.node);
    if (session !== undefined) this.#publish({ node: node.node, state: 'lost', gen: session.gen, inv: session.inv });
    node.gen++;
    this.#sessions.set(node.node, { gen: node.gen, inv: 'twin', heardMs: this.nowMs });
    this.#publish({ node: node.node, state: 'online', gen: node.gen, inv: 'twin' });
    node.isConnected = false;
    node.attempt = 0;
    this.#scheduleReconnect(node);
    this.#later(3_000, () => this.duplicate(node, times - 1));
  }

  freezeMonitor(forMs: number): void {
    this.#monitorFrozenUntilMs = this.nowMs + forMs;
    // A shorter pause than the monitor can notice is no reason to settle.
    if (forMs > 3_000) this.disturbedMs = this.#monitorFrozenUntilMs;
  }

  cutMonitor(): void {
    this.#disconnectMonitor();
  }

  // ---- the world

  #isServing(): boolean {
    return this.#isBrokerUp && this.nowMs >= this.#stallUntilMs;
  }

  #breakNode(node: SimulatedNode, process: 'dead' | 'frozen'): void {
    node.process = process;
    node.healthySinceMs = undefined;
    node.brokenSinceMs ??= this.nowMs;
  }

  #mend(node: SimulatedNode): void {
    if (node.isCut) return;
    node.healthySinceMs = this.nowMs;
    node.brokenSinceMs = undefined;
  }

  /** A new life of the process. */
  start(node: SimulatedNode): void {
    if (node.process === 'running' || node.process === 'frozen') return;
    node.process = 'running';
    node.wedge = undefined;
    node.camera.start(this.nowMs);
    node.inv = `i${this.#random.int(1e9)}`;
    node.beatSeq = 0;
    this.#mend(node);
    node.attempt = 0;
    this.#scheduleReconnect(node);
  }

  #scheduleReconnect(node: SimulatedNode): void {
    const ceilingMs = Math.min(30_000, 1_000 * 2 ** node.attempt++);
    node.reconnectAtMs = this.nowMs + ceilingMs * (0.1 + 0.9 * this.#random.next());
  }

  #stepNode(node: SimulatedNode): void {
    if (node.process !== 'running') return;
    if (!node.isConnected) {
      if (this.nowMs >= node.reconnectAtMs) this.#connect(node);
      return;
    }
    if (node.isCut) return;
    if (!this.#isServing()) return;
    const session = this.#sessions.get(node.node);
    // The broker ended the session: the node sees its socket closed.
    if (session === undefined || session.gen !== node.gen) {
      node.isConnected = false;
      this.#scheduleReconnect(node);
      return;
    }
    session.heardMs = this.nowMs;
    this.#tellCamera(node);
    if (this.nowMs >= node.beatAtMs && node.wedge !== 'silent') this.#beat(node);
    this.#repairOwnStatus(node);
  }

  #connect(node: SimulatedNode): void {
    if (node.isCut || !this.#isServing()) {
      this.#scheduleReconnect(node);
      return;
    }
    node.attempt = 0;
    node.isStopTold = false;
    node.told = undefined;
    const old = this.#sessions.get(node.node);
    node.gen = node.gen < 0 ? (this.#retained.get(node.node)?.gen ?? 0) + 1 : node.gen + 1;
    node.isConnected = true;
    node.connectedMs = this.nowMs;
    this.#sessions.set(node.node, { gen: node.gen, inv: node.inv, heardMs: this.nowMs });
    const birth: StatusSeen = { node: node.node, state: 'online', gen: node.gen, inv: node.inv };
    const isWillLast = this.#random.chance(0.4);
    if (old !== undefined && !isWillLast) this.#publish({ node: node.node, state: 'lost', gen: old.gen, inv: old.inv });
    this.#publish(birth);
    this.#beat(node);
    if (old === undefined || !isWillLast) return;
    // The old session's will is still under way: a moment, or until keep alive ends a half-open connection.
    const stale: StatusSeen = { node: node.node, state: 'lost', gen: old.gen, inv: old.inv };
    const epoch = this.#epoch;
    this.#later(this.#random.chance(0.5) ? 0 : this.#random.int(15_000), () => {
      if (this.#isBrokerUp && this.#epoch === epoch) this.#publish(stale);
    });
  }

  #beat(node: SimulatedNode): void {
    node.beatAtMs = this.nowMs + BEAT_MS * (0.95 + 0.1 * this.#random.next());
    node.beatSeq++;
    const cameras = node.camera.beat(this.nowMs);
    this.#toMonitor({ kind: 'beat', node: node.node, gen: node.gen, inv: node.inv, seq: node.beatSeq, cameras });
  }

  #tellCamera(node: SimulatedNode): void {
    const word = node.camera.word(this.nowMs);
    const isNews = node.told === undefined || node.told.word.ok !== word.ok || node.told.word.reason !== word.reason;
    if (!isNews && this.nowMs - (node.told?.atMs ?? 0) < WORD_MS) return;
    node.told = { word, atMs: this.nowMs };
    this.#words.set(node.node, word);
    this.#toMonitor({ kind: 'camera', node: node.node, word });
  }

  // N6: the node sees its own status and republishes the birth over an older death.
  #repairOwnStatus(node: SimulatedNode): void {
    const seen = this.#retained.get(node.node);
    if (seen?.gen === node.gen && seen.state === 'online') return;
    if (seen !== undefined && seen.gen >= node.gen) {
      // Its own generation dead, or a newer one: it takes one above.
      node.gen = seen.gen;
      node.isConnected = false;
      this.#closeSession(node.node);
      this.#scheduleReconnect(node);
      return;
    }
    if (this.#random.chance(0.5)) this.#publish({ node: node.node, state: 'online', gen: node.gen, inv: node.inv });
  }

  #stepBroker(): void {
    if (!this.#isBrokerUp) return;
    if (this.nowMs < this.#stallUntilMs) return;
    const lagMs = this.#stallStartedMs > 0 ? this.#stallUntilMs - this.#stallStartedMs : 0;
    const isStallFirst = this.#random.chance(0.5);
    const tell = () => {
      this.#stallStartedMs = 0;
      if (lagMs < 1_500) return;
      this.disturbedMs = this.nowMs;
      this.#toMonitor({ kind: 'stall', lagMs });
    };
    if (isStallFirst && lagMs > 0) tell();
    // After a stall the keep alive timers fire before the queued pings are read.
    for (const [node, session] of [...this.#sessions]) {
      if (this.nowMs - session.heardMs > 1.5 * KEEP_ALIVE_MS) this.#closeSession(node);
    }
    if (!isStallFirst && lagMs > 0) tell();
  }

  #closeSession(node: string): void {
    const session = this.#sessions.get(node);
    if (session === undefined || !this.#isBrokerUp) return;
    this.#sessions.delete(node);
    this.#publish({ node, state: 'lost', gen: session.gen, inv: session.inv });
  }

  #loseSessions(): void {
    this.#isBrokerUp = false;
    this.#stallUntilMs = 0;
    this.#stallStartedMs = 0;
    this.#sessions.clear();
    this.#disconnectMonitor();
  }

  /** A new life of the broker. */
  startBroker(): void {
    if (this.#isBrokerUp) return;
    this.#isBrokerUp = true;
    this.#epoch++;
    const restored = { kept: new Map(this.#retained), lost: new Map(), stale: new Map(this.#snapshot) };
    const kept: Map<string, StatusSeen> = restored[this.#retainedPolicy];
    this.#retained.clear();
    for (const [node, status] of kept) this.#retained.set(node, status);
  }

  #publish(status: StatusSeen): void {
    this.#retained.set(status.node, status);
    this.#toMonitor({ kind: 'status', retained: false, ...status });
  }

  #toMonitor(event: FleetMessage): void {
    if (!this.#monitorConnected) return;
    if (this.#random.chance(this.#lossShare)) return;
    this.#inbox.push(event);
  }

  #disconnectMonitor(): void {
    if (this.#monitorConnected) this.#inbox.push({ kind: 'link-down' });
    this.#monitorConnected = false;
    this.disturbedMs = this.nowMs;
    this.#monitorReconnectAtMs = this.nowMs + this.#random.int(10_000);
  }

  #stepMonitorLink(): void {
    if (!this.isMonitorFrozen) this.#monitorHeardMs = this.nowMs;
    if (this.#monitorConnected && this.#isServing() && this.nowMs - this.#monitorHeardMs > 1.5 * KEEP_ALIVE_MS) {
      this.#disconnectMonitor();
      return;
    }
    if (this.#monitorConnected || this.isMonitorFrozen || !this.#isServing()) return;
    if (this.nowMs < this.#monitorReconnectAtMs) return;
    this.#monitorConnected = true;
    this.disturbedMs = this.nowMs;
    this.#inbox.push({ kind: 'link-up' }, { kind: 'epoch', epoch: `e${this.#epoch}`, state: 'up' });
    for (const status of this.#retained.values()) this.#inbox.push({ kind: 'status', retained: true, ...status });
    for (const [node, word] of this.#words) this.#inbox.push({ kind: 'camera', node, word });
  }

  #later(delayMs: number, run: () => void): void {
    this.#timers.push({ dueMs: this.nowMs + delayMs, run });
  }
}
