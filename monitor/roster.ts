import { Counters } from '../base/counters.js';
import {
  addTurn,
  areWillsVoid,
  type FleetEvent,
  type FleetWatch,
  holdBack,
  type InventoryEntry,
  isDeciding,
  massOf,
  newFleet,
  reduceFleet,
  releaseOne,
} from './fleet-watch.js';
import { addEvidence, closeIncident, type IncidentNotes, openIncident } from './incident.js';
import { type NodeEvent, type NodeNote, type NodeState, type NodeWatch, newWatch, reduceNode } from './node-watch.js';
import type { RosterTimings } from './timings.js';

export type StatusSeen = {
  readonly node: string;
  readonly state: 'online' | 'stopped' | 'lost';
  readonly gen: number;
  readonly inv: string;
  /** Software version, where the message told it. */
  readonly version?: string;
};

/** What the roster is told. Times are not part of events: the caller says when it heard of them. */
export type RosterEvent =
  | FleetEvent
  | ({ readonly kind: 'status'; readonly retained: boolean } & StatusSeen)
  | { readonly kind: 'beat'; readonly node: string; readonly gen: number; readonly inv: string; readonly seq: number }
  /** All retained statuses, read over another session (M13). */
  | { readonly kind: 'reconcile'; readonly statuses: readonly StatusSeen[] }
  | { readonly kind: 'check' };

/** What the loop around the roster is to do. */
export type RosterEffect =
  | {
      readonly kind: 'state';
      readonly node: string;
      readonly from: NodeState;
      readonly to: NodeState;
      readonly rule: string;
    }
  | {
      readonly kind: 'incident';
      readonly node: string;
      readonly state: NodeState;
      readonly incident: IncidentNotes;
    }
  | { readonly kind: 'mass'; readonly nodes: readonly string[]; readonly incident: IncidentNotes }
  | { readonly kind: 'settle'; readonly why: string }
  | {
      readonly kind: 'note';
      readonly node: string;
      readonly note: NodeNote | 'missed-message' | 'void-will' | 'stranger';
      readonly rule: string;
    };

const COUNTERS = [
  'births',
  'wills',
  'staleWills',
  'voidWills',
  'beats',
  'settles',
  'suspects',
  'confirmed',
  'massIncidents',
  'missedMessages',
  'duplicateIdentities',
  'generationResets',
  'strangers',
] as const;

/** Ids outside the inventory that are remembered, so that each is told once: a tenth of the largest inventory. */
const STRANGERS_MAX = 100;

/**
 * The monitor's picture of the fleet: one state machine per listed node, and one for what hits many at once.
 * Touches nothing outside itself: the same events at the same times give the same effects.
 */
export class Roster {
  readonly counters = new Counters(COUNTERS);
  readonly #timings: RosterTimings;
  readonly #inventory: readonly InventoryEntry[];
  readonly #watches: Map<string, NodeWatch>;
  readonly #strangers = new Set<string>();
  #fleet: FleetWatch;
  #massIncident: IncidentNotes | undefined;

  constructor(inventory: readonly InventoryEntry[], timings: RosterTimings, nowMonoMs: number) {
    this.#timings = timings;
    this.#inventory = inventory;
    this.#watches = new Map(inventory.map(({ node }) => [node, newWatch(node, nowMonoMs)]));
    this.#fleet = newFleet(nowMonoMs);
  }

