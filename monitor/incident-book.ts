import {
  addEvidence,
  closeIncident,
  EVIDENCE_MAX,
  type Evidence,
  type IncidentNotes,
  openIncident,
} from './incident.js';

type Page = { readonly base: IncidentNotes; readonly decisions: readonly Evidence[] };

/** Decisions kept of one incident beside the roster's own evidence. */
const DECISIONS_MAX = EVIDENCE_MAX / 2;

/**
 * One incident per node, from the first sign to the verified end: what the roster saw and what the plan decided, in the
 * order of time.
 */
export class IncidentBook {
  readonly #pages = new Map<string, Page>();

  /** What the roster knows. Its end is the end only if the plan has nothing under way. */
  note(node: string, notes: IncidentNotes): IncidentNotes {
    const page = this.#pages.get(node);
    const isSame = page !== undefined && page.base.openedMonoMs === notes.openedMonoMs;
    // A restart makes births and wills of its own: they belong to the incident that asked for it.
    const isGoingOn = page !== undefined && page.base.closedMonoMs === undefined && page.decisions.length > 0;
    const base =
      isGoingOn && !isSame ? { ...notes, openedMonoMs: page.base.openedMonoMs, cause: page.base.cause } : notes;
    this.#pages.set(node, { base, decisions: isSame || isGoingOn ? (page?.decisions ?? []) : [] });
    return this.#whole(node) ?? notes;
  }

  /** What the plan decided; opens an incident where the roster saw none (a pipeline that stands still, a broker). */
  decide(node: string, cause: string, rule: string, what: string, nowMonoMs: number): IncidentNotes {
    const entry = { atMonoMs: nowMonoMs, what: `[${rule}] ${what}`.slice(0, 300) };
    const page = this.#pages.get(node);
    if (page === undefined || page.base.closedMonoMs !== undefined) {
      this.#pages.set(node, { base: openIncident(cause, entry.what, nowMonoMs), decisions: [] });
    } else {
      this.#pages.set(node, { ...page, decisions: [...page.decisions, entry].slice(-DECISIONS_MAX) });
    }
    return this.#whole(node) ?? openIncident(cause, entry.what, nowMonoMs);
  }

  close(node: string, what: string, nowMonoMs: number): IncidentNotes | undefined {
    const page = this.#pages.get(node);
    if (page === undefined) return undefined;
    const { closedMonoMs: _reopened, ...open } = page.base;
    this.#pages.set(node, { ...page, base: closeIncident(open, what, nowMonoMs) });
    return this.#whole(node);
  }

  #whole(node: string): IncidentNotes | undefined {
    const page = this.#pages.get(node);
    if (page === undefined) return undefined;
    const all = [...page.base.evidence, ...page.decisions].toSorted((a, b) => a.atMonoMs - b.atMonoMs);
    const { closedMonoMs } = page.base;
    const empty: IncidentNotes = { ...openIncident(page.base.cause, '', page.base.openedMonoMs), evidence: [] };
    const whole = all.reduce((notes, { what, atMonoMs }) => addEvidence(notes, what, atMonoMs), empty);
    return closedMonoMs === undefined ? whole : { ...whole, closedMonoMs };
  }
}
