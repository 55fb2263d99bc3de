import { FACE_LABELS } from './labels.js';
import type { ModelManifestInput } from './manifest.js';
import type { OnnxDescription, ValueShape } from './onnx-file.js';
import type { PictureInput } from './picture-input.js';

/** What one rule makes of a file. */
export type FamilyDraft = {
  readonly manifest: Pick<ModelManifestInput, 'family' | 'input'> &
    Partial<Pick<ModelManifestInput, 'extraInputs' | 'outputs' | 'head' | 'decoded' | 'activated' | 'classIdBase'>>;
  /** Undefined: the shapes do not tell. */
  readonly classes?: number | undefined;
  readonly fixedLabels?: readonly string[];
  readonly thresholds?: { readonly score?: number; readonly nmsIou?: number };
  /** Before what the labels take off. */
  readonly confidence: number;
  readonly reasons: readonly string[];
};

export type FamilyRule = (model: OnnxDescription, picture: PictureInput) => FamilyDraft | undefined;

type Recipe = Pick<ModelManifestInput['input'], 'colour' | 'resize'> & Partial<ModelManifestInput['input']>;

const ONE_255TH = 1 / 255;
const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] } satisfies Partial<
  ModelManifestInput['input']
>;
const ULTRALYTICS: Recipe = { colour: 'rgb', scale: ONE_255TH, resize: 'letterbox-centre' };
const NANODET: Recipe = {
  colour: 'bgr',
  mean: [103.53, 116.28, 123.675],
  std: [57.375, 57.12, 58.395],
  resize: 'stretch',
};

function inputOf(
  { name, layout, dtype, widthPx, heightPx }: PictureInput,
  recipe: Recipe,
): ModelManifestInput['input'] {
  return { name, layout, dtype, widthPx, heightPx, ...recipe };
}

function cells({ widthPx, heightPx }: PictureInput, strides: readonly number[]): number {
  return strides.reduce((sum, stride) => sum + Math.ceil(widthPx / stride) * Math.ceil(heightPx / stride), 0);
}

// Batch is 1 or not fixed; the rest must be as asked. `undefined` in `dims` fits anything and is what is looked for.
function only(model: OnnxDescription, rank: number): ValueShape | undefined {
  const [output] = model.outputs;
  return model.outputs.length === 1 && output?.dims.length === rank ? output : undefined;
}

function fromUltralytics(model: OnnxDescription): boolean {
  return (model.metadata.get('author') ?? '').includes('Ultralytics') && model.metadata.get('task') === 'detect';
}

const vedette: FamilyRule = (model, picture) => {
  if (!model.outputs.some(({ name }) => name === 'det_boxes')) return undefined;
  return {
    manifest: {
      family: 'vedette',
      input: inputOf(picture, { colour: 'rgb', resize: 'stretch' }),
      extraInputs: [{ name: 'score_threshold', feed: 'score-threshold' }],
    },
    confidence: 0.6,
    reasons: ['outputs det_boxes, det_scores, det_classes: made by this project'],
  };
};

const picodet: FamilyRule = (model, picture) => {
  const extra = model.inputs.find(({ name }) => name === 'scale_factor');
  if (extra === undefined || !model.outputs.some(({ dims }) => dims.at(-1) === 6)) return undefined;
  return {
    manifest: {
      family: 'picodet',
      input: inputOf(picture, NANODET),
      extraInputs: [{ name: extra.name, feed: 'scale-factor' }],
    },
    confidence: 0.85,
    reasons: ['a second input scale_factor and rows of 6: PaddleDetection with decode in the graph'],
  };
};

const rtdetr: FamilyRule = (model, picture) => {
  const extra = model.inputs.find(({ dtype, dims }) => dtype === 'int64' && dims.at(-1) === 2);
  if (extra === undefined || model.outputs.length !== 3) return undefined;
  return {
    manifest: {
      family: 'rtdetr',
      input: inputOf(picture, { colour: 'rgb', scale: ONE_255TH, resize: 'stretch' }),
      extraInputs: [{ name: extra.name, feed: 'input-size-wh' }],
    },
    thresholds: { score: 0.5 },
    confidence: 0.8,
    reasons: [
      'a second input of two sizes and labels, boxes, scores: RT-DETR, D-FINE or DEIM',
      'no mean and deviation was assumed; DEIMv2 from size S on needs them',
    ],
  };
};

