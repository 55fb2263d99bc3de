import { z } from 'zod';
import { Epoch, Id } from './ids.js';

/** A segment is closed at whichever of these comes first. Beyond 64 records compression gains nothing: 26 B a record. */
export const SEGMENT_RECORDS_MAX = 256;
export const SEGMENT_BYTES_MAX = 32 * 1024;
export const SEGMENT_AGE_MAX_MS = 15 * 60_000;

/** First line of a closed segment; the record lines follow as they were published. */
export const SegmentHeader = z.object({
  v: z.int().min(0),
  n: Id.describe('node whose log it is'),
  e: Epoch,
  seg: z.int().min(0).describe('number of the segment in its epoch, from 0'),
  first: z.int().min(1).describe('seq of its first record'),
  count: z.int().min(1).max(SEGMENT_RECORDS_MAX),
  t0: z.int().min(0).describe('t of its first record'),
  t1: z.int().min(0).describe('t of its last record'),
  prev: z.string().max(64).describe('hash of the segment before, hex; empty for the first'),
});
export type SegmentHeader = z.infer<typeof SegmentHeader>;
