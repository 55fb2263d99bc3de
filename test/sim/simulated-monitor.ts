import { type Claimant, type DoubtPicture, NO_DOUBTS } from '../../base/doubts.js';
import type { Random } from '../../base/random.js';
import { DoubtWatch } from '../../monitor/doubt-watch.js';
import { FrameWatch } from '../../monitor/frame-watch.js';
import { memoryOf, storedOf } from '../../monitor/memory-file.js';
import type { PlanEntry } from '../../monitor/plan/case.js';
import { Plan } from '../../monitor/plan/plan.js';
import type { ActionResult, PlanEvent, PlanStep } from '../../monitor/plan/plan-step.js';
import type { ProbeResult } from '../../monitor/plan/probe-table.js';
import type { PlanTimings } from '../../monitor/plan/timings.js';
import { Roster } from '../../monitor/roster.js';
import { planEventsOf } from '../../monitor/supervision.js';
import type { RosterTimings } from '../../monitor/timings.js';
import type { FleetMessage, SimulatedFleet } from '../monitor/simulated-fleet.js';
import type { SimulatedBoard } from './simulated-board.js';

type Order = { readonly dueMs: number; readonly run: () => void };

/** One monitor of a simulated fleet: roster and plan as the real loop joins them, and an SSH with latency and losses. */
export class SimulatedMonitor {
  readonly counters = new Map<string, number>();
  readonly alerts: string[] = [];
  /** Orders that went out, by node: what the budgets are held against. */
  readonly orders: { readonly node: string; readonly atMs: number; readonly kind: string }[] = [];
  mostAtOnce = 0;
  mostAtSite = 0;
  /** Its wall clock against the world's, ms; set wrong, and set right by somebody. */
  wallOffsetMs = 0;
  /** It dies right after the next order went out. */
  diesAtNextOrder = false;
  /** Boards it cannot reach, and until when. */
  readonly sshCutUntilMs = new Map<string, number>();
  /** Restarts taken for verified, where no message is lost; and those that were not. */
  verified = 0;
  readonly wrongly: string[] = [];
  downUntilMs = 0;
  /** Restarts it was asked for, and answers it gave; what it forgot when it died counts as answered. */
  asked = 0;
  answered = 0;
  #roster: Roster;
  #plan: Plan;
  #frames: FrameWatch;
  #doubts: DoubtWatch;
  #picture = NO_DOUBTS;
  /** What is on its disk. */
  #stored: ReturnType<typeof storedOf> = { nodes: {} };
  #queue: Order[] = [];
  #isCut = false;
  #wasDown = false;
  readonly #reconcile: { dueMs: number };
  readonly #options: SimulatedMonitorOptions;

  constructor(options: SimulatedMonitorOptions) {
    this.#options = options;
    this.#roster = new Roster(options.inventory, options.rosterTimings, 0);
    this.#plan = this.#newPlan();
    this.#frames = this.#newFrames();
    this.#doubts = this.#newDoubts();
    this.#reconcile = { dueMs: options.rosterTimings.reconcileMs };
  }

  get plan(): Plan {
    return this.#plan;
  }

  get roster(): Roster {
    return this.#roster;
  }

  /** It dies in the middle of whatever it does; what it had sent is carried out or not, and nobody hears of it. */
  crash(backMs: number): void {
    this.#note();
    this.#queue = [];
    this.answered = this.asked;
    this.downUntilMs = this.#options.fleet.nowMs + backMs;
  }

  cut(forMs: number): void {
    if (this.#isCut) return;
    this.#isCut = true;
    this.#tell({ kind: 'link-down' });
    this.#options.later(forMs, () => {
      this.#isCut = false;
      if (this.#options.fleet.isMonitorConnected) this.#connect();
    });
  }