const rfdetr: FamilyRule = (model, picture) => {
  const boxes = model.outputs.find(({ dims }) => dims.length === 3 && dims[2] === 4);
  const logits = model.outputs.find((output) => output !== boxes && output.dims.length === 3);
  if (model.outputs.length !== 2 || boxes === undefined || typeof logits?.dims[2] !== 'number') return undefined;
  if (logits.dims[2] < 3 || boxes.dims[1] !== logits.dims[1] || (boxes.dims[1] ?? 0) > 1000) return undefined;
  return {
    manifest: {
      family: 'rfdetr',
      input: inputOf(picture, { colour: 'rgb', scale: ONE_255TH, ...IMAGENET, resize: 'stretch' }),
      outputs: { boxes: boxes.name, scores: logits.name },
      activated: false,
    },
    classes: logits.dims[2],
    thresholds: { score: 0.5 },
    confidence: 0.8,
    reasons: ['boxes and logits of some hundred queries: RF-DETR'],
  };
};

const yunet: FamilyRule = (model, picture) => {
  const names = new Set(model.outputs.map(({ name }) => name));
  if (!['cls_8', 'obj_8', 'bbox_8'].every((name) => names.has(name))) return undefined;
  const input = inputOf(picture, { colour: 'bgr', resize: 'letterbox-topleft', padValue: 0 });
  return {
    manifest: { family: 'yunet', input, decoded: false },
    fixedLabels: FACE_LABELS,
    thresholds: { score: 0.7, nmsIou: 0.3 },
    confidence: 0.95,
    reasons: ['outputs cls_8, obj_8, bbox_8: YuNet'],
  };
};

const ultraface: FamilyRule = (model, picture) => {
  const boxes = model.outputs.find(({ dims }) => dims.length === 3 && dims[2] === 4);
  const scores = model.outputs.find(({ dims }) => dims.length === 3 && dims[2] === 2);
  if (model.outputs.length !== 2 || boxes === undefined || scores === undefined) return undefined;
  return {
    manifest: {
      family: 'ultraface',
      input: inputOf(picture, { colour: 'rgb', mean: [127, 127, 127], std: [128, 128, 128], resize: 'stretch' }),
      outputs: { boxes: boxes.name, scores: scores.name },
    },
    fixedLabels: FACE_LABELS,
    thresholds: { score: 0.7, nmsIou: 0.3 },
    confidence: 0.85,
    reasons: ['boxes of 4 and scores of 2 columns: Ultra-Light faces'],
  };
};

const ssd: FamilyRule = (model, picture) => {
  const named = model.outputs.some(({ name }) => name.includes('detection_boxes'));
  const rows = only(model, 4)?.dims[3] === 7;
  if (!named && !rows) return undefined;
  return {
    manifest: {
      family: 'ssd',
      input: inputOf(picture, { colour: named ? 'rgb' : 'bgr', resize: 'stretch' }),
    },
    classes: 91,
    confidence: named ? 0.75 : 0.5,
    reasons: [named ? "output detection_boxes: TensorFlow's SSD" : 'rows of 7: SSD in the form of OpenVINO'],
  };
};

const nanodetPairs: FamilyRule = (model, picture) => {
  const boxes = model.outputs.filter(({ dims }) => dims.length === 3 && dims[2] === 32);
  const scores = model.outputs.filter(({ dims }) => dims.length === 3 && dims[2] !== 32);
  const columns = scores[0]?.dims[2];
  if (boxes.length < 3 || boxes.length > 4 || scores.length !== boxes.length || typeof columns !== 'number')
    return undefined;
  const strides = [8, 16, 32, 64].slice(0, boxes.length);
  const expected = new Set(strides.map((stride) => cells(picture, [stride])));
  if (!boxes.every(({ dims }) => expected.has(dims[1] ?? -1))) return undefined;
  const old = boxes.length === 3;
  return {
    manifest: {
      family: 'nanodet',
      input: inputOf(picture, old ? { ...NANODET, resize: 'letterbox-centre', padValue: 0 } : NANODET),
      head: { strides, regMax: 7, cellPoint: old ? 'pixel-centre' : 'centre' },
      decoded: false,
    },
    classes: columns,
    confidence: 0.75,
    reasons: [
      `${boxes.length} strides with 4 x 8 box bins: ${old ? 'the old NanoDet' : 'PicoDet without its decode'}`,
      'where the cells stand was assumed by the number of strides',
    ],
  };
};