  /** States of all listed nodes, in the order of the inventory. */
  states(): ReadonlyMap<string, NodeState> {
    return new Map([...this.#watches].map(([node, watch]) => [node, watch.state]));
  }

  watch(node: string): NodeWatch | undefined {
    return this.#watches.get(node);
  }

  /** What the monitor can do right now: nothing while blind, wait while it settles, hold back during a mass incident. */
  mode(nowMonoMs: number): 'blind' | 'settling' | 'mass' | 'watching' {
    if (this.#fleet.link === 'down') return 'blind';
    if (!isDeciding(this.#fleet, nowMonoMs)) return 'settling';
    return this.#fleet.mass === undefined ? 'watching' : 'mass';
  }

  /** Takes one event and says what is to be done. `nowMonoMs` never falls. */
  apply(event: RosterEvent, nowMonoMs: number): RosterEffect[] {
    const effects = this.#lookAtClock(nowMonoMs);
    switch (event.kind) {
      case 'status':
        effects.push(...this.#onStatus(event, event.retained, nowMonoMs));
        break;
      case 'beat':
        effects.push(...this.#onBeat(event, nowMonoMs));
        break;
      case 'reconcile':
        for (const status of event.statuses) effects.push(...this.#reconcile(status, nowMonoMs));
        break;
      case 'check':
        effects.push(...this.#check(nowMonoMs));
        break;
      default:
        effects.push(...this.#onFleet(event, nowMonoMs));
    }
    return effects;
  }

  // M6: a gap between two looks at the clock means that this process stood still, and so did what it knows.
  #lookAtClock(nowMonoMs: number): RosterEffect[] {
    const lagMs = nowMonoMs - this.#fleet.lookedMonoMs - this.#timings.checkMs;
    this.#fleet = { ...this.#fleet, lookedMonoMs: nowMonoMs };
    return lagMs > this.#timings.ownLagMs ? this.#onFleet({ kind: 'own-lag', lagMs }, nowMonoMs) : [];
  }

  #onFleet(event: FleetEvent, nowMonoMs: number): RosterEffect[] {
    const { fleet, settleWhy } = reduceFleet(this.#fleet, event, nowMonoMs, this.#timings);
    this.#fleet = fleet;
    if (settleWhy === undefined) return [];
    this.counters.add('settles');
    const restart: NodeEvent = { kind: 'restart-ages', fromMonoMs: fleet.settleUntilMonoMs, why: settleWhy };
    const effects = [...this.#watches.keys()].flatMap((node) => this.#step(node, restart, nowMonoMs));
    return [{ kind: 'settle', why: settleWhy }, ...effects];
  }

  #onStatus(status: StatusSeen, retained: boolean, nowMonoMs: number): RosterEffect[] {
    if (!this.#watches.has(status.node)) return this.#onStranger(status.node);
    if (status.state === 'online') {
      if (!retained) this.counters.add('births');
      return this.#step(status.node, { kind: 'birth', gen: status.gen, inv: status.inv, retained }, nowMonoMs);
    }
    if (status.state === 'stopped') {
      return this.#step(status.node, { kind: 'stop', gen: status.gen, inv: status.inv, retained }, nowMonoMs);
    }
    this.counters.add('wills');
    if (areWillsVoid(this.#fleet, nowMonoMs)) {
      this.counters.add('voidWills');
      return [{ kind: 'note', node: status.node, note: 'void-will', rule: 'M6' }];
    }
    // A broker that stopped has willed for everybody; after its return these wills are retained and prove nothing.
    if (retained && !isDeciding(this.#fleet, nowMonoMs)) {
      return this.#step(status.node, { kind: 'burn', gen: status.gen }, nowMonoMs);
    }
    return this.#step(status.node, { kind: 'death', gen: status.gen, inv: status.inv, retained }, nowMonoMs);
  }

  #onBeat(
    beat: { readonly node: string; readonly gen: number; readonly inv: string; readonly seq: number },
    nowMonoMs: number,
  ): RosterEffect[] {
    if (!this.#watches.has(beat.node)) return this.#onStranger(beat.node);
    this.counters.add('beats');
    return this.#step(beat.node, { kind: 'beat', gen: beat.gen, inv: beat.inv, seq: beat.seq }, nowMonoMs);
  }

  // M5: the inventory is the truth. Who is not in it is told once and not watched.
  #onStranger(node: string): RosterEffect[] {
    if (this.#strangers.has(node) || this.#strangers.size >= STRANGERS_MAX) return [];
    this.#strangers.add(node);
    this.counters.add('strangers');
    return [{ kind: 'note', node, note: 'stranger', rule: 'M5' }];
  }

  // M13: what the retained topics say and the state machine does not know was lost on its way here.
  #reconcile(status: StatusSeen, nowMonoMs: number): RosterEffect[] {
    const before = this.#watches.get(status.node);
    const effects = this.#onStatus(status, true, nowMonoMs);
    const after = this.#watches.get(status.node);
    const isMissed = before !== undefined && (before.gen !== after?.gen || before.burntGen !== after.burntGen);
    if (!isMissed) return effects;
    this.counters.add('missedMessages');
    return [{ kind: 'note', node: status.node, note: 'missed-message', rule: 'M13' }, ...effects];
  }

  #check(nowMonoMs: number): RosterEffect[] {
    const deciding = isDeciding(this.#fleet, nowMonoMs);
    const effects: RosterEffect[] = [];
    for (const node of this.#watches.keys()) effects.push(...this.#step(node, { kind: 'check', deciding }, nowMonoMs));
    effects.push(...this.#release(nowMonoMs));
    return effects;
  }

  #step(node: string, event: NodeEvent, nowMonoMs: number): RosterEffect[] {
    const before = this.#watches.get(node);
    if (before === undefined) return [];
    const step = reduceNode(before, event, nowMonoMs, this.#timings);
    this.#watches.set(node, step.watch);
    const effects: RosterEffect[] = [];
    for (const effect of step.effects) {
      if (effect.kind === 'state') {
        effects.push({ ...effect, node });
        effects.push(...this.#onTurn(node, effect.to, nowMonoMs));
      } else if (effect.kind === 'note') {
        this.#count(effect.note);
        effects.push({ ...effect, node });
      } else effects.push(...this.#incidentOf(node));
    }
    return effects;
  }

  #onTurn(node: string, to: NodeState, nowMonoMs: number): RosterEffect[] {
    if (to === 'confirmed') this.counters.add('confirmed');
    if (to !== 'suspect') return [];
    this.counters.add('suspects');
    this.#fleet = addTurn(this.#fleet, node, nowMonoMs, this.#timings);
    const mass = massOf(this.#fleet, this.#inventory, this.#timings);
    const joining = this.#fleet.mass === undefined ? mass : [...mass, node];
    const held = joining.filter((other) => this.#isSuspect(other) && this.#watches.get(other)?.held === false);
    return held.length > 0 ? this.#holdBack(held, nowMonoMs) : [];
  }

  // M7.
  #holdBack(nodes: readonly string[], nowMonoMs: number): RosterEffect[] {
    const isNew = this.#fleet.mass === undefined;
    this.#fleet = holdBack(this.#fleet, nodes, nowMonoMs, this.#timings);
    const effects = nodes.flatMap((node) => this.#step(node, { kind: 'hold' }, nowMonoMs));
    const what = `turned suspect together: ${nodes.join(', ')}`;
    if (isNew) this.counters.add('massIncidents');
    this.#massIncident =
      isNew || this.#massIncident === undefined
        ? openIncident('broker-or-network', what, nowMonoMs)
        : addEvidence(this.#massIncident, what, nowMonoMs);
    return [...effects, ...this.#tellMass()];
  }

  #release(nowMonoMs: number): RosterEffect[] {
    const release = releaseOne(this.#fleet, (node) => this.#isSuspect(node), nowMonoMs, this.#timings);
    this.#fleet = release.fleet;
    const { node } = release;
    const effects = node === undefined ? [] : this.#step(node, { kind: 'release' }, nowMonoMs);
    if (this.#massIncident === undefined) return effects;
    if (node !== undefined) this.#massIncident = addEvidence(this.#massIncident, `released: ${node}`, nowMonoMs);
    if (release.isOver)
      this.#massIncident = closeIncident(this.#massIncident, 'nobody is held back any more', nowMonoMs);
    return node !== undefined || release.isOver ? [...effects, ...this.#tellMass()] : effects;
  }

  #tellMass(): RosterEffect[] {
    if (this.#massIncident === undefined) return [];
    return [{ kind: 'mass', nodes: this.#fleet.mass?.held ?? [], incident: this.#massIncident }];
  }

  #incidentOf(node: string): RosterEffect[] {
    const watch = this.#watches.get(node);
    if (watch?.incident === undefined) return [];
    return [{ kind: 'incident', node, state: watch.state, incident: watch.incident }];
  }

  #isSuspect(node: string): boolean {
    return this.#watches.get(node)?.state === 'suspect';
  }

  #count(note: NodeNote): void {
    if (note === 'stale-will') this.counters.add('staleWills');
    if (note === 'duplicate-identity') this.counters.add('duplicateIdentities');
    if (note === 'generation-reset') this.counters.add('generationResets');
  }
}
