import type { Clock } from '../base/clock.js';
import { messageOf, OperationError } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import type { Log } from '../base/log.js';
import { routes } from '../protocol/routes.js';
import { type Incident, SCHEMA_MINOR } from '../protocol/status.js';
import type { IncidentNotes } from './incident.js';

export type IncidentBoardOptions = {
  readonly link: Link;
  readonly monitor: string;
  /** Who may have an incident: the inventory and the monitor itself. */
  readonly subjects: ReadonlySet<string>;
  readonly clock: Clock;
  readonly log: Log;
  /** Each incident as it is told, for whoever keeps them. */
  readonly onTold?: (incident: Incident) => void;
};

/**
 * The retained incidents of this monitor: publishes them, publishes them again where they may be missing, and takes
 * over those an earlier life of the monitor left open. Holds one per subject at most.
 */
export class IncidentBoard {
  readonly #options: IncidentBoardOptions;
  readonly #incidents = new Map<string, Incident>();
  /** Subjects whose incident is of an earlier life: nobody but us can close it. */
  readonly #inherited = new Set<string>();
  /** When the open or last incident of a subject began. The wall clock of a moment is asked for once: it names it. */
  readonly #began = new Map<string, { readonly monoMs: number; readonly atMs: number }>();

  constructor(options: IncidentBoardOptions) {
    this.#options = options;
  }

  /** Listens for what an earlier life left; before the link opens. */
  open(): void {
    const { link, monitor, subjects } = this.#options;
    link.subscribe(routes.incident, { monitor }, ({ params, payload, retained }) => {
      if (!retained || this.#incidents.has(params.node)) return;
      if (subjects.has(params.node)) {
        this.#incidents.set(params.node, payload);
        this.#inherited.add(params.node);
        return;
      }
      // The inventory no longer lists it: its last incident would stand there for ever.
      this.#send(link.publishEmpty(routes.incident, { monitor, node: params.node }));
    });
  }

  /** Publishes how an incident stands. */
  post(subject: string, state: Incident['state'], incident: IncidentNotes): void {
    const { clock } = this.#options;
    this.#inherited.delete(subject);
    const wallOfMonoMs = clock.nowMs() - clock.monoMs();
    const wall = (monoMs: number) => Math.max(0, Math.round(wallOfMonoMs + monoMs));
    this.#put(subject, {
      v: SCHEMA_MINOR,
      node: subject,
      state,
      cause: incident.cause,
      openedAtMs: this.#beganAtMs(subject, incident.openedMonoMs, wall(incident.openedMonoMs)),
      ...(incident.closedMonoMs === undefined ? {} : { closedAtMs: wall(incident.closedMonoMs) }),
      evidence: incident.evidence.map(({ atMonoMs, what }) => ({ atMs: wall(atMonoMs), what })),
    });
  }

  #beganAtMs(subject: string, monoMs: number, atMs: number): number {
    const known = this.#began.get(subject);
    if (known?.monoMs === monoMs) return known.atMs;
    this.#began.set(subject, { monoMs, atMs });
    return atMs;
  }

  /** Those that are open. */
  get unclosed(): Incident[] {
    return [...this.#incidents.values()].filter(({ closedAtMs }) => closedAtMs === undefined);
  }

  /** A node is well: closes an incident that an earlier life of this monitor left open. */
  closeInherited(subject: string, state: Incident['state']): void {
    const incident = this.#incidents.get(subject);
    if (!this.#inherited.delete(subject) || incident === undefined || incident.closedAtMs !== undefined) return;
    const atMs = this.#options.clock.nowMs();
    const what = `the monitor was restarted and found it ${state}`;
    const evidence = [...incident.evidence.slice(0, 63), { atMs, what }];
    this.#put(subject, { ...incident, state, closedAtMs: atMs, evidence });
  }

  /** Publishes all again: the broker may not have them. */
  republish(): void {
    for (const [subject, incident] of this.#incidents) this.#publish(subject, incident);
  }

  #put(subject: string, incident: Incident): void {
    this.#incidents.set(subject, incident);
    this.#publish(subject, incident);
    this.#options.onTold?.(incident);
  }

  #publish(subject: string, incident: Incident): void {
    const { link, monitor } = this.#options;
    this.#send(link.publish(routes.incident, { monitor, node: subject }, incident));
  }

  // What does not get out now is published again on the next connect.
  #send(publishing: Promise<void>): void {
    publishing.catch((error) => {
      const isExpected = error instanceof OperationError && error.transient;
      this.#options.log[isExpected ? 'debug' : 'warn']('incident not published', { error: messageOf(error) });
    });
  }
}
