import type { Clock } from '../base/clock.js';
import type { NodeDoubt } from '../base/doubts.js';
import { messageOf } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import type { Log } from '../base/log.js';
import type { Presence } from '../base/presence/presence.js';
import { routes } from '../protocol/routes.js';
import { type Incident, type Maintenance, type Roster as RosterMessage, SCHEMA_MINOR } from '../protocol/status.js';
import { DoubtWatch } from './doubt-watch.js';
import type { InventoryEntry } from './fleet-watch.js';
import type { FramesSeen, FrameWatch } from './frame-watch.js';
import type { IncidentNotes } from './incident.js';
import type { IncidentBoard } from './incident-board.js';
import { MaintenanceHolds } from './maintenance-holds.js';
import type { MonitorFacts } from './metrics/metrics-page.js';
import type { PlanEvent, PlanMode } from './plan/plan-step.js';
import { readRetainedStatuses } from './reconcile.js';
import { Roster, type RosterEffect, type RosterEvent } from './roster.js';
import { planEventsOf } from './supervision.js';
import type { RosterTimings } from './timings.js';

/** The roster is published on every change, at most this often, and at least every `ROSTER_PERIOD_MS`. */
const ROSTER_GAP_MS = 1_000;
const ROSTER_PERIOD_MS = 10_000;
/** Doubted nodes told in a roster: with a thousand nodes it has no room for more. */
const DOUBTS_TOLD_MAX = 32;
/** Monitors that are waited for: three minutes are enough, whatever the topics claim. */
const MONITORS_MAX = 3;

/** A node's state as the wire has it. */
export type ToldState = Incident['state'];

/** The part that acts. */
export type Supervision = {
  readonly take: (event: PlanEvent) => void;
  /** An incident of the roster, with what was decided in it. */
  readonly note: (node: string, notes: IncidentNotes) => IncidentNotes;
  readonly onMaintenance: (node: string, maintenance: Maintenance | undefined) => void;
  /** What is being done about a node; undefined while nothing is. */
  readonly stateOf: (node: string) => 'acting' | 'verifying' | 'quarantined' | undefined;
  readonly counters: () => Record<string, number>;
  readonly acts: PlanMode;
  /** What is being done about each broker of the inventory, while nothing is: undefined. */
  readonly brokers: () => ReadonlyMap<string, BrokerTold | undefined>;
};

export type BrokerTold = 'suspect' | 'acting' | 'verifying' | 'quarantined';

export type MonitorOptions = {
  readonly name: string;
  readonly inventory: readonly InventoryEntry[];
  readonly timings: RosterTimings;
  /** What acts on the roster's word. */
  readonly supervision: Supervision;
  readonly frames: FrameWatch;
  /** A round of decisions is done. */
  readonly onDecided: () => void;
  readonly incidents: IncidentBoard;
  readonly link: Link;
  readonly presence: Presence;
  /** A new link for one short look at the retained statuses. */
  readonly makeSecondLink: () => Link;
  readonly clock: Clock;
  readonly log: Log;
};

