import type { InferenceSession } from 'onnxruntime-node';
import type { bindModel } from '../../edge/vision/detect/load-detector.js';
import { OutputGarbage } from '../../edge/vision/detect/output-garbage.js';

/**
 * One bare `session.run`, again and again: what a detector can reach at best. What it gives is freed as the node frees
 * it; left to the collector it costs up to half as much again, and would make the node look better than it is.
 */
export function bareRunOf(
  session: InferenceSession,
  { inputs, decoder }: ReturnType<typeof bindModel>,
): () => Promise<void> {
  const garbage = new OutputGarbage();
  return async () => {
    const outputs = await session.run(inputs.feeds, decoder.outputNames);
    for (const { data } of Object.values(outputs)) if (ArrayBuffer.isView(data)) garbage.release(data.buffer);
  };
}
