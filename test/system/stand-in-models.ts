import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelManifestInput } from '../../edge/vision/model/manifest.js';
import { manifestInput, sha256Of } from '../edge/vision/manifest-builder.js';
import { constantModel, encodeGraph, encodeModel, type Value } from '../edge/vision/onnx-builder.js';

const IMAGE: Value = { name: 'image', dtype: 'float32', dims: [1, 3, 64, 64] };
/** Above it a pixel makes the hanging model hang; the grey it is tried on when it is loaded is 128. */
export const HANGS_ABOVE = 200;
/** Vision settings for models that see the same whatever they are shown: every frame is looked at, whole. */
export const EVERY_FRAME = { motion: { enabled: false }, regions: { mode: 'whole' } };

/** A model that sees one person in the middle of every picture. @returns its path. */
export function writePersonModel(folder: string, name = 'person.onnx'): string {
  const rows = { name: 'rows', dtype: 'float32' as const, dims: [1, 1, 6], values: [16, 8, 48, 60, 0.9, 0] };
  return write(folder, name, constantModel([IMAGE], [rows]), { family: 'end2end', id: 'stand-in-person' });
}

/** The same person, but a picture with a white spot is looked at for ever: a `Loop` whose condition never changes. */
export function writeHangingModel(folder: string, name = 'hanging.onnx'): string {
  const body = encodeGraph({
    inputs: [
      { name: 'turn', dtype: 'int64', dims: [] },
      { name: 'go_in', dtype: 'bool', dims: [] },
      { name: 'sum_in', dtype: 'float32', dims: [] },
    ],
    outputs: [
      { name: 'go_out', dtype: 'bool', dims: [] },
      { name: 'sum_out', dtype: 'float32', dims: [] },
    ],
    nodes: [
      { op: 'Identity', inputs: ['go_in'], outputs: ['go_out'] },
      { op: 'Identity', inputs: ['sum_in'], outputs: ['sum_out'] },
    ],
  });
  const number = (weight: string, values: readonly number[], dims: readonly number[]) => ({
    name: weight,
    dtype: 'float32' as const,
    dims,
    values,
  });
  const bytes = encodeModel({
    inputs: [IMAGE],
    outputs: [
      { name: 'detection_boxes', dtype: 'float32', dims: [1, 1, 4] },
      { name: 'detection_scores', dtype: 'float32', dims: [1, 1] },
      { name: 'detection_classes', dtype: 'float32', dims: [1, 1] },
    ],
    weights: [
      number('limit', [HANGS_ABOVE], []),
      number('zero', [0], []),
      number('boxes', [0.1, 0.25, 0.9, 0.75], [1, 1, 4]),
      number('scores', [0.9], [1, 1]),
      number('classes', [0], [1, 1]),
    ],
    nodes: [
      { op: 'ReduceMax', inputs: ['image'], outputs: ['brightest'], attributes: { keepdims: 0 } },
      { op: 'Greater', inputs: ['brightest', 'limit'], outputs: ['go'] },
      { op: 'Loop', inputs: ['', 'go', 'zero'], outputs: ['sum'], subgraph: body },
      { op: 'Identity', inputs: ['boxes'], outputs: ['detection_boxes'] },
      { op: 'Add', inputs: ['scores', 'sum'], outputs: ['detection_scores'] },
      { op: 'Identity', inputs: ['classes'], outputs: ['detection_classes'] },
    ],
  });
  return write(folder, name, bytes, { family: 'ssd', id: 'stand-in-hanging' });
}

/** Writes a model with its manifest. @returns the path of the model. */
export function write(
  folder: string,
  name: string,
  bytes: Uint8Array,
  manifest: Partial<ModelManifestInput> & Pick<ModelManifestInput, 'family'>,
): string {
  const path = join(folder, name);
  writeFileSync(path, bytes);
  const complete = manifestInput({ ...manifest, sha256: manifest.sha256 ?? sha256Of(bytes) });
  writeFileSync(path.replace(/\.onnx$/, '.manifest.json'), JSON.stringify(complete));
  return path;
}
