import { Random } from '../../base/random.js';
import type { FramesSeen } from '../../monitor/frame-watch.js';
import type { PlanEntry, PlanMemory } from '../../monitor/plan/case.js';
import { Plan } from '../../monitor/plan/plan.js';
import type { PlanEvent, PlanMode, PlanStep } from '../../monitor/plan/plan-step.js';
import type { ProbeResult } from '../../monitor/plan/probe-table.js';
import { derivePlanTimings } from '../../monitor/plan/timings.js';
import type { ActionAnswer, ProbeAnswer } from '../../protocol/board.js';

export const TIMINGS = derivePlanTimings();
export const OLD = 'a'.repeat(32);
export const NEW = 'b'.repeat(32);
export const FRESH = { ageMs: 500, inv: OLD, mqttConnected: false, frameAgeMs: 100 };

/** What a board says of a service that was killed, unless changed. */
export function probeAnswer(change: Partial<ProbeAnswer> = {}): ProbeAnswer {
  return {
    v: 1,
    helper: 'test',
    verb: 'probe',
    outcome: 'ok',
    unit: 'vedette-edge@cam1.service',
    load: 'loaded',
    active: 'failed',
    sub: 'failed',
    result: 'signal',
    inv: OLD,
    restarts: 0,
    exitCode: 2,
    exitStatus: 9,
    startedMonoMs: 0,
    watchdogMonoMs: null,
    monoMs: 1_000_000,
    boot: '0'.repeat(36),
    upS: 1000,
    load1: 0,
    memAvailableKiB: 1,
    diskFreeKiB: 1,
    throttled: null,
    maintenance: null,
    restartsLeft: 5,
    rebootsLeft: 1,
    health: null,
    ...change,
  };
}

/** A plan driven by hand for boards that answer as told. */
export class PlanDriver {
  readonly plan: Plan;
  readonly steps: PlanStep[] = [];
  nowMs = 0;
  probe: ProbeResult = { kind: 'probe', probe: probeAnswer() };
  /** Answers of boards are told by hand. */
  asksSlowly = false;
  action: Partial<ActionAnswer> = { outcome: 'restarted', inv: NEW };

  constructor(
    nodes: readonly Partial<PlanEntry>[] = [{ node: 'cam1' }],
    mode: PlanMode = 'act',
    remembered?: ReadonlyMap<string, PlanMemory>,
    watchedOnly: readonly string[] = [],
  ) {
    const entries = nodes.map((change) => {
      const node = change.node ?? 'cam1';
      const kind = change.kind ?? 'edge';
      return { node, kind, unit: `vedette-edge@${node}.service`, dependencies: [], mayReboot: false, ...change };
    });
    const memory = remembered === undefined ? {} : { remembered };
    this.plan = new Plan({
      entries,
      timings: TIMINGS,
      mode,
      random: new Random('plan'),
      nowMonoMs: 0,
      watchedOnly,
      ...memory,
    });
    this.tell({ kind: 'link', isUp: true });
    this.tell({ kind: 'sight', canSee: true });
  }

  tell(event: PlanEvent): void {
    for (const step of this.plan.apply(event, this.nowMs)) {
      this.steps.push(step);
      if (step.kind === 'probe' && !this.asksSlowly) {
        this.tell({ kind: 'probed', node: step.node, step: step.step, result: this.probe });
      }
      if (step.kind !== 'restart' && step.kind !== 'reboot') continue;
      const answer = { v: 1 as const, helper: 'test', verb: step.kind, outcome: 'restarted' as const, ...this.action };
      this.tell({ kind: 'acted', node: step.node, step: step.step, result: { kind: 'answer', answer } });
    }
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs += 500;
      this.tell({ kind: 'check' });
    }
  }

  of<K extends PlanStep['kind']>(kind: K): Extract<PlanStep, { kind: K }>[] {
    return this.steps.filter((step): step is Extract<PlanStep, { kind: K }> => step.kind === kind);
  }

  alerts(): string[] {
    return this.of('decision').flatMap(({ isAlert, what }) => (isAlert ? [what] : []));
  }

  beat(
    inv: string,
    frames: FramesSeen['frames'],
    cameras = frames === 'fresh' ? '' : 'camera front has shown no frame',
  ): void {
    this.tell({ kind: 'beat', node: 'cam1', inv, frames, cameras });
  }

  live(inv: string, beats: number, frames: FramesSeen['frames'] = 'fresh'): void {
    this.tell({ kind: 'birth', node: 'cam1', inv, version: '1' });
    for (let i = 0; i < beats; i++) this.beat(inv, frames);
  }
}
