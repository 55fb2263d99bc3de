import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { DECODER_BUILDERS } from '../../../../edge/vision/detect/decoders/decoder-table.js';
import { KNOWN_MODELS, knownModelByName } from '../../../../edge/vision/model/known-models.js';
import { COCO_CATEGORY_IDS, COCO_LABELS } from '../../../../edge/vision/model/labels.js';
import { modelManifestSchema } from '../../../../edge/vision/model/manifest.js';
import { CONFIDENCE_SURE, classNamesOf, guessManifest } from '../../../../edge/vision/model/model-guess.js';
import { checkModel } from '../../../../edge/vision/model/model-report.js';
import type { OnnxDescription, ValueShape } from '../../../../edge/vision/model/onnx-file.js';
import { describeWithFixtures } from '../../../fixtures.js';

type Dims = readonly (number | null)[];
const SUM = 'a'.repeat(64);

function model(
  input: Dims,
  outputs: Readonly<Record<string, Dims>>,
  extra: Partial<OnnxDescription> & { readonly more?: readonly ValueShape[] } = {},
): OnnxDescription {
  const { more, ...given } = extra;
  return {
    irVersion: 7,
    producer: 'pytorch',
    opsets: [{ domain: '', version: 13 }],
    metadata: new Map(),
    inputs: [{ name: 'images', dtype: 'float32', dims: input }, ...(more ?? [])],
    outputs: Object.entries(outputs).map(([name, dims]) => ({
      name,
      dtype: name === 'labels' && dims.length === 2 ? 'int64' : 'float32',
      dims,
    })),
    weightInputs: [],
    weightCount: 0,
    operators: new Map([['Conv', 1]]),
    externalTensors: [],
    ...given,
  };
}

const AT_640: Dims = [1, 3, 640, 640];
const SIZES: ValueShape = { name: 'orig_target_sizes', dtype: 'int64', dims: [null, 2] };
const FACTOR: ValueShape = { name: 'scale_factor', dtype: 'float32', dims: [1, 2] };
const ULTRALYTICS = new Map([
  ['author', 'Ultralytics'],
  ['task', 'detect'],
  ['names', "{0: 'cat', 1: \"driver's seat\"}"],
]);
const PAIRS = {
  a: [1, 2704, 32],
  b: [1, 676, 32],
  c: [1, 169, 32],
  d: [1, 2704, 80],
  e: [1, 676, 80],
  f: [1, 169, 80],
};
const YUNET = Object.fromEntries(
  [8, 16, 32].flatMap((stride) => {
    const cells = (640 / stride) ** 2;
    return [
      [`cls_${stride}`, [1, cells, 1]],
      [`obj_${stride}`, [1, cells, 1]],
      [`bbox_${stride}`, [1, cells, 4]],
    ] as const;
  }),
);

const CASES: readonly [family: string, model: OnnxDescription][] = [
  ['yolox', model([1, 3, 416, 416], { output: [1, 3549, 85] })],
  ['yolox', model([1, 3, 416, 416], { output: [1, 3549, 8] })],
  ['yolov5', model(AT_640, { output0: [1, 25_200, 85] })],
  ['yolov8', model(AT_640, { output0: [1, 84, 8400] })],
  ['yolov8', model(AT_640, { output0: [1, 8400, 84] })],
  ['end2end', model(AT_640, { output0: [1, 300, 6] })],
  ['nanodet', model([1, 3, 320, 320], { output: [1, 2125, 112] })],
  ['nanodet', model([1, 3, 416, 416], PAIRS)],
  ['fastestdet', model([1, 3, 352, 352], { 758: [1, 85, 22, 22] })],
  ['picodet', model([null, 3, 320, 320], { rows: [2125, 6], count: [null] }, { more: [FACTOR] })],
  ['ultraface', model([1, 3, 240, 320], { scores: [1, 4420, 2], boxes: [1, 4420, 4] })],
  ['yunet', model(AT_640, YUNET)],
  ['rtdetr', model(AT_640, { labels: [null, 300], boxes: [null, 300, 4], scores: [null, 300] }, { more: [SIZES] })],
  ['rfdetr', model([1, 3, 384, 384], { dets: [1, 300, 4], labels: [1, 300, 91] })],
  ['ssd', model([1, 3, 300, 300], { detection_out: [1, 1, 100, 7] })],
];