const fastestdet: FamilyRule = (model, picture) => {
  const output = only(model, 4);
  const [, channels, rows, columns] = output?.dims ?? [];
  if (typeof channels !== 'number' || channels < 6) return undefined;
  if (rows !== picture.heightPx / 16 || columns !== picture.widthPx / 16) return undefined;
  return {
    manifest: {
      family: 'fastestdet',
      input: inputOf(picture, { colour: 'bgr', scale: ONE_255TH, resize: 'stretch' }),
      decoded: false,
    },
    classes: channels - 5,
    thresholds: { score: 0.65 },
    confidence: 0.8,
    reasons: ['one grid of stride 16: FastestDet'],
  };
};

const endToEnd: FamilyRule = (model, picture) => {
  const output = only(model, 3);
  if (output?.dims[2] !== 6 || (output.dims[1] ?? 0) > 1000) return undefined;
  return {
    manifest: { family: 'end2end', input: inputOf(picture, ULTRALYTICS) },
    confidence: fromUltralytics(model) ? 0.97 : 0.75,
    reasons: ['rows of 6: end-to-end YOLO (v10 and later)'],
  };
};

/** `[1, cells, columns]` or, turned, `[1, columns, cells]`: YOLOX, v5, v8, NanoDet-Plus. */
const grid: FamilyRule = (model, picture) => {
  const output =
    only(model, 3) ?? only({ ...model, outputs: model.outputs.filter(({ dims }) => dims.length === 3) }, 3);
  const [, second, third] = output?.dims ?? [];
  if (typeof second !== 'number' || typeof third !== 'number') return undefined;
  const three = cells(picture, [8, 16, 32]);
  if (third === three && second > 4) return yolov8(model, picture, second);
  if (second === 3 * three && third > 5) return yolov5(model, picture, third);
  if (second === cells(picture, [8, 16, 32, 64]) && third > 32) return nanodetPlus(picture, third);
  if (second === three && third > 5) return third === 84 ? yolov8(model, picture, third) : yolox(picture, third);
  return undefined;
};

function yolov8(model: OnnxDescription, picture: PictureInput, channels: number): FamilyDraft {
  return {
    manifest: { family: 'yolov8', input: inputOf(picture, ULTRALYTICS) },
    classes: channels - 4,
    thresholds: { score: 0.4, nmsIou: 0.5 },
    confidence: fromUltralytics(model) ? 0.97 : 0.85,
    reasons: [`one column per cell and 4 + ${channels - 4} channels: YOLOv8, v9 or 11`],
  };
}

function yolov5(model: OnnxDescription, picture: PictureInput, columns: number): FamilyDraft {
  return {
    manifest: { family: 'yolov5', input: inputOf(picture, ULTRALYTICS) },
    classes: columns - 5,
    confidence: fromUltralytics(model) ? 0.97 : 0.85,
    reasons: ['three rows per cell: YOLOv5 or v7'],
  };
}

function yolox(picture: PictureInput, columns: number): FamilyDraft {
  return {
    manifest: {
      family: 'yolox',
      input: inputOf(picture, { colour: 'bgr', resize: 'letterbox-topleft' }),
      decoded: false,
    },
    classes: columns - 5,
    thresholds: { score: 0.3 },
    confidence: columns === 85 ? 0.8 : 0.6,
    reasons: ['one row per cell, 5 + classes columns: YOLOX', 'boxes were assumed not to be decoded in the graph'],
  };
}

function nanodetPlus(picture: PictureInput, columns: number): FamilyDraft {
  return {
    manifest: {
      family: 'nanodet',
      input: inputOf(picture, NANODET),
      head: { strides: [8, 16, 32, 64], regMax: 7, cellPoint: 'corner' },
      decoded: false,
    },
    classes: columns - 32,
    thresholds: { score: 0.35, nmsIou: 0.6 },
    confidence: 0.8,
    reasons: ['one row per cell of 4 strides with 4 x 8 box bins: NanoDet-Plus'],
  };
}

/** Asked in this order: those that names or a second input give away come first. */
export const FAMILY_RULES: readonly FamilyRule[] = [
  vedette,
  picodet,
  rtdetr,
  yunet,
  ssd,
  nanodetPairs,
  ultraface,
  rfdetr,
  fastestdet,
  endToEnd,
  grid,
];
