import type { ActionResult } from '../../monitor/plan/plan-step.js';
import type { BoardFault, ProbeResult } from '../../monitor/plan/probe-table.js';
import type { SimulatedFleet } from '../monitor/simulated-fleet.js';

const UNREACHABLE: BoardFault = { kind: 'fault', fault: 'unreachable', message: 'no TCP connection within 5 s' };

/** The board of the broker: its unit is active, restarting by itself, or failed for good. */
export class SimulatedBrokerBoard {
  restarts = 0;
  wronglyRestarted = 0;
  isFailed = false;
  sshCutUntilMs = Number.NEGATIVE_INFINITY;
  inv = 'broker-1';
  readonly #fleet: SimulatedFleet;

  constructor(fleet: SimulatedFleet) {
    this.#fleet = fleet;
  }

  /** Killed, and systemd has given up. */
  fail(): void {
    if (!this.#fleet.isBrokerUp) return;
    this.isFailed = true;
    this.#fleet.killBroker(Number.POSITIVE_INFINITY);
  }

  probe(): ProbeResult {
    if (this.#fleet.nowMs < this.sshCutUntilMs) return UNREACHABLE;
    const active = this.#fleet.isBrokerUp ? 'active' : this.isFailed ? 'failed' : 'activating';
    return {
      kind: 'probe',
      probe: {
        v: 1,
        helper: 'sim',
        verb: 'probe',
        outcome: 'ok',
        unit: 'vedette-broker.service',
        load: 'loaded',
        active,
        sub: active,
        result: active === 'failed' ? 'signal' : 'success',
        inv: this.inv,
        restarts: 0,
        exitCode: active === 'failed' ? 2 : null,
        exitStatus: active === 'failed' ? 9 : null,
        startedMonoMs: null,
        watchdogMonoMs: null,
        monoMs: this.#fleet.nowMs,
        boot: 'b',
        upS: 1,
        load1: 0,
        memAvailableKiB: null,
        diskFreeKiB: null,
        throttled: null,
        maintenance: null,
        restartsLeft: 5,
        rebootsLeft: 0,
        health: null,
      },
    };
  }

  restart(expected: string | null): ActionResult {
    if (this.#fleet.nowMs < this.sshCutUntilMs) return UNREACHABLE;
    const head = { v: 1 as const, helper: 'sim', verb: 'restart' };
    if (expected !== this.inv) {
      return { kind: 'answer', answer: { ...head, outcome: 'already-restarted', inv: this.inv } };
    }
    this.restarts++;
    if (this.#fleet.isBrokerUp) this.wronglyRestarted++;
    this.inv = `broker-${this.restarts + 1}`;
    this.isFailed = false;
    this.#fleet.startBroker();
    return { kind: 'answer', answer: { ...head, outcome: 'restarted', inv: this.inv } };
  }

  reboot(): ActionResult {
    return { kind: 'answer', answer: { v: 1, helper: 'sim', verb: 'reboot', outcome: 'budget' } };
  }
}
