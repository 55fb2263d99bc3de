/** Entries kept of one incident: what the wire allows. The first half stays as it is, the second half moves on. */
export const EVIDENCE_MAX = 64;
const EVIDENCE_FIRST = EVIDENCE_MAX / 2;

export type Evidence = { readonly atMonoMs: number; readonly what: string };

/** What speaks for a node being dead, from the first sign to the last; monotonic times of the monitor. */
export type IncidentNotes = {
  readonly cause: string;
  readonly openedMonoMs: number;
  readonly closedMonoMs?: number;
  readonly evidence: readonly Evidence[];
  /** Entries that were left out between the first and the last ones. */
  readonly omitted: number;
};

export function openIncident(cause: string, what: string, nowMonoMs: number): IncidentNotes {
  return { cause, openedMonoMs: nowMonoMs, evidence: [{ atMonoMs: nowMonoMs, what }], omitted: 0 };
}

/** Adds an entry; once full, the oldest entry of the second half makes room, so that the beginning is never lost. */
export function addEvidence(incident: IncidentNotes, what: string, nowMonoMs: number): IncidentNotes {
  const entry = { atMonoMs: nowMonoMs, what: what.slice(0, 300) };
  if (incident.evidence.length < EVIDENCE_MAX) return { ...incident, evidence: [...incident.evidence, entry] };
  const evidence = [
    ...incident.evidence.slice(0, EVIDENCE_FIRST),
    ...incident.evidence.slice(EVIDENCE_FIRST + 1),
    entry,
  ];
  return { ...incident, evidence, omitted: incident.omitted + 1 };
}

export function closeIncident(incident: IncidentNotes, what: string, nowMonoMs: number): IncidentNotes {
  return { ...addEvidence(incident, what, nowMonoMs), closedMonoMs: nowMonoMs };
}
