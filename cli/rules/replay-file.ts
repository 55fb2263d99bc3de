import { createReadStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { messageOf, OperationError, systemCodeOf } from '../../base/errors.js';
import type { ReplayEvent } from '../../edge/rules/rule-replay.js';
import { type OrderedEvent, ReplayLines } from './replay-lines.js';

/** Two million events take about half a GiB; a busy node of a month has as many. */
const EVENTS_MAX = 2_000_000;

/** Instead of a path. */
const STANDARD_INPUT = '-';

export type Recording = {
  /** In order of time. */
  readonly events: readonly ReplayEvent[];
  /** Lines that are neither records nor messages. */
  readonly skipped: number;
  /** Whether it tells how the cameras were. */
  readonly hasCameraStates: boolean;
};

/**
 * Reads a recording: a file of lines, gzip or not, or the folder of a node's log.
 * @throws OperationError `not-found` for what is not there or holds nothing of the kind; `usage` for more than is taken.
 */
export async function readRecording(
  path: string,
  { root, node, signal }: { readonly root: string; readonly node: string; readonly signal: AbortSignal },
): Promise<Recording> {
  const lines = new ReplayLines(root, node);
  const ordered: OrderedEvent[] = [];
  try {
    for (const file of await filesOf(path)) {
      for await (const line of createInterface({ input: await openText(file), crlfDelay: Number.POSITIVE_INFINITY })) {
        signal.throwIfAborted();
        ordered.push(...lines.read(line));
        if (ordered.length > EVENTS_MAX)
          throw fault(path, 'usage', `more than ${EVENTS_MAX} events; take a part of it`);
      }
    }
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (error instanceof OperationError) throw error;
    throw fault(path, 'not-found', systemCodeOf(error) === 'ENOENT' ? 'no such file or folder' : messageOf(error));
  }
  if (lines.understood === 0) {
    throw fault(path, 'not-found', `it holds no records (${lines.skipped} lines were none)`, SHAPES);
  }
  ordered.sort((a, b) => a.event.atMs - b.event.atMs || rankOf(a) - rankOf(b));
  const events = ordered.map(({ event }) => event);
  return { events, skipped: lines.skipped, hasCameraStates: lines.hasCameraStates };
}

// Of one moment: a start before all that it forgets, then records as their log has them.
function rankOf({ event, seq }: OrderedEvent): number {
  return event.kind === 'start' ? -1 : seq;
}

const SHAPES =
  'a file of record lines (a segment, .gz or not), the output of vedette query --json or of mosquitto_sub -v, or the ' +
  'folder records of a node';

function fault(path: string, code: 'not-found' | 'usage', message: string, hint?: string): OperationError {
  return new OperationError({ code, op: 'replay', subject: path, message, ...(hint === undefined ? {} : { hint }) });
}

/** A file, or the segments below a folder. */
async function filesOf(path: string): Promise<string[]> {
  if (path === STANDARD_INPUT || !(await stat(path)).isDirectory()) return [path];
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const segments = entries.filter((entry) => entry.isFile() && /^\d{8}\.jsonl(\.gz)?$/.test(entry.name));
  if (segments.length === 0) throw fault(path, 'not-found', 'it holds no segments', SHAPES);
  return segments.map((entry) => join(entry.parentPath, entry.name)).sort();
}

async function openText(path: string): Promise<Readable> {
  const bytes: Readable = path === STANDARD_INPUT ? process.stdin : createReadStream(path);
  if (!(await isGzip(bytes))) return bytes;
  const text = new PassThrough();
  const gunzip = createGunzip();
  for (const stream of [bytes, gunzip]) stream.on('error', (error: Error) => text.destroy(error));
  bytes.pipe(gunzip).pipe(text);
  return text;
}

// Looks at the first two bytes and puts them back: a pipe can be read once.
async function isGzip(bytes: Readable): Promise<boolean> {
  await new Promise<void>((resolve, reject) => {
    bytes.once('readable', resolve).once('end', resolve).once('error', reject);
  });
  const head: unknown = bytes.read();
  if (!Buffer.isBuffer(head)) return false;
  bytes.unshift(head);
  return head[0] === 0x1f && head[1] === 0x8b;
}
