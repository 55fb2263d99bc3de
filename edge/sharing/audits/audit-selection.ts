import { createHash } from 'node:crypto';

/** So many valid results in a row, and not everything is audited any more. */
const TRUSTED_AFTER = 10;
/** However long a node has been right, one result of a hundred is audited. */
const RATE_FLOOR = 0.01;
const DRAW_BYTES = 6;

/**
 * Which part of a node's results is audited: all until ten were valid in a row, then one of as many as were, never below
 * one of a hundred (BOINC, sched/sched_send.cpp, with a floor).
 * @param validInRow results found valid since the last one that was not.
 */
export function auditRate(validInRow: number): number {
  return validInRow < TRUSTED_AFTER ? 1 : Math.max(RATE_FLOOR, 1 / validInRow);
}

/**
 * Whether a record is audited. Nobody can know while it is being made: it takes the first head of another node that
 * arrived after it was published.
 * @param leaf hash of the record's line. @param headSignature as it stands in the head. @param rate 0..1.
 */
export function isAudited(leaf: Uint8Array, headSignature: string, rate: number): boolean {
  const hash = createHash('sha256').update(leaf).update(headSignature).digest();
  return hash.readUIntBE(0, DRAW_BYTES) / 2 ** (8 * DRAW_BYTES) < rate;
}
