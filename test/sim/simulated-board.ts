import type { Random } from '../../base/random.js';
import type { ActionResult } from '../../monitor/plan/plan-step.js';
import type { BoardFault, ProbeResult } from '../../monitor/plan/probe-table.js';
import type { ActionAnswer, ProbeAnswer } from '../../protocol/board.js';
import type { SimulatedFleet, SimulatedNode } from '../monitor/simulated-fleet.js';

const HOUR_MS = 3_600_000;
const RESTARTS_PER_HOUR = 5;
/** How long claims may go on doubting who is right again: ten results of a quiet scene, and outages between them. */
export const BELIEVED_MS = 900_000;
const REBOOT_GAP_MS = 6 * HOUR_MS;

/** One executed order and the truth at that moment. */
export type Execution = {
  readonly atMs: number;
  readonly node: string;
  readonly kind: 'restart' | 'reboot';
  readonly endedInv: string;
  readonly wasWell: boolean;
  readonly wasStopped: boolean;
  /** Its results were wrong, or had been shortly before: claims take a while to say that they are not. */
  readonly wasWrong: boolean;
  readonly wrongFromMs: number;
  /** A person had asked for hands off, long enough ago for every monitor to have heard of it. */
  readonly wasHeld: boolean;
};

/**
 * A board with systemd and `vedette-boardctl` as docs/board-protocol.md has them: compare on the invocation,
 * maintenance, stopped by a person, token bucket. It starts and ends the process of its simulated node.
 */
export class SimulatedBoard {
  readonly node: SimulatedNode;
  readonly executions: Execution[] = [];
  active: 'active' | 'activating' | 'failed' | 'inactive' = 'active';
  exit: { readonly code: number | null; readonly status: number | null } = { code: null, status: null };
  isPowered = true;
  /** Every start fails until it is mended. */
  isBroken = false;
  hasBadConfig = false;
  /** It works, and its results are wrong. */
  wrong: 'until-restart' | 'for-good' | undefined;
  /** When they were wrong last, and since when without a break. */
  wrongMs = Number.NEGATIVE_INFINITY;
  wrongFromMs = Number.NEGATIVE_INFINITY;
  maintenanceUntilMs = Number.NEGATIVE_INFINITY;
  sshCutUntilMs = Number.NEGATIVE_INFINITY;
  sshGarbageUntilMs = Number.NEGATIVE_INFINITY;
  /** Maintenance that a person asked for over MQTT; the board itself may not know of it. */
  hold: { readonly fromMs: number; readonly untilMs: number } | undefined;
  /** Last moment at which the service was not well. */
  unwellMs = Number.NEGATIVE_INFINITY;
  /** Since when it could have been acted on; undefined while it is well or nobody may. */
  startMs = 5_000;
  inv = 'first';
  #wedgedFromMs: number | undefined;
  #boot = 1;
  #restarts: number[] = [];
  #reboots: number[] = [];
  #life = 0;
  readonly #fleet: SimulatedFleet;
  readonly #random: Random;
  #timers: { dueMs: number; run: () => void }[] = [];

  constructor(fleet: SimulatedFleet, node: SimulatedNode, random: Random) {
    this.#fleet = fleet;
    this.node = node;
    this.#random = random;
    this.inv = node.inv;
  }

  step(): void {
    const { nowMs } = this.#fleet;
    const due = this.#timers.filter(({ dueMs }) => dueMs <= nowMs);
    this.#timers = this.#timers.filter(({ dueMs }) => dueMs > nowMs);
    for (const { run } of due) run();
    // The world around may have started or ended the process: updates, thaws.
    if (!this.isWell()) this.unwellMs = nowMs;
    if (this.wrong !== undefined) this.wrongMs = nowMs;
    const isStill = this.node.process === 'frozen' || this.node.wedge !== undefined;
    this.#wedgedFromMs = isStill ? (this.#wedgedFromMs ?? nowMs) : undefined;
    this.node.camera.setStill(this.node.wedge === 'stale', nowMs);
  }

