import { parentPort, workerData } from 'node:worker_threads';
import { ColumnCache } from './column-cache.js';
import { ScanJob } from './scan-job.js';
import type { ScanLimits, ScanReply, ScanRequest } from './scan-message.js';

/*
 * The thread that looks through records: inflating, hashing and parsing 100,000 of them keeps a core busy for half a
 * second, which the thread with the MQTT link cannot have. Jobs come one at a time.
 */
const limits: ScanLimits = workerData;
const cache = new ColumnCache(limits.columnsRecords);
const jobs = new Map<number, ScanJob>();
const failed = new Map<number, ScanReply>();

async function perform(request: ScanRequest): Promise<ScanReply | undefined> {
  if (request.kind === 'begin') {
    jobs.set(request.job, new ScanJob(request.job, request.spec, cache, limits.partBytes));
    return undefined;
  }
  const job = jobs.get(request.job);
  if (job === undefined) return undefined;
  try {
    if (request.kind === 'slices') {
      if (!failed.has(request.job)) for (const slice of request.slices) await job.scan(slice);
      return undefined;
    }
    return failed.get(request.job) ?? (await job.finish(request.header));
  } catch (error) {
    const refusal = job.refuse(error);
    failed.set(request.job, refusal);
    return request.kind === 'end' ? refusal : undefined;
  } finally {
    if (request.kind === 'end') {
      jobs.delete(request.job);
      failed.delete(request.job);
    }
  }
}

const queue: { work: Promise<void> } = { work: Promise.resolve() };
parentPort?.on('message', (request: ScanRequest) => {
  queue.work = queue.work.then(async () => {
    const reply = await perform(request);
    if (reply === undefined) return;
    const payloads = reply.kind === 'done' ? reply.parts.map(({ buffer }) => buffer) : [];
    parentPort?.postMessage(
      reply,
      payloads.filter((buffer) => buffer instanceof ArrayBuffer),
    );
  });
});
