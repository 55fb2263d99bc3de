import { parentPort, workerData } from 'node:worker_threads';
import { ColumnCache } from './column-cache.js';
import type { SegmentFile } from './log-reader.js';
import { ScanJob } from './scan-job.js';
import type { ScanLimits, ScanReply, ScanRequest } from './scan-message.js';

/*
 * The thread that looks through records: inflating, hashing and parsing 100,000 of them keeps a core busy for half a
 * second, which the thread with the MQTT link cannot have. It does one thing at a time, and waits for nothing.
 */
const limits: ScanLimits = workerData;
const cache = new ColumnCache(limits.columnsRecords);
const jobs = new Map<number, ScanJob>();
const refused = new Map<number, ScanReply>();
const ahead: SegmentFile[] = [];

function perform(request: ScanRequest): ScanReply | undefined {
  if (request.kind === 'warm') {
    if (ahead.length === 0) setTimeout(warmNext, limits.warmPauseMs);
    ahead.push(...request.files);
    return undefined;
  }
  if (request.kind === 'begin') {
    jobs.set(request.job, new ScanJob(request, cache, limits.partBytes));
    return undefined;
  }
  const job = jobs.get(request.job);
  return job === undefined ? undefined : performFor(job, request);
}

function performFor(job: ScanJob, request: Extract<ScanRequest, { kind: 'slices' | 'end' }>): ScanReply | undefined {
  const refusal = refused.get(request.job);
  try {
    if (request.kind === 'end') return refusal ?? job.finish(request.header);
    if (refusal === undefined) for (const slice of request.slices) job.scan(slice);
    return undefined;
  } catch (error) {
    refused.set(request.job, job.refuse(error));
    return request.kind === 'end' ? job.refuse(error) : undefined;
  } finally {
    if (request.kind === 'end') {
      jobs.delete(request.job);
      refused.delete(request.job);
    }
  }
}

// A few milliseconds of work and a pause: vision has the board's cores.
function warmNext(): void {
  const file = ahead.shift();
  if (file === undefined) return;
  try {
    cache.columnsOf(file);
  } catch {
    // Gone, or rotten: whoever asks for it is told.
  }
  setTimeout(warmNext, limits.warmPauseMs);
}

parentPort?.on('message', (request: ScanRequest) => {
  const reply = perform(request);
  if (reply === undefined) return;
  const payloads = reply.kind === 'done' ? reply.parts.map(({ buffer }) => buffer) : [];
  parentPort?.postMessage(
    reply,
    payloads.filter((buffer) => buffer instanceof ArrayBuffer),
  );
});
