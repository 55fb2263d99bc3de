import type { FramesSeen } from './frame-watch.js';
import type { PlanEvent } from './plan/plan-step.js';
import type { RosterEffect, RosterEvent } from './roster.js';

/**
 * What the plan must hear of one event of the roster and its effects, in order. Pure: the only joint between what the
 * monitor believes and what it does.
 * @param seen what the cameras of a heartbeat say; undefined for every other event.
 */
export function planEventsOf(
  event: RosterEvent,
  seen: FramesSeen | undefined,
  effects: readonly RosterEffect[],
  mode: 'blind' | 'settling' | 'mass' | 'watching',
): PlanEvent[] {
  const events: PlanEvent[] = [{ kind: 'sight', canSee: mode === 'watching' || mode === 'mass' }];
  if (event.kind === 'link-up' || event.kind === 'link-down') {
    events.push({ kind: 'link', isUp: event.kind === 'link-up' });
  }
  // Retained messages prove nothing (M3).
  if (event.kind === 'status' && event.state === 'online' && !event.retained) {
    events.push({ kind: 'birth', node: event.node, inv: event.inv, version: event.version ?? '' });
  }
  if (event.kind === 'beat' && seen !== undefined) {
    events.push({ kind: 'beat', node: event.node, inv: event.inv, ...seen });
  }
  for (const effect of effects) {
    if (effect.kind !== 'state') continue;
    if (effect.to === 'confirmed') events.push({ kind: 'confirmed', node: effect.node });
    if (effect.to === 'up') events.push({ kind: 'alive', node: effect.node });
    if (effect.to === 'stopped') events.push({ kind: 'stopped', node: effect.node });
  }
  if (event.kind === 'check') events.push({ kind: 'check' });
  return events;
}
