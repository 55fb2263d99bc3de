import { execFileSync } from 'node:child_process';
import jpeg from 'jpeg-js';
import { InferenceSession } from 'onnxruntime-node';
import type { RgbPicture } from '../../edge/capture/frame.js';
import { decodePicture } from '../../edge/capture/picture-decoder.js';
import { bindModel } from '../../edge/vision/detect/load-detector.js';
import { ModelRun } from '../../edge/vision/detect/model-run.js';
import { OnnxDetector } from '../../edge/vision/detect/onnx-detector.js';
import { withConstantWeights } from '../../edge/vision/model/onnx-constants.js';
import type { ResolvedModel } from '../../edge/vision/model/resolve-model.js';

/** Three that share no code; the last one guesses colours between pixels differently. */
export const DECODERS = ['libjpeg-turbo', 'jpeg-js', 'ffmpeg', 'ffmpeg nearest'] as const;
export type JpegDecoder = (typeof DECODERS)[number];

/** How a board may run a model that another one runs as honestly. */
export type BoardKind = {
  readonly name: string;
  readonly threads: number;
  readonly graph: 'all' | 'extended' | 'basic' | 'disabled';
};

/** What the product runs: every other board is compared with it. */
export const REFERENCE: BoardKind = { name: 'reference', threads: 1, graph: 'all' };

export const OTHER_RUNTIMES: readonly BoardKind[] = [
  { ...REFERENCE, name: '2 threads', threads: 2 },
  { ...REFERENCE, name: '4 threads', threads: 4 },
  { ...REFERENCE, name: 'graph extended', graph: 'extended' },
  { ...REFERENCE, name: 'graph basic', graph: 'basic' },
  { name: 'graph disabled, 2 threads', threads: 2, graph: 'disabled' },
];

/** A detector as such a board has it. @param bytes instead of those of the model, for boards that are not honest. */
export async function openBoard(
  model: ResolvedModel,
  { threads, graph }: Pick<BoardKind, 'threads' | 'graph'>,
  bytes: Uint8Array = model.bytes,
): Promise<OnnxDetector> {
  const session = await InferenceSession.create(withConstantWeights(bytes, model.description.weightInputs), {
    executionProviders: ['cpu'],
    executionMode: 'sequential',
    graphOptimizationLevel: graph,
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    extra: { session: { intra_op: { allow_spinning: '0' }, inter_op: { allow_spinning: '0' } } },
  });
  return new OnnxDetector(new ModelRun({ session, ...bindModel(model, session) }));
}

/** A JPEG as RGB. */
export async function decodeWith(decoder: JpegDecoder, bytes: Uint8Array): Promise<RgbPicture> {
  if (decoder === 'libjpeg-turbo') return decodePicture(bytes);
  if (decoder === 'jpeg-js') return decodeInJavaScript(bytes);
  const { widthPx, heightPx } = await decodePicture(bytes);
  const scaler = decoder === 'ffmpeg' ? [] : ['-sws_flags', 'neighbor'];
  const input = ['-v', 'error', '-f', 'image2pipe', '-c:v', 'mjpeg', '-i', '-'];
  const output = [...scaler, '-pix_fmt', 'rgb24', '-f', 'rawvideo', '-'];
  const data = execFileSync('ffmpeg', [...input, ...output], {
    input: bytes,
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  });
  return { kind: 'rgb', widthPx, heightPx, data: new Uint8Array(data.subarray(0, widthPx * heightPx * 3)) };
}

function decodeInJavaScript(bytes: Uint8Array): RgbPicture {
  const { width, height, data } = jpeg.decode(bytes, { useTArray: true, formatAsRGBA: false });
  return { kind: 'rgb', widthPx: width, heightPx: height, data };
}
