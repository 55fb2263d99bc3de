import type { AuditVerdict } from './audit-verdict.js';

/** One audit record, as somebody's log has it. */
export type AuditFinding = {
  /** Whose log it is in. */
  readonly author: string;
  /** The record it is about. */
  readonly of: { readonly n: string; readonly e: string; readonly s: number };
  /** SHA-256 of the model of all three, hex. */
  readonly model: string;
  /** The two auditors. */
  readonly by: readonly [string, string];
  readonly verdict: AuditVerdict;
  /** Capture time of the audited record, wall clock ms of its writer. */
  readonly atMs: number;
  /** When it was recorded, wall clock ms of its author. */
  readonly recordedMs: number;
};