  /** The service runs and its pipeline moves, or it is on its way there without help. */
  isWell(): boolean {
    if (!this.isPowered) return false;
    if (this.active === 'activating') return true;
    if (this.active !== 'active' || this.node.process !== 'running') return false;
    // Nothing comes from a camera that is not there: nobody can tell whether its pipeline would move.
    const isBlind = this.node.wedge === 'stale' && this.node.camera.word(this.#fleet.nowMs).reason === 'unplugged';
    return this.node.wedge === undefined || isBlind;
  }

  /** A restart from outside would help and is allowed. */
  isActionable(): boolean {
    const { nowMs } = this.#fleet;
    if (!this.isPowered || nowMs < this.maintenanceUntilMs || nowMs < this.sshCutUntilMs) return false;
    if (this.hold !== undefined && nowMs < this.hold.untilMs) return false;
    if (nowMs < this.sshGarbageUntilMs || this.hasBadConfig || this.isBroken) return false;
    return this.active === 'failed' || (this.active === 'active' && !this.isWell());
  }

  // ---- what happens to it

  /** The process ends. @param isHopeless systemd has given up (start limit). */
  crash(isHopeless: boolean): void {
    if (this.active !== 'active' || !this.isPowered) return;
    this.#end(1, 139);
    if (isHopeless) this.active = 'failed';
    else this.#start(5_000 + this.startMs);
  }

  misconfigure(): void {
    if (this.active !== 'active' || !this.isPowered) return;
    this.hasBadConfig = true;
    this.#end(1, 78);
    this.active = 'failed';
  }

  /** Its results are wrong from now on; it knows nothing of that. */
  goWrong(how: 'until-restart' | 'for-good'): void {
    if (this.wrong === undefined) this.wrongFromMs = this.#fleet.nowMs;
    this.wrong = how;
  }

  breakDown(): void {
    if (this.active !== 'active' || !this.isPowered) return;
    this.isBroken = true;
    this.#end(1, 1);
    this.active = 'failed';
  }

  /** A person mends and starts it. */
  mend(): void {
    this.isBroken = false;
    this.hasBadConfig = false;
    this.node.camera.firstFrameMs = 2_000;
    if (this.isPowered && this.active !== 'active') this.#start(this.startMs);
  }

  /** @param watchdogMs when systemd's own watchdog ends it; it may have none. */
  freeze(forMs: number, watchdogMs: number | undefined): void {
    if (this.active !== 'active' || !this.isPowered) return;
    this.#fleet.freeze(this.node, forMs);
    if (watchdogMs === undefined) return;
    const life = this.#life;
    this.#later(watchdogMs, () => {
      if (life === this.#life && this.node.process === 'frozen') this.crash(false);
    });
  }

