import { z } from 'zod';
import { Epoch, Id } from './ids.js';

const V = z.int().min(0);

/** Logs one frontier message names at most: 512 entries of about 60 bytes are 30 KiB. */
export const FRONTIER_LOGS_MAX = 512;
/** Ranges given up that it names at most: about 12 KiB more. */
export const FRONTIER_GONE_MAX = 256;

/** What a node holds durably. Changes since the last message, or all of it with `full`. */
export const Frontier = z.object({
  v: V,
  full: z.boolean().describe('true: all that it holds (of `parts`); a log that is not named is not held'),
  part: z.int().min(0).default(0).describe('part of a full frontier, from 0'),
  parts: z.int().min(1).default(1),
  f: z
    .array(z.tuple([Id, Epoch, z.int().min(0)]))
    .max(FRONTIER_LOGS_MAX)
    .describe('node, epoch, and the largest seq up to which nothing that is still kept is missing on its disk'),
  gone: z
    .array(z.tuple([Id, Epoch, z.int().min(1), z.int().min(1)]))
    .max(FRONTIER_GONE_MAX)
    .optional()
    .describe(
      'node, epoch, from, to: below these seqs, and yet not held: given up, as nobody had it. Whoever has it may be asked, and is not acknowledged',
    ),
});
export type Frontier = z.infer<typeof Frontier>;

/** How a node's replica fares. Retained; on change, at most every few seconds. */
export const ReplicaState = z.object({
  v: V,
  state: z
    .enum(['syncing', 'active', 'overloaded', 'quarantined'])
    .describe(
      'syncing: it lacks more than 256 records and answers no query; quarantined: it kept rotting and has no vote',
    ),
  logs: z.int().min(0).describe('logs it keeps, own ones included: node and epoch'),
  records: z.int().min(0),
  bytes: z.int().min(0).describe('on its disk'),
  missing: z.int().min(0).describe('records of others it knows to exist and lacks'),
  lagMs: z.number().min(0).nullable().describe('how long ago it last had everything it knew of; 0 now, null never yet'),
  unacked: z.int().min(0).describe('own records that no other node holds durably yet'),
  unackedMs: z.number().min(0).describe('age of the oldest of them'),
  mended: z.int().min(0).describe('segments found rotten and replaced since start'),
  counters: z.record(z.string(), z.int().min(0)).describe('since start'),
});
export type ReplicaState = z.infer<typeof ReplicaState>;

/** Segments one poll asks about. */
export const POLL_SEGMENTS_MAX = 64;

/**
 * Asks a co-holder to hash what its disk holds now. The nonce makes it read the disk and keeps it from repeating what
 * others say.
 */
export const Poll = z.object({
  v: V,
  id: z.string().min(1).max(64),
  of: Id,
  e: Epoch,
  segs: z.array(z.int().min(0)).min(1).max(POLL_SEGMENTS_MAX).describe('numbers of closed segments'),
  nonce: z.string().min(8).max(64),
});
export type Poll = z.infer<typeof Poll>;

/** Answers a poll. */
export const Vote = z.object({
  v: V,
  id: z.string().min(1).max(64),
  h: z
    .array(z.string().max(64).nullable())
    .max(POLL_SEGMENTS_MAX)
    .describe(
      'per segment asked: hex SHA-256 of nonce, then the uncompressed segment; null: not held; "rot": held and damaged',
    ),
});
export type Vote = z.infer<typeof Vote>;
