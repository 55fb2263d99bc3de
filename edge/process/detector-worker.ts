import { parentPort, workerData } from 'node:worker_threads';
import { messageOf, OperationError } from '../../base/errors.js';
import { loadDetector } from '../vision/detect/load-detector.js';
import type { OnnxDetector } from '../vision/detect/onnx-detector.js';
import type { DetectorCall, DetectorReply, DetectorStart } from './detector-message.js';

/*
 * One detector in a thread of its own. `session.run` blocks the event loop it is called from; here nothing else waits.
 */
const start: DetectorStart = workerData;

function say(reply: DetectorReply): void {
  parentPort?.postMessage(reply);
}

async function look(detector: OnnxDetector, call: DetectorCall): Promise<void> {
  const { pixels, widthPx, heightPx, region, scoreMin } = call;
  const data = new Uint8Array(pixels, 0, widthPx * heightPx * 3);
  try {
    const options = { ...(region === undefined ? {} : { region }), ...(scoreMin === undefined ? {} : { scoreMin }) };
    const detections = await detector.detect({ kind: 'rgb', widthPx, heightPx, data }, options);
    say({ type: 'detections', detections, drops: { ...detector.drops } });
  } catch (error) {
    say({ type: 'fault', message: messageOf(error instanceof OperationError ? error.cause : error) });
  }
}

try {
  const detector = await loadDetector({ modelPath: start.modelPath, threads: start.threads });
  parentPort?.on('message', (call: DetectorCall) => void look(detector, call));
  say({ type: 'ready', manifest: detector.manifest });
} catch (error) {
  const isExpected = error instanceof OperationError;
  const hint = isExpected && error.hint !== undefined ? { hint: error.hint } : {};
  say({ type: 'failed', code: isExpected ? error.code : 'internal', message: messageOf(error), ...hint });
}
