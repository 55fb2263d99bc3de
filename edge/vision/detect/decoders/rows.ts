import type { ModelManifest } from '../../model/manifest.js';
import type { ValueShape } from '../../model/onnx-file.js';
import { labelIndex } from './class-columns.js';
import type { Decoder, DecoderBuilder } from './decoder.js';
import { floatsOf, formatDims, listOutputs } from './output-shape.js';

/** In which column of a row of finished detections what stands. */
type RowLayout = { readonly columns: number; readonly score: number; readonly label: number; readonly x1: number };

/**
 * PicoDet with decode and NMS in the graph: `f32 [n, 6]`, rows class, score, x1, y1, x2, y2 in input pixels (scale factor
 * 1 is fed). The count output of these exports is a constant and not read: n is the number of rows that came.
 */
export const buildPicoDetDecoder: DecoderBuilder = (manifest, outputs) =>
  buildRowDecoder(manifest, outputs, { columns: 6, label: 0, score: 1, x1: 2 });

/**
 * End-to-end heads (YOLOv10 and later, YOLO26): `f32 [1, n, 6]`, rows x1, y1, x2, y2 in input pixels, score, class.
 * Source: ultralytics/ultralytics:ultralytics/nn/modules/head.py, `postprocess`.
 */
export const buildEndToEndDecoder: DecoderBuilder = (manifest, outputs) =>
  buildRowDecoder(manifest, outputs, { columns: 6, x1: 0, score: 4, label: 5 });

function buildRowDecoder(manifest: ModelManifest, outputs: readonly ValueShape[], layout: RowLayout): Decoder {
  const { columns } = layout;
  const output = rowOutput(manifest, outputs, columns);
  const labelOf = labelIndex(manifest);
  return {
    outputNames: [output.name],
    decode(tensors, scoreMin, candidates) {
      const data = floatsOf(tensors, output.name);
      if (data.length % columns !== 0) {
        throw new RangeError(`output ${output.name} came with ${data.length} numbers, expected rows of ${columns}`);
      }
      for (let at = 0; at < data.length; at += columns) {
        const score = data[at + layout.score] ?? 0;
        const classNumber = data[at + layout.label] ?? 0;
        // Exports fill up to a fixed number of rows with class -1.
        if (score < scoreMin || classNumber < 0) continue;
        const box = at + layout.x1;
        const label = labelOf(Math.round(classNumber));
        candidates.add(data[box] ?? 0, data[box + 1] ?? 0, data[box + 2] ?? 0, data[box + 3] ?? 0, score, label);
      }
    },
  };
}

function rowOutput(manifest: ModelManifest, outputs: readonly ValueShape[], columns: number): ValueShape {
  const named = manifest.outputs.rows;
  const output = outputs.find(({ name, dims }) => (named === undefined ? dims.at(-1) === columns : name === named));
  if (output === undefined) {
    throw new RangeError(`no output of ${manifest.family} rows [?, ${columns}]; it has ${listOutputs(outputs)}`);
  }
  if (output.dims.length > 0 && output.dims.at(-1) !== columns && output.dims.at(-1) !== null) {
    throw new RangeError(`output ${output.name} is ${formatDims(output.dims)}, expected rows of ${columns}`);
  }
  return output;
}
