import type { ProbeAnswer } from '../../protocol/board.js';
import type { NodeCase } from './case.js';
import type { Attempt } from './ladder.js';
import { HOUR_MS, type PlanTimings } from './timings.js';

/** Why an action has to wait. */
export type Obstacle = {
  readonly rule: string;
  readonly why: string;
  readonly waitMs: number;
  readonly isAlert: boolean;
  readonly counter?: 'boardBudget' | 'ownBudget';
};

/** Concurrency and budgets (2.3, 2.4 of supervision): what stands against one more action now, if anything. Pure. */
export function obstacleTo(
  one: NodeCase,
  rung: Attempt['kind'],
  probe: ProbeAnswer,
  all: readonly NodeCase[],
  now: number,
  timings: PlanTimings,
): Obstacle | undefined {
  // Without a broker nothing can be verified: nodes that wait for it must not keep it from coming back.
  const busy = all.filter(
    ({ phase, entry }) => (phase === 'acting' || phase === 'verifying') && entry.kind === one.entry.kind,
  );
  const { site } = one.entry;
  const atSite = site === undefined ? 0 : busy.filter(({ entry }) => entry.site === site).length;
  if (busy.length >= timings.concurrentMax || atSite >= timings.concurrentPerSiteMax) {
    return { rule: '2.4', why: 'other actions are under way', waitMs: timings.retryMs, isAlert: false };
  }
  if ((rung === 'reboot' ? probe.rebootsLeft : probe.restartsLeft) === 0) {
    const why = "the board's own budget is used up";
    return { rule: '2.3', why, waitMs: timings.personMs, isAlert: true, counter: 'boardBudget' };
  }
  const fleet = all.reduce((sum, { history }) => sum + inHour(history, now), 0);
  if (inHour(one.history, now) < timings.nodeRestartsPerHour && fleet < timings.fleetRestartsPerHour) return undefined;
  const why = 'the budget of this hour is used up';
  return { rule: '2.4', why, waitMs: timings.personMs, isAlert: true, counter: 'ownBudget' };
}

function inHour(history: readonly Attempt[], now: number): number {
  return history.filter(({ atMonoMs }) => now - atMonoMs < HOUR_MS).length;
}

/** True if nobody else of its group works. */
export function isLastOfGroup(one: NodeCase, all: readonly NodeCase[]): boolean {
  const { group, node } = one.entry;
  if (group === undefined) return false;
  const others = all.filter(({ entry }) => entry.group === group && entry.node !== node);
  const isOut = ({ phase, staleFromMonoMs }: NodeCase) => phase !== 'idle' || staleFromMonoMs !== undefined;
  return others.length > 0 && others.every(isOut);
}

/** Share of the fleet, 0..1, that was rebooted within the last hour. */
export function rebootedShare(all: readonly NodeCase[], now: number): number {
  const isRecent = ({ kind, atMonoMs }: Attempt) => kind === 'reboot' && now - atMonoMs < HOUR_MS;
  return all.filter(({ history }) => history.some(isRecent)).length / Math.max(1, all.length);
}