  step(events: readonly FleetMessage[]): void {
    const { fleet } = this.#options;
    if (fleet.nowMs < this.downUntilMs) {
      this.#wasDown = true;
      return;
    }
    if (this.#wasDown) this.#revive();
    else if (!this.#isCut) for (const event of events) this.#tell(event);
    const due = this.#queue.filter(({ dueMs }) => dueMs <= fleet.nowMs);
    this.#queue = this.#queue.filter(({ dueMs }) => dueMs > fleet.nowMs);
    for (const { run } of due) run();
    const picture = this.#doubts.news();
    if (picture !== undefined) {
      this.#picture = picture;
      this.#plant({ kind: 'doubts', picture });
    }
    this.#tell({ kind: 'check' });
    if (fleet.nowMs >= this.#reconcile.dueMs && !this.#isCut) {
      this.#reconcile.dueMs = fleet.nowMs + this.#options.rosterTimings.reconcileMs;
      const statuses = fleet.readRetained();
      if (statuses !== undefined) this.#tell({ kind: 'reconcile', statuses });
    }
    const busy = this.#options.entries.filter(
      ({ node, kind }) => kind === 'edge' && ['acting', 'verifying'].includes(this.#plan.case(node)?.phase ?? ''),
    );
    this.mostAtOnce = Math.max(this.mostAtOnce, busy.length);
    for (const { site } of busy) {
      if (site !== undefined)
        this.mostAtSite = Math.max(this.mostAtSite, busy.filter((one) => one.site === site).length);
    }
  }

  finish(): void {
    this.#note();
  }

  #note(): void {
    for (const [name, count] of Object.entries(this.#plan.counters.snapshot())) {
      this.counters.set(name, (this.counters.get(name) ?? 0) + count);
    }
  }

  #revive(): void {
    const { fleet, inventory, rosterTimings } = this.#options;
    this.#wasDown = false;
    this.#roster = new Roster(inventory, rosterTimings, fleet.nowMs);
    this.#plan = this.#newPlan();
    this.#frames = this.#newFrames();
    this.#doubts = this.#newDoubts();
    this.#picture = NO_DOUBTS;
    if (fleet.isMonitorConnected && !this.#isCut) this.#connect();
  }

  #newFrames(): FrameWatch {
    const { inventory, planTimings } = this.#options;
    return new FrameWatch(
      inventory.map(({ node }) => node),
      planTimings.staleMs,
    );
  }

  #newDoubts(): DoubtWatch {
    return new DoubtWatch(this.#options.inventory.map(({ node }) => node));
  }

  /** Claims of a node reach it now, or when it is connected again. */
  hearClaims(node: string, claims: Claimant['claims']): void {
    const { fleet } = this.#options;
    if (!this.isDown && !this.#isCut && fleet.isMonitorConnected) this.#doubts.hearClaims(node, claims);
  }

  #newPlan(): Plan {
    const { entries, planTimings, random, fleet } = this.#options;
    const nowMonoMs = fleet.nowMs;
    const remembered = memoryOf(this.#stored, this.#wallMs(), nowMonoMs);
    return new Plan({ entries, timings: planTimings, mode: 'act', random, nowMonoMs, remembered });
  }

  #wallMs(): number {
    return this.#options.fleet.nowMs + this.wallOffsetMs;
  }

  /** A person's word on a node reaches it now, or when it is connected again. */
  hearHold(node: string): void {
    if (!this.isDown && !this.#isCut && this.#options.fleet.isMonitorConnected) this.#tellHold(node);
  }

  /** Somebody asks it for a restart. */
  ask(node: string): void {
    if (this.isDown) return;
    this.asked++;
    this.#plant({ kind: 'requested', node, by: 'house' });
  }

  get isDown(): boolean {
    return this.#wasDown || this.#options.fleet.nowMs < this.downUntilMs;
  }

  #tellHold(node: string): void {
    const leftMs = (this.#options.holds.get(node) ?? 0) - this.#options.fleet.nowMs;
    if (leftMs > 0) this.#plant({ kind: 'maintenance', node, hold: { by: 'ops', reason: 'lens', leftMs } });
  }

  #connect(): void {
    this.#tell({ kind: 'link-up' });
    this.#tell({ kind: 'epoch', epoch: 'seen', state: 'up' });
    for (const status of this.#options.fleet.readRetained() ?? []) {
      this.#tell({ kind: 'status', retained: true, ...status });
    }
    for (const [node, word] of this.#options.fleet.readWords()) this.#tell({ kind: 'camera', node, word });
  }

  #tell(event: FleetMessage): void {
    const { nowMs } = this.#options.fleet;
    if (event.kind === 'camera') {
      this.#frames.onCamera(event.node, 'front', event.word);
      return;
    }
    if (event.kind === 'status' && event.state === 'online' && !event.retained) {
      this.#frames.onLife(event.node, event.inv);
    }
    if (event.kind === 'link-up') {
      for (const node of this.#options.holds.keys()) this.#tellHold(node);
      for (const [node, claims] of this.#options.claims?.() ?? []) this.#doubts.hearClaims(node, claims);
    }
    const seen = event.kind === 'beat' ? this.#frames.judge(event.node, event.inv, event.cameras) : undefined;
    const effects = this.#roster.apply(event, nowMs);
    this.#doubts.hearRoster(effects);
    for (const next of planEventsOf(event, seen, effects, this.#roster.mode(nowMs))) this.#plant(next);
  }

  #plant(event: PlanEvent): void {
    for (const step of this.#plan.apply(event, this.#options.fleet.nowMs)) this.#perform(step);
  }

  #perform(step: PlanStep): void {
    const { random, boards } = this.#options;
    switch (step.kind) {
      case 'decision':
        this.#options.onDecision?.(step, this.#picture);
        if (step.isAlert) this.alerts.push(`${step.node} ${step.rule} ${step.what}`);
        return;
      case 'answered':
        this.answered++;
        return;
      case 'closed':
        this.#checkVerified(step.node, step.what);
        return;
      case 'remember':
        this.#stored = storedOf(this.#plan.memory(), this.#wallMs(), this.#options.fleet.nowMs);
        return;
      case 'probe': {
        const board = boards.get(step.node);
        this.#order(
          step.node,
          random.range(200, 3_000),
          () => board?.probe(),
          (result) => {
            this.#plant({ kind: 'probed', node: step.node, step: step.step, result });
          },
        );
        return;
      }
      case 'restart':
      case 'reboot': {
        const board = boards.get(step.node);
        this.orders.push({ node: step.node, atMs: this.#options.fleet.nowMs, kind: step.kind });
        const carryOut = () => (step.kind === 'restart' ? board?.restart(step.expected) : board?.reboot(step.boot));
        this.#order(step.node, random.range(200, 3_000), carryOut, (result) => {
          this.#plant({ kind: 'acted', node: step.node, step: step.step, result });
        });
        if (this.diesAtNextOrder) {
          this.diesAtNextOrder = false;
          this.crash(random.range(2_000, 60_000));
        }
        return;
      }
      default:
        return;
    }
  }

  // M11: verified is who sees, or whose camera is not there.
  #checkVerified(node: string, what: string): void {
    const { fleet } = this.#options;
    const camera = fleet.nodes.find((other) => other.node === node)?.camera;
    if (camera === undefined || !what.startsWith('verified')) return;
    // Lost words of cameras, and a monitor that reads what is past, are no mistakes of the rule.
    if (!fleet.isLossless || fleet.isMonitorCatchingUp) return;
    this.verified++;
    if (!camera.isWell(fleet.nowMs)) this.wrongly.push(`${node} at ${fleet.nowMs} ${what}, and does not see`);
  }

  // The board does its part at once or later; the answer takes its time, and may be lost.
  #order<T extends ProbeResult | ActionResult>(
    node: string,
    latencyMs: number,
    carryOut: () => T | undefined,
    answer: (result: T | Extract<ProbeResult, { kind: 'fault' }>) => void,
  ): void {
    const { fleet, random, later } = this.#options;
    const lost = { kind: 'fault' as const, fault: 'closed' as const, message: 'closed before the answer' };
    const isCut = fleet.nowMs < (this.sshCutUntilMs.get(node) ?? 0);
    const isLost = random.chance(0.03);
    // What is on its way reaches the board even if the monitor dies meanwhile.
    let result: T | undefined;
    later(latencyMs / 2, () => {
      if (!isCut) result = carryOut();
    });
    this.#queue.push({
      dueMs: fleet.nowMs + latencyMs + 1_000,
      run: () => answer(isLost || result === undefined ? lost : result),
    });
  }
}

export type SimulatedMonitorOptions = {
  readonly fleet: SimulatedFleet;
  readonly boards: ReadonlyMap<string, Pick<SimulatedBoard, 'probe' | 'restart' | 'reboot'>>;
  readonly inventory: readonly { readonly node: string; readonly site?: string | undefined }[];
  readonly entries: readonly PlanEntry[];
  readonly rosterTimings: RosterTimings;
  readonly planTimings: PlanTimings;
  readonly random: Random;
  /** Maintenance that people asked for, by node: until when. */
  readonly holds: ReadonlyMap<string, number>;
  readonly later: (delayMs: number, run: () => void) => void;
  /** Retained claims; nobody audits unless given. */
  readonly claims?: () => ReadonlyMap<string, Claimant['claims']>;
  /** @param picture whom it has heard to be doubted. */
  readonly onDecision?: (step: Extract<PlanStep, { kind: 'decision' }>, picture: DoubtPicture) => void;
};