  wedge(kind: 'silent' | 'stale', forMs: number | undefined): void {
    if (this.active !== 'active' || this.node.process !== 'running') return;
    this.node.wedge = kind;
    const life = this.#life;
    if (forMs === undefined) return;
    this.#later(forMs, () => {
      if (life === this.#life) this.node.wedge = undefined;
    });
  }

  powerCut(backMs: number | undefined): void {
    if (!this.isPowered) return;
    this.isPowered = false;
    this.#life++;
    this.node.wedge = undefined;
    this.#fleet.powerCut(this.node, undefined);
    if (backMs === undefined) return;
    this.#later(backMs, () => {
      this.isPowered = true;
      this.#boot++;
      this.#start(15_000 + this.startMs);
    });
  }

  /** An operator stops the unit, maybe for good. */
  stop(backMs: number | undefined): void {
    if (this.active !== 'active' || this.node.process !== 'running' || !this.isPowered) return;
    this.#fleet.stop(this.node, undefined);
    this.node.wedge = undefined;
    this.active = 'inactive';
    const life = ++this.#life;
    if (backMs === undefined) return;
    this.#later(backMs, () => {
      if (life === this.#life && this.isPowered) this.#start(this.startMs);
    });
  }

  /** An update: maintenance, stop, new start. */
  update(forMs: number): void {
    this.maintenanceUntilMs = this.#fleet.nowMs + forMs + 60_000;
    this.stop(forMs);
  }

  /** An update that stops the service well and does not bring it up the first time. */
  failedUpdate(forMs: number): void {
    if (this.active !== 'active' || this.node.process !== 'running' || !this.isPowered) return;
    this.stop(undefined);
    const life = this.#life;
    this.#later(forMs, () => {
      if (life !== this.#life || !this.isPowered) return;
      this.exit = { code: 1, status: 1 };
      this.inv = `inv${this.#random.int(1e9)}`;
      this.active = 'failed';
    });
  }

  // ---- its SSH door

  /** What a monitor gets for `probe`, at once; a fault where the door does not answer. */
  probe(): ProbeResult {
    const fault = this.#fault();
    if (fault !== undefined) return fault;
    const { nowMs } = this.#fleet;
    const stillMs = this.#wedgedFromMs === undefined ? 0 : nowMs - this.#wedgedFromMs;
    const isUp = this.active === 'active';
    const isFrozen = this.node.process === 'frozen';
    const probe: ProbeAnswer = {
      v: 1,
      helper: 'sim',
      verb: 'probe',
      outcome: 'ok',
      unit: `vedette-edge@${this.node.node}.service`,
      load: 'loaded',
      active: this.active,
      sub: this.active === 'active' ? 'running' : 'dead',
      result: this.active === 'failed' ? 'exit-code' : 'success',
      inv: this.inv,
      restarts: 0,
      exitCode: this.exit.code,
      exitStatus: this.exit.status,
      startedMonoMs: null,
      watchdogMonoMs: null,
      monoMs: nowMs,
      boot: this.boot,
      upS: 100,
      load1: 0.5,
      memAvailableKiB: 500_000,
      diskFreeKiB: 500_000,
      throttled: null,
      maintenance:
        nowMs < this.maintenanceUntilMs
          ? { by: 'ops', reason: 'update', leftS: Math.ceil((this.maintenanceUntilMs - nowMs) / 1000) }
          : null,
      restartsLeft: this.#left(this.#restarts, HOUR_MS, RESTARTS_PER_HOUR),
      rebootsLeft: this.#left(this.#reboots, REBOOT_GAP_MS, 1),
      health: isUp
        ? {
            ageMs: isFrozen || this.node.wedge === 'silent' ? stillMs : 300,
            inv: this.inv,
            mqttConnected: this.node.isConnected && !this.node.isCut && this.#fleet.isBrokerUp,
            frameAgeMs: this.node.camera.word(nowMs).ok ? this.node.camera.frameAgeMs(nowMs) : null,
          }
        : null,
    };
    return { kind: 'probe', probe };
  }

  get boot(): string {
    return `boot-${this.#boot}`;
  }

  /** `restart`: the answer, and what was done if anything. */
  restart(expected: string | null): ActionResult {
    const fault = this.#fault();
    if (fault !== undefined) return fault;
    const { nowMs } = this.#fleet;
    if (expected !== this.inv) return answer('restart', 'already-restarted', { inv: this.inv });
    if (nowMs < this.maintenanceUntilMs) return answer('restart', 'held', { why: 'maintenance' });
    if (this.active === 'inactive') return answer('restart', 'held', { why: 'stopped' });
    if (this.active === 'activating') return answer('restart', 'failed', { why: 'busy' });
    if (this.#left(this.#restarts, HOUR_MS, RESTARTS_PER_HOUR) === 0) {
      return answer('restart', 'budget', { retryS: 720 });
    }
    this.#restarts.push(nowMs);
    this.#note('restart');
    this.#end(1, 0);
    this.#start(this.startMs);
    return answer('restart', 'restarted', { inv: null });
  }

  reboot(boot: string): ActionResult {
    const fault = this.#fault();
    if (fault !== undefined) return fault;
    if (boot !== this.boot) return answer('reboot', 'stale', { boot: this.boot });
    if (this.#fleet.nowMs < this.maintenanceUntilMs) return answer('reboot', 'held', { why: 'maintenance' });
    if (this.#left(this.#reboots, REBOOT_GAP_MS, 1) === 0) return answer('reboot', 'budget', { retryS: 3600 });
    this.#reboots.push(this.#fleet.nowMs);
    this.#note('reboot');
    this.powerCut(20_000);
    return answer('reboot', 'rebooting', {});
  }

  get reboots(): number {
    return this.#reboots.length;
  }

  #fault(): BoardFault | undefined {
    const { nowMs } = this.#fleet;
    if (!this.isPowered || nowMs < this.sshCutUntilMs) {
      return { kind: 'fault', fault: 'unreachable', message: 'no TCP connection within 5 s' };
    }
    if (nowMs < this.sshGarbageUntilMs) return { kind: 'fault', fault: 'garbage', message: 'not JSON' };
    return undefined;
  }

  #note(kind: 'restart' | 'reboot'): void {
    const { nowMs } = this.#fleet;
    // A service that came to itself while the order was under way is no mistake of the one who gave it.
    const wasWell = this.isWell() && nowMs - this.unwellMs > 10_000;
    const wasStopped = this.active === 'inactive';
    const { hold } = this;
    const wasHeld = hold !== undefined && nowMs > hold.fromMs + 5_000 && nowMs < hold.untilMs;
    const wasWrong = nowMs - this.wrongMs < BELIEVED_MS;
    const was = { wasWell, wasStopped, wasWrong, wrongFromMs: this.wrongFromMs, wasHeld };
    this.executions.push({ atMs: nowMs, node: this.node.node, kind, endedInv: this.inv, ...was });
  }

  #end(code: number, status: number): void {
    this.#life++;
    this.node.wedge = undefined;
    this.exit = { code, status };
    this.#fleet.crash(this.node, undefined);
  }

  #start(afterMs: number): void {
    this.active = 'activating';
    const life = ++this.#life;
    this.inv = `inv${this.#random.int(1e9)}`;
    this.#later(afterMs, () => {
      if (life !== this.#life || !this.isPowered) return;
      if (this.isBroken || this.hasBadConfig) {
        this.exit = { code: 1, status: this.hasBadConfig ? 78 : 1 };
        this.active = 'failed';
        return;
      }
      this.active = 'active';
      if (this.wrong === 'until-restart') this.wrong = undefined;
      this.#fleet.start(this.node);
      this.node.inv = this.inv;
    });
  }

  #left(times: readonly number[], windowMs: number, limit: number): number {
    return Math.max(0, limit - times.filter((atMs) => this.#fleet.nowMs - atMs < windowMs).length);
  }

  #later(delayMs: number, run: () => void): void {
    this.#timers.push({ dueMs: this.#fleet.nowMs + delayMs, run });
  }
}

function answer(verb: string, outcome: ActionAnswer['outcome'], more: Partial<ActionAnswer>): ActionResult {
  return { kind: 'answer', answer: { v: 1, helper: 'sim', verb, outcome, ...more } };
}
