import { addEvidence, EVIDENCE_MAX, type Evidence, type IncidentNotes, openIncident } from './incident.js';

type Page = {
  readonly base: IncidentNotes;
  /** What the plan decided, and what the roster saw before it saw something new. */
  readonly decisions: readonly Evidence[];
  /** When the roster's own incident was opened; undefined where the plan opened it. */
  readonly rosterMonoMs: number | undefined;
};

/** Entries kept of one incident beside the roster's own evidence. */
const DECISIONS_MAX = EVIDENCE_MAX / 2;

/**
 * One incident per node, from the first sign to the verified end: what the roster saw and what the plan decided, in the
 * order of time.
 */
export class IncidentBook {
  readonly #pages = new Map<string, Page>();

  /**
   * What the roster knows. Its end is the end only if the plan has nothing under way: a restart makes births, wills and
   * silences of its own, and they belong to the incident that asked for it.
   */
  note(node: string, notes: IncidentNotes, isUnderWay: boolean): IncidentNotes {
    const { closedMonoMs: _early, ...open } = notes;
    const base: IncidentNotes = isUnderWay ? open : notes;
    const rosterMonoMs = notes.openedMonoMs;
    const page = this.#pages.get(node);
    if (page === undefined || (page.base.closedMonoMs !== undefined && page.rosterMonoMs !== rosterMonoMs)) {
      this.#pages.set(node, { base, decisions: [], rosterMonoMs });
    } else if (page.rosterMonoMs === rosterMonoMs) {
      const { openedMonoMs, cause } = page.base;
      this.#pages.set(node, { ...page, base: { ...base, openedMonoMs, cause } });
    } else {
      const { openedMonoMs, cause, evidence } = page.base;
      const decisions = [...page.decisions, ...evidence].toSorted(byTime).slice(-DECISIONS_MAX);
      this.#pages.set(node, { base: { ...base, openedMonoMs, cause }, decisions, rosterMonoMs });
    }
    return this.#whole(node) ?? notes;
  }

  /** What the plan decided; opens an incident where the roster saw none (a pipeline that stands still, a broker). */
  decide(node: string, cause: string, rule: string, what: string, nowMonoMs: number): IncidentNotes {
    const entry = { atMonoMs: nowMonoMs, what: `[${rule}] ${what}`.slice(0, 300) };
    const page = this.#pages.get(node);
    if (page === undefined || page.base.closedMonoMs !== undefined) {
      const base = openIncident(cause, entry.what, nowMonoMs);
      this.#pages.set(node, { base, decisions: [], rosterMonoMs: undefined });
    } else {
      this.#pages.set(node, { ...page, decisions: [...page.decisions, entry].slice(-DECISIONS_MAX) });
    }
    return this.#whole(node) ?? openIncident(cause, entry.what, nowMonoMs);
  }

  close(node: string, what: string, nowMonoMs: number): IncidentNotes | undefined {
    const page = this.#pages.get(node);
    if (page === undefined) return undefined;
    const decisions = [...page.decisions, { atMonoMs: nowMonoMs, what }].slice(-DECISIONS_MAX);
    this.#pages.set(node, { ...page, decisions, base: { ...page.base, closedMonoMs: nowMonoMs } });
    return this.#whole(node);
  }

  #whole(node: string): IncidentNotes | undefined {
    const page = this.#pages.get(node);
    if (page === undefined) return undefined;
    const all = [...page.base.evidence, ...page.decisions].toSorted(byTime);
    const { closedMonoMs } = page.base;
    const empty: IncidentNotes = { ...openIncident(page.base.cause, '', page.base.openedMonoMs), evidence: [] };
    const whole = all.reduce((notes, { what, atMonoMs }) => addEvidence(notes, what, atMonoMs), empty);
    return closedMonoMs === undefined ? whole : { ...whole, closedMonoMs };
  }
}

function byTime(a: Evidence, b: Evidence): number {
  return a.atMonoMs - b.atMonoMs;
}
