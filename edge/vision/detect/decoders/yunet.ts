import type { DecoderBuilder } from './decoder.js';
import { type GridLevel, gridLevels } from './grid.js';
import { checkShape, floatsOf, outputNamed } from './output-shape.js';

/** The three outputs of one stride that make boxes; a fourth (`kps`) holds landmarks and is not fetched. */
type Level = GridLevel & { readonly cls: string; readonly obj: string; readonly bbox: string };

/**
 * YuNet faces (the 2023 exports): for each stride `cls_S [1, cells, 1]`, `obj_S [1, cells, 1]`, `bbox_S [1, cells, 4]`;
 * score = sqrt(cls * obj), both cut to 0..1. `cls` and `obj` have one shape, so here the names decide.
 * Source: opencv/opencv:modules/objdetect/src/face_detect.cpp, `postProcess`.
 */
export const buildYunetDecoder: DecoderBuilder = (manifest, outputs) => {
  const levels = gridLevels(manifest.input, manifest.head.strides ?? [8, 16, 32]).map((level): Level => {
    const named = (kind: string, columns: number) => {
      const output = outputNamed(outputs, `${kind}_${level.stride}`);
      checkShape(output, [1, level.cells, columns], manifest);
      return output.name;
    };
    return { ...level, cls: named('cls', 1), obj: named('obj', 1), bbox: named('bbox', 4) };
  });
  return {
    outputNames: levels.flatMap(({ cls, obj, bbox }) => [cls, obj, bbox]),
    decode(tensors, scoreMin, candidates) {
      for (const { cls, obj, bbox, cells, columns, stride } of levels) {
        const classScores = floatsOf(tensors, cls, cells);
        const objectness = floatsOf(tensors, obj, cells);
        const boxes = floatsOf(tensors, bbox, cells * 4);
        for (let cell = 0; cell < cells; cell++) {
          const score = Math.sqrt(cut(classScores[cell] ?? 0) * cut(objectness[cell] ?? 0));
          if (score < scoreMin) continue;
          const cx = ((cell % columns) + (boxes[4 * cell] ?? 0)) * stride;
          const cy = (Math.floor(cell / columns) + (boxes[4 * cell + 1] ?? 0)) * stride;
          const halfWidth = (Math.exp(boxes[4 * cell + 2] ?? 0) * stride) / 2;
          const halfHeight = (Math.exp(boxes[4 * cell + 3] ?? 0) * stride) / 2;
          candidates.add(cx - halfWidth, cy - halfHeight, cx + halfWidth, cy + halfHeight, score, 0);
        }
      }
    },
  };
};

function cut(score: number): number {
  return Math.min(1, Math.max(0, score));
}