/** The loop around the roster: hears the fleet, tells what it believes. It decides nothing itself. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #roster: Roster;
  readonly #incidents: IncidentBoard;
  readonly #holds: MaintenanceHolds;
  readonly #doubts: DoubtWatch;
  #isRosterDue = true;
  #rosterSentMonoMs = Number.NEGATIVE_INFINITY;
  #modeSent = '';
  /** Living monitors that go before this one. */
  readonly #before = new Set<string>();

  constructor(options: MonitorOptions) {
    const { inventory, timings, clock, incidents } = options;
    this.#options = options;
    this.#roster = new Roster(inventory, timings, clock.monoMs());
    this.#incidents = incidents;
    this.#doubts = new DoubtWatch(inventory.map(({ node }) => node));
    this.#holds = new MaintenanceHolds(inventory.map(({ node }) => node));
  }

  /** Runs until the signal aborts. The link is opened and closed by the caller. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timings, onDecided } = this.#options;
    this.#listen();
    const cancelCheck = clock.every(timings.checkMs, () => {
      this.#tellDoubts();
      this.#take({ kind: 'check' });
      this.#tellRoster();
      onDecided();
    });
    try {
      await this.#reconcileLoop(signal);
    } finally {
      cancelCheck();
    }
  }

  counters(): Record<string, number> {
    return { ...this.#roster.counters.snapshot(), ...this.#options.supervision.counters() };
  }

  /** What it believes now, for whoever asks how the fleet fares. */
  facts(): MonitorFacts {
    return {
      mode: this.#roster.mode(this.#options.clock.monoMs()),
      states: new Map([...this.#roster.states().keys()].map((node) => [node, this.stateOf(node)])),
      doubts: this.#doubts.doubts(),
      openIncidents: this.#incidents.unclosed,
      counters: this.counters(),
    };
  }

  /** The state of a node as it is told: what is being done about it, else what is believed of it. */
  stateOf(node: string): ToldState {
    return this.#options.supervision.stateOf(node) ?? this.#roster.states().get(node) ?? 'unknown';
  }

  /** Something changed that the roster's readers should know. */
  tellSoon(): void {
    this.#isRosterDue = true;
  }

  #listen(): void {
    const { link, presence, frames, supervision, name } = this.#options;
    this.#incidents.open();
    link.subscribe(routes.status, {}, ({ params, payload, retained }) => {
      const { state, gen, inv, version, reason } = payload;
      // A service that stops because it failed did not stop on purpose.
      const seen = state === 'stopped' && reason === 'failed' ? 'lost' : state;
      if (seen === 'online' && !retained) frames.onLife(params.node, inv);
      this.#take({ kind: 'status', node: params.node, state: seen, gen, inv, version, retained });
      this.#doubts.hearStatus(params.node, state);
    });
    link.subscribe(
      routes.claims,
      {},
      ({ params, payload }) => this.#doubts.hearClaims(params.node, payload),
      ({ params }) => this.#doubts.hearClaims(params.node, undefined),
    );
    link.subscribe(routes.cameraState, {}, ({ params, payload }) => {
      frames.onCamera(params.node, params.camera, payload);
    });
    link.subscribe(routes.info, {}, ({ params, payload }) => {
      supervision.take({ kind: 'pace', node: params.node, staleMs: frames.onInfo(params.node, payload.cameras) });
    });
    link.subscribe(
      routes.maintenance,
      {},
      ({ params, payload }) => this.#onMaintenance(params.node, payload),
      ({ params }) => this.#onMaintenance(params.node, undefined),
    );
    link.subscribe(routes.monitorStatus, {}, ({ params, payload }) => {
      if (params.monitor >= name) return;
      if (payload.state === 'online') this.#before.add(params.monitor);
      else this.#before.delete(params.monitor);
      supervision.take({ kind: 'rank', before: Math.min(this.#before.size, MONITORS_MAX) });
    });
    link.subscribe(routes.beat, {}, ({ params, payload, retained }) => {
      // Nobody retains a heartbeat; a bridge that does must not keep the dead alive.
      if (retained) return;
      const { gen, inv, seq, cameras } = payload;
      const seen = frames.judge(params.node, inv, cameras);
      this.#take({ kind: 'beat', node: params.node, gen, inv, seq }, seen);
    });
    link.subscribe(routes.brokerEpoch, {}, ({ payload }) => {
      this.#take({ kind: 'epoch', epoch: payload.epoch, state: payload.state });
    });
    link.subscribe(routes.brokerStall, {}, ({ payload, retained }) => {
      if (!retained) this.#take({ kind: 'stall', lagMs: payload.lagMs });
    });
    link.onDown(() => this.#take({ kind: 'link-down' }));
    link.onUp(() => this.#take({ kind: 'link-up' }));
    presence.onRepublish(() => {
      this.#isRosterDue = true;
      this.#incidents.republish();
    });
  }

  #onMaintenance(node: string, maintenance: Maintenance | undefined): void {
    this.#holds.set(node, maintenance);
    this.#isRosterDue = true;
    this.#options.supervision.onMaintenance(node, maintenance);
  }

  #take(event: RosterEvent, seen?: FramesSeen): void {
    const { clock, supervision } = this.#options;
    const effects = this.#roster.apply(event, clock.monoMs());
    this.#doubts.hearRoster(effects);
    for (const effect of effects) this.#perform(effect);
    const mode = this.#roster.mode(clock.monoMs());
    for (const next of planEventsOf(event, seen, effects, mode)) supervision.take(next);
  }

  #perform(effect: RosterEffect): void {
    const { log, name } = this.#options;
    switch (effect.kind) {
      case 'state': {
        const { node, from, to, rule } = effect;
        const level = to === 'confirmed' ? 'error' : to === 'suspect' ? 'warn' : 'info';
        log[level]('node changed state', { node, from, to, rule, evidence: this.#latestEvidence(node) });
        this.#isRosterDue = true;
        if (to === 'up' || to === 'stopped') this.#incidents.closeInherited(node, to);
        return;
      }
      case 'incident':
        this.#incidents.post(
          effect.node,
          this.stateOf(effect.node),
          this.#options.supervision.note(effect.node, effect.incident),
        );
        return;
      case 'mass': {
        const isOpen = effect.incident.closedMonoMs === undefined;
        if (effect.incident.evidence.length === 1) log.error('many nodes fell silent at once', { nodes: effect.nodes });
        this.#incidents.post(name, isOpen ? 'suspect' : 'up', effect.incident);
        return;
      }
      case 'settle':
        log.info('no decisions for a while', { why: effect.why, settleMs: this.#options.timings.settleMs });
        return;
      case 'note': {
        const level =
          effect.note === 'duplicate-identity' ? 'error' : effect.note === 'missed-message' ? 'warn' : 'info';
        log[level]('noticed', { node: effect.node, what: effect.note, rule: effect.rule });
        return;
      }
    }
  }

  #tellDoubts(): void {
    const picture = this.#doubts.news();
    if (picture === undefined) return;
    this.#isRosterDue = true;
    this.#options.supervision.take({ kind: 'doubts', picture });
  }

  #latestEvidence(node: string): string | undefined {
    return this.#roster.watch(node)?.incident?.evidence.at(-1)?.what;
  }

  #tellRoster(): void {
    const { link, clock, name, log } = this.#options;
    const nowMonoMs = clock.monoMs();
    const mode = this.#roster.mode(nowMonoMs);
    const sinceMs = nowMonoMs - this.#rosterSentMonoMs;
    const isDue = this.#isRosterDue || mode !== this.#modeSent ? sinceMs >= ROSTER_GAP_MS : sinceMs >= ROSTER_PERIOD_MS;
    if (!isDue || !link.isUp) return;
    this.#isRosterDue = false;
    this.#rosterSentMonoMs = nowMonoMs;
    this.#modeSent = mode;
    const nodes = Object.fromEntries([...this.#roster.states().keys()].map((node) => [node, this.stateOf(node)]));
    const { acts } = this.#options.supervision;
    // Who reads this has it from a broker that takes connections.
    const brokers: NonNullable<RosterMessage['brokers']> = Object.fromEntries(
      [...this.#options.supervision.brokers()].map(([id, told]): [string, BrokerTold | 'up'] => [id, told ?? 'up']),
    );
    const atMs = clock.nowMs();
    const maintenance = this.#holds.names(atMs);
    const doubts = doubtsToTell(this.#doubts.doubts());
    const believed = { v: SCHEMA_MINOR, mode, nodes, brokers, acts, maintenance };
    const roster = { ...believed, ...(doubts === undefined ? {} : { doubts }), atMs, counters: this.counters() };
    link.publish(routes.roster, { monitor: name }, roster).catch((error) => {
      this.#isRosterDue = true;
      log.debug('roster not published', { error: messageOf(error) });
    });
  }

  // M13.
  async #reconcileLoop(signal: AbortSignal): Promise<void> {
    const { clock, timings, link, log, makeSecondLink } = this.#options;
    while (!signal.aborted) {
      try {
        await clock.sleep(timings.reconcileMs, signal);
        if (!link.isUp) continue;
        const statuses = await readRetainedStatuses(makeSecondLink(), clock, signal);
        this.#take({ kind: 'reconcile', statuses });
      } catch (error) {
        if (!signal.aborted) log.warn('retained statuses not read', { error: messageOf(error) });
      }
    }
  }
}

function doubtsToTell(doubts: ReadonlyMap<string, NodeDoubt>): RosterMessage['doubts'] {
  if (doubts.size === 0) return undefined;
  const first = [...doubts.values()].slice(0, DOUBTS_TOLD_MAX);
  return Object.fromEntries(
    first.map(({ node, by, of, disputed, sinceMs }) => [node, { by: by.length, of, disputed, sinceMs }]),
  );
}