describe('a guess from shapes', () => {
  it.each(CASES)('takes it for %s, with a manifest that fits the file', (family, description) => {
    const { manifest, confidence, reasons } = guessManifest(description, SUM, 'My Model (1).onnx');
    expect(manifest?.family).toBe(family);
    expect(modelManifestSchema.safeParse(manifest).success).toBe(true);
    expect(manifest?.id).toBe('my-model-1-');
    expect(confidence).toBeGreaterThan(0.2);
    expect(reasons.length).toBeGreaterThan(1);
    if (manifest !== undefined) {
      expect(DECODER_BUILDERS[manifest.family](manifest, description.outputs).outputNames.length).toBeGreaterThan(0);
    }
  });

  it('is sure only where nothing was assumed: not from shapes alone', () => {
    for (const [family, description] of CASES) {
      const { confidence } = guessManifest(description, SUM, 'model.onnx');
      // Faces of YuNet are told by names that nobody else uses.
      if (family !== 'yunet') expect(confidence).toBeLessThan(CONFIDENCE_SURE);
    }
  });

  it('is sure of an Ultralytics export: the file names its classes and what it is', () => {
    const description = model(AT_640, { output0: [1, 6, 8400] }, { metadata: ULTRALYTICS });
    const { manifest, confidence } = guessManifest(description, SUM, 'best.onnx');
    expect(confidence).toBeGreaterThanOrEqual(CONFIDENCE_SURE);
    expect(manifest?.labels).toEqual(['cat', "driver's seat"]);
    expect(manifest?.input).toMatchObject({ colour: 'rgb', resize: 'letterbox-centre', padValue: 114 });
  });

  it('is less sure of a size that was assumed', () => {
    const fixed = guessManifest(model(AT_640, { output0: [1, 84, 8400] }), SUM, 'm.onnx');
    const open = guessManifest(model([null, 3, null, null], { output0: [1, 84, 8400] }), SUM, 'm.onnx');
    expect(open.manifest?.input.widthPx).toBe(640);
    expect(open.confidence).toBeLessThan(fixed.confidence);
  });

  it.each([
    ['a classifier', model([1, 3, 224, 224], { prob: [1, 1000] })],
    ['a model without a picture', model([1, 512], { out: [1, 300, 6] })],
  ])('leaves %s alone and says why', (_what, description) => {
    const { manifest, confidence, reasons } = guessManifest(description, SUM, 'm.onnx');
    expect(manifest).toBeUndefined();
    expect(confidence).toBe(0);
    expect(reasons).toHaveLength(1);
  });

  it('reads class names as Python writes them, and none that are not numbered from 0', () => {
    expect(classNamesOf("{0: 'a b', 1: \"it's\"}")).toEqual(['a b', "it's"]);
    expect(classNamesOf("{1: 'a'}")).toEqual([]);
    expect(classNamesOf(undefined)).toEqual([]);
  });
});

describe('labels of COCO', () => {
  it('are 80, with 80 of the numbers 1 to 90', () => {
    expect(COCO_LABELS).toHaveLength(80);
    expect(new Set(COCO_CATEGORY_IDS).size).toBe(80);
    expect(COCO_CATEGORY_IDS[COCO_LABELS.indexOf('toothbrush')]).toBe(90);
    expect(COCO_CATEGORY_IDS[COCO_LABELS.indexOf('stop sign')]).toBe(13);
  });
});

describeWithFixtures('known models', (dir) => {
  it.each(KNOWN_MODELS.map((known) => [known.manifest.id, known] as const))(
    '%s is what its file is',
    async (id, known) => {
      const report = await checkModel(join(dir, 'models', known.fileName));
      expect(report.guess).toMatchObject({ known: true, confidence: 1, manifest: known.manifest });
      expect(report).toMatchObject({ bytes: known.bytes, refusal: undefined, manifest: undefined });
      expect(knownModelByName(id)).toBe(known);
    },
  );

  it('would be guessed right from their shapes, were their sums not known', async () => {
    for (const { fileName, manifest } of KNOWN_MODELS) {
      const { description } = await checkModel(join(dir, 'models', fileName));
      const guess = guessManifest(description, SUM, fileName).manifest;
      const { family, head, extraInputs, labels } = manifest;
      expect(guess).toMatchObject({ family, head, extraInputs, labels });
      expect(guess?.input).toMatchObject({ ...manifest.input, name: description.inputs[0]?.name });
    }
  });

  it('have the labels of the list that came with them', async () => {
    const lines = (await readFile(join(dir, 'models/coco80.txt'), 'utf8')).trim().split('\n');
    expect(lines).toEqual(COCO_LABELS);
  });
});
