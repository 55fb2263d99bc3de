import type { ColourWay } from '../../capture/other-colours.js';

/** What audits may cost a node, and how long each step may take. */
export type AuditLimits = {
  /** Own results that are sent to others, and results of others that are recomputed here. */
  readonly given: AuditBudget;
  readonly taken: AuditBudget;
  /** Recomputations under way at a time, of each role. */
  readonly outstandingMax: number;
  /** Pictures kept until a head of another node says which of them are audited. */
  readonly ringCount: number;
  readonly ringBytes: number;
  readonly ringMs: number;
  /** An audit whose answers are not all there by then is over. */
  readonly answerMs: number;
  /** Disputes that are looked at again first; what is beyond is inconclusive. They cost no bytes. */
  readonly again: AuditBudget;
  /** How the picture is changed for that, one after the other. */
  readonly againColours: readonly ColourWay[];
  /** Pictures of live cameras whose digests an auditor remembers, over all cameras. */
  readonly digestsMax: number;
};

export type AuditBudget = {
  /** Audits at once, and per minute on end. */
  readonly burst: number;
  readonly perMinute: number;
  /** Bytes of pictures per minute. */
  readonly bytesPerMinute: number;
};

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * While everything is audited, six results a minute cost two looks of others each: with a look of 0.5 s that is a tenth of
 * one core of a Pi, until ten are valid. Each node takes as many as two others give.
 */
export const AUDIT_LIMITS: AuditLimits = {
  given: { burst: 6, perMinute: 6, bytesPerMinute: 4 * MIB },
  taken: { burst: 12, perMinute: 12, bytesPerMinute: 4 * MIB },
  outstandingMax: 8,
  ringCount: 64,
  ringBytes: 8 * MIB,
  ringMs: 120_000,
  answerMs: 30_000,
  again: { burst: 6, perMinute: 6, bytesPerMinute: 4 * MIB },
  againColours: ['blended', 'repeated', 'grainy'],
  digestsMax: 4_096,
};

/** Of a picture that is sent: what a payload of 256 KiB leaves beside the boxes. */
export const AUDIT_PICTURE_BYTES_MAX = 224 * KIB;
