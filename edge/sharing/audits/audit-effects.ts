import type { ColourWay } from '../../capture/other-colours.js';
import type { Answer } from './answer-match.js';
import type { AuditVerdict, Judgement } from './audit-verdict.js';

/** A result to be recomputed, as the worker asks for it. Its picture travels with it. */
export type AuditRequest = {
  readonly id: string;
  /** The record it is about. */
  readonly of: { readonly n: string; readonly e: string; readonly s: number };
  readonly model: string;
  /** Threshold all three are to look with, 0..1. */
  readonly scoreMin: number;
  /** Two pictures of its camera never have the same bytes. */
  readonly live: boolean;
  /** SHA-256 of the picture, hex. */
  readonly digest: string;
  readonly capturedAtMs: number;
  readonly camera: string;
  /** What the worker's detector sees in these bytes. */
  readonly boxes: Answer;
  /** The second auditor. */
  readonly other: string;
};

/** What an auditor says to the worker and to the other auditor. */
export type AuditReply = {
  readonly id: string;
  readonly of: AuditRequest['of'];
  readonly ok: boolean;
  /** Why not ok. */
  readonly code?: string;
  readonly boxes?: Answer;
  /** It has seen the same bytes at another time. */
  readonly stuck?: true;
};

/** Why an auditor does not answer: who asks may ask another time, or is not to be answered. */
export type AuditRefusal = 'busy' | 'other-model' | 'doubted' | 'not-shared' | 'bad-picture' | 'failed';

/** What kept an auditor from a dispute: it could see as the worker did, or it could not look again. */
export type LookedAgain = 'as-worker' | 'not-looked';

/** What an auditor writes into its own log; the audited record stays as it is. */
export type AuditRecordFields = {
  readonly k: 'audit';
  readonly of: AuditRequest['of'];
  readonly m: string;
  readonly by: readonly [string, string];
  readonly v: AuditVerdict;
  readonly why?: NonNullable<Judgement['why']>;
  readonly odd?: string;
  readonly again?: LookedAgain;
  readonly c: string;
  readonly j: string;
  readonly at: number;
};

/** What is to be done for an audit, by whoever runs it. */
export type AuditEffect =
  | {
      readonly type: 'look';
      readonly request: string;
      readonly jpeg: Uint8Array;
      readonly scoreMin: number;
      /** As another decoder of JPEG would have it. */
      readonly colours?: ColourWay;
    }
  | { readonly type: 'ask'; readonly to: string; readonly audit: AuditRequest; readonly jpeg: Uint8Array }
  | { readonly type: 'reply'; readonly to: readonly string[]; readonly reply: AuditReply }
  | { readonly type: 'record'; readonly fields: AuditRecordFields };

/** First letters of a SHA-256 that stand in records. */
const DIGEST_CHARS = 16;

/** What stands in a record for a picture. @param digest SHA-256, hex. */
export function digestInRecord(digest: string): string {
  return digest.slice(0, DIGEST_CHARS);
}
