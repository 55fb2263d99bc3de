import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, OperationError } from '../../base/errors.js';
import { loadModelRun } from '../vision/detect/load-detector.js';
import type { ModelRun } from '../vision/detect/model-run.js';
import type { DetectorCall, DetectorReply, DetectorStart } from './detector-message.js';

/*
 * One model in a thread of its own. `session.run` blocks the event loop it is called from; here nothing else waits but
 * the next call.
 */
const start: DetectorStart = workerData;

function say(reply: DetectorReply, memory: ArrayBuffer[] = []): void {
  parentPort?.postMessage(reply, memory);
}

async function look(run: ModelRun, { scoreMin, ...picture }: DetectorCall): Promise<void> {
  const { data } = picture;
  const startedMs = performance.now();
  try {
    const detections = await run.run(picture, scoreMin);
    const tookMs = performance.now() - startedMs;
    say({ type: 'detections', detections, drops: { ...run.drops }, data, tookMs }, [data.buffer]);
  } catch (error) {
    const message = messageOf(error instanceof OperationError ? error.cause : error);
    say({ type: 'fault', message, data, tookMs: performance.now() - startedMs }, [data.buffer]);
  }
}

try {
  const run = await loadModelRun({ modelPath: start.modelPath, threads: start.threads });
  let last = Promise.resolve();
  parentPort?.on('message', (call: DetectorCall) => {
    last = last.then(() => look(run, call));
  });
  say({ type: 'ready', manifest: run.manifest });
} catch (error) {
  const isExpected = error instanceof OperationError;
  const hint = isExpected && error.hint !== undefined ? { hint: error.hint } : {};
  say({ type: 'failed', code: isExpected ? error.code : 'internal', message: messageOf(error), ...hint });
}
