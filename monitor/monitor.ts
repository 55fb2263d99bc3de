import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import type { Log } from '../base/log.js';
import type { Presence } from '../base/presence/presence.js';
import { routes } from '../protocol/routes.js';
import { SCHEMA_MINOR } from '../protocol/status.js';
import type { InventoryEntry } from './fleet-watch.js';
import { IncidentBoard } from './incident-board.js';
import { readRetainedStatuses } from './reconcile.js';
import { Roster, type RosterEffect, type RosterEvent } from './roster.js';
import type { RosterTimings } from './timings.js';

/** The roster is published on every change, at most this often, and at least every `ROSTER_PERIOD_MS`. */
const ROSTER_GAP_MS = 1_000;
const ROSTER_PERIOD_MS = 10_000;

export type MonitorOptions = {
  readonly name: string;
  readonly inventory: readonly InventoryEntry[];
  readonly timings: RosterTimings;
  readonly link: Link;
  readonly presence: Presence;
  /** A new link for one short look at the retained statuses. */
  readonly makeSecondLink: () => Link;
  /** A round of decisions is done. */
  readonly onDecided: () => void;
  readonly clock: Clock;
  readonly log: Log;
};

/** The loop around the roster: hears the fleet, tells what it believes. It decides nothing itself. */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #roster: Roster;
  readonly #incidents: IncidentBoard;
  #isRosterDue = true;
  #rosterSentMonoMs = Number.NEGATIVE_INFINITY;
  #modeSent = '';

  constructor(options: MonitorOptions) {
    const { name, inventory, timings, link, clock, log } = options;
    this.#options = options;
    this.#roster = new Roster(inventory, timings, clock.monoMs());
    const subjects = new Set([name, ...inventory.map(({ node }) => node)]);
    this.#incidents = new IncidentBoard({ link, monitor: name, subjects, clock, log });
  }

  /** Runs until the signal aborts. The link is opened and closed by the caller. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, timings } = this.#options;
    this.#listen();
    const cancelCheck = clock.every(timings.checkMs, () => {
      this.#take({ kind: 'check' });
      this.#tellRoster();
      this.#options.onDecided();
    });
    try {
      await this.#reconcileLoop(signal);
    } finally {
      cancelCheck();
    }
  }

  counters(): Record<string, number> {
    return this.#roster.counters.snapshot();
  }

  #listen(): void {
    const { link, presence } = this.#options;
    this.#incidents.open();
    link.subscribe(routes.status, {}, ({ params, payload, retained }) => {
      const { state, gen, inv } = payload;
      this.#take({ kind: 'status', node: params.node, state, gen, inv, retained });
    });
    link.subscribe(routes.beat, {}, ({ params, payload, retained }) => {
      // Nobody retains a heartbeat; a bridge that does must not keep the dead alive.
      if (!retained)
        this.#take({ kind: 'beat', node: params.node, gen: payload.gen, inv: payload.inv, seq: payload.seq });
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

  #take(event: RosterEvent): void {
    for (const effect of this.#roster.apply(event, this.#options.clock.monoMs())) this.#perform(effect);
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
        this.#incidents.post(effect.node, effect.state, effect.incident);
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
    const nodes = Object.fromEntries(this.#roster.states());
    const roster = { v: SCHEMA_MINOR, mode, nodes, atMs: clock.nowMs(), counters: this.counters() };
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
