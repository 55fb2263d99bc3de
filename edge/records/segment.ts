import { createHash, hash as hashOf } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gunzipSync, gzip } from 'node:zlib';
import { parseJson } from '../../protocol/codec.js';
import { SEGMENT_BYTES_MAX, SegmentHeader } from '../../protocol/segment.js';

const deflate = promisify(gzip);
const inflate = promisify(gunzip);

/** Header and line ends on top of the raw limit; a lone record may exceed it. */
const INFLATE_LIMITS = { maxOutputLength: 4 * SEGMENT_BYTES_MAX };

/** What is known of a closed segment without opening it. */
export type SegmentMeta = {
  /** Number in its epoch, from 0. */
  readonly n: number;
  /** Seq of its first record. */
  readonly first: number;
  readonly count: number;
  /** Times of its first and last record, wall clock ms. */
  readonly t0: number;
  readonly t1: number;
  /** Hash of the segment before it, as its header says; empty for the first. */
  readonly prev: string;
  /** Chain hash, hex: commits to this segment and all before it. */
  readonly hash: string;
  /** Size of the gzip file. */
  readonly bytes: number;
};

export type SealedSegment = { readonly meta: SegmentMeta; readonly gz: Buffer };
export type OpenedSegment = {
  readonly header: SegmentHeader;
  /** The header as it lies in the file: the hash is over this text. */
  readonly headerLine: string;
  readonly lines: readonly string[];
  readonly hash: string;
};

/** A segment whose bytes are not what was written. */
export class RottenSegmentError extends Error {}

/** Leaf of a record line: SHA-256(0x00 || line), over the bytes as published, without the line end. */
export function leafHash(line: string): Buffer {
  // In one call: a hash object for each line takes twice the time, and queries hash every line they read.
  return hashOf('sha256', `\u0000${line}`, 'buffer');
}

/** Chain hash of a segment: SHA-256(0x01 || header line || leaves); the header names the hash before, so it chains. */
export function segmentHash(headerLine: string, lines: readonly string[]): string {
  const hash = createHash('sha256').update(Buffer.of(1)).update(headerLine, 'utf8');
  for (const line of lines) hash.update(leafHash(line));
  return hash.digest('hex');
}

/**
 * Closes a run of record lines into a gzip segment.
 * Format of RFC 1952, so that `zcat` reads it and several concatenate; hashes are over the text, because gzip bytes
 * differ between builds of zlib.
 */
export async function sealSegment(header: SegmentHeader, lines: readonly string[]): Promise<SealedSegment> {
  const headerLine = JSON.stringify(header);
  const gz = await packSegment(headerLine, lines);
  const { seg: n, first, count, t0, t1, prev } = header;
  return { gz, meta: { n, first, count, t0, t1, prev, hash: segmentHash(headerLine, lines), bytes: gz.length } };
}

/** The gzip file of a segment whose header line is given as text. */
export function packSegment(headerLine: string, lines: readonly string[]): Promise<Buffer> {
  return deflate(`${headerLine}\n${lines.join('\n')}\n`);
}

/**
 * Opens a gzip segment and checks it against itself and, if given, its known hash.
 * @throws RottenSegmentError
 */
export async function openSegment(gz: Uint8Array, knownHash?: string): Promise<OpenedSegment> {
  return parseSegment(await inflated(() => inflate(gz, INFLATE_LIMITS)), knownHash);
}

/**
 * The same at once, for threads that have nothing else to do: handing 6 kB to another thread costs five times the inflating.
 * @throws RottenSegmentError
 */
export function openSegmentSync(gz: Uint8Array, knownHash?: string): OpenedSegment {
  try {
    return parseSegment(decodeText(gunzipSync(gz, INFLATE_LIMITS)), knownHash);
  } catch (error) {
    throw asRotten(error);
  }
}

function parseSegment(text: string, knownHash: string | undefined): OpenedSegment {
  if (!text.endsWith('\n')) throw new RottenSegmentError('the last line is cut');
  const [headerLine = '', ...lines] = text.slice(0, -1).split('\n');
  const header = SegmentHeader.safeParse(parseOrRotten(headerLine));
  if (!header.success) throw new RottenSegmentError('the header is malformed');
  if (header.data.count !== lines.length) {
    throw new RottenSegmentError(`${lines.length} records, the header says ${header.data.count}`);
  }
  const hash = segmentHash(headerLine, lines);
  if (knownHash !== undefined && hash !== knownHash) throw new RottenSegmentError('its hash differs');
  return { header: header.data, headerLine, lines, hash };
}

async function inflated(inflating: () => Promise<Uint8Array>): Promise<string> {
  try {
    return decodeText(await inflating());
  } catch (error) {
    throw asRotten(error);
  }
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
}

function asRotten(error: unknown): RottenSegmentError {
  if (error instanceof RottenSegmentError) return error;
  return new RottenSegmentError(error instanceof Error ? error.message : String(error));
}

function parseOrRotten(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new RottenSegmentError('the header is not JSON');
  }
}
