import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OperationError } from '../../../../base/errors.js';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import { loadDetector } from '../../../../edge/vision/detect/load-detector.js';
import type { OnnxDetector } from '../../../../edge/vision/detect/onnx-detector.js';
import { type ModelManifestInput, manifestPathOf } from '../../../../edge/vision/model/manifest.js';
import { resolveModel } from '../../../../edge/vision/model/resolve-model.js';
import { describeWithFixtures } from '../../../fixtures.js';
import { manifestInput, sha256Of } from '../manifest-builder.js';
import { constantModel, encodeModel, type Value, type Weight } from '../onnx-builder.js';

const IMAGES: Value = { name: 'images', dtype: 'float32', dims: [1, 3, 64, 64] };
const rows = (values: readonly (readonly number[])[]): Weight => ({
  name: 'output0',
  dtype: 'float32',
  dims: [1, values.length, 6],
  values: values.flat(),
});
const PERSON = [8, 16, 24, 48, 0.9, 0];
const MODEL = constantModel([IMAGES], [rows([PERSON])]);
const MANIFEST = manifestInput({ family: 'end2end', sha256: sha256Of(MODEL) });

let folder = '';
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vedette-models-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** Writes a model, and a manifest with its sum beside it. */
async function write(bytes: Uint8Array, manifest?: Partial<ModelManifestInput>): Promise<string> {
  const path = join(folder, `model-${count++}.onnx`);
  await writeFile(path, bytes);
  if (manifest === undefined) return path;
  await writeFile(manifestPathOf(path), JSON.stringify({ ...MANIFEST, sha256: sha256Of(bytes), ...manifest }));
  return path;
}

async function failure(attempt: Promise<unknown>): Promise<OperationError> {
  const error = await attempt.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof OperationError) return error;
  throw new Error(`expected an OperationError, got ${String(error)}`);
}

function picture(widthPx: number, heightPx: number, value = 100): RgbPicture {
  return { kind: 'rgb', widthPx, heightPx, data: new Uint8Array(widthPx * heightPx * 3).fill(value) };
}

async function using<T>(path: string, use: (detector: OnnxDetector) => Promise<T>): Promise<T> {
  const detector = await loadDetector({ modelPath: path });
  try {
    return await use(detector);
  } finally {
    await detector.close();
  }
}

describe('a model that cannot be used', () => {
  it.each([
    ['nothing', new Uint8Array(0), 'the file is empty'],
    ['a text', new TextEncoder().encode('hello, I am a model'), 'it is text'],
    ['a Git LFS pointer', new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\n'), 'Git LFS pointer'],
    ['a web page', new TextEncoder().encode('<!DOCTYPE html><html>Not Found'), 'it is a web page'],
    ['random bytes', Uint8Array.from({ length: 4096 }, (_, i) => (i * 7919 + 143) % 251), 'not an ONNX model'],
    ['half of a model', MODEL.subarray(0, MODEL.length / 2), 'cut off'],
  ])('that is %s is refused in one line that names the file', async (_what, bytes, message) => {
    const path = await write(bytes, {});
    const error = await failure(loadDetector({ modelPath: path }));
    expect(error.code).toBe('model-invalid');
    expect(error.exitCode).toBe(78);
    expect(error.message).toContain(message);
    expect(error.message).toContain(path);
    expect(error.message).not.toContain('\n');
  });

  it('that is not there is missing, with the commands that help', async () => {
    const error = await failure(loadDetector({ modelPath: join(folder, 'none.onnx') }));
    expect(error.code).toBe('model-missing');
    expect(error.message).toContain('no such file');
    expect(error.hint).toContain('vedette model pull');
  });

  it('that is a folder is refused', async () => {
    const path = join(folder, 'folder.onnx');
    await mkdir(path);
    expect((await failure(loadDetector({ modelPath: path }))).message).toContain('not a file');
  });

  it('that is another file than its manifest says is refused with both sums', async () => {
    const path = await write(MODEL, { sha256: 'f'.repeat(64) });
    const error = await failure(loadDetector({ modelPath: path }));
    expect(error.code).toBe('model-invalid');
    expect(error.message).toContain(`its sha256 is ${sha256Of(MODEL)}, its manifest says ${'f'.repeat(64)}`);
  });

  it('that has an unknown operator, a custom one or weights elsewhere is refused before it is run', async () => {
    const base = { inputs: [IMAGES], outputs: [{ name: 'output0', dtype: 'float32', dims: [1, 1, 6] }] } as const;
    const frobnicate = encodeModel({
      ...base,
      nodes: [{ op: 'Frobnicate', inputs: ['images'], outputs: ['output0'] }],
    });
    const custom = encodeModel({
      ...base,
      domains: ['acme'],
      nodes: [{ op: 'Nms', domain: 'acme', inputs: ['images'], outputs: ['output0'] }],
    });
    const external = constantModel([IMAGES], [{ ...rows([PERSON]), external: '../../etc/passwd' }]);
    for (const [bytes, message] of [
      [frobnicate, 'operator Frobnicate is not on the list'],
      [custom, 'operator acme:Nms'],
      [external, 'other files (output0_values'],
    ] as const) {
      const error = await failure(loadDetector({ modelPath: await write(bytes, {}) }));
      expect(error).toMatchObject({ code: 'model-invalid' });
      expect(error.message).toContain(message);
    }
  });

  it('that onnxruntime refuses is refused with its reason', async () => {
    const bytes = encodeModel({
      inputs: [IMAGES],
      outputs: [{ name: 'output0', dtype: 'float32', dims: [1, 1, 6] }],
      nodes: [{ op: 'Conv', inputs: ['images', 'nowhere'], outputs: ['output0'] }],
    });
    const error = await failure(loadDetector({ modelPath: await write(bytes, {}) }));
    expect(error).toMatchObject({ code: 'model-invalid' });
    expect(error.message).toContain('onnxruntime refuses it');
  });

  it.each<[string, Partial<ModelManifestInput>, string]>([
    [
      'another size',
      { input: { ...MANIFEST.input, widthPx: 96 } },
      'float32 [1, 3, 64, 64], the manifest says float32 [1, 3, 64, 96]',
    ],
    ['another layout', { input: { ...MANIFEST.input, layout: 'nhwc' } }, 'the manifest says float32 [1, 64, 64, 3]'],
    [
      'another element type',
      { input: { ...MANIFEST.input, dtype: 'uint8' } },
      'the manifest says uint8 [1, 3, 64, 64]',
    ],
    [
      'an input that is not there',
      { input: { ...MANIFEST.input, name: 'data' } },
      'no input data; it has images [1, 3, 64, 64]',
    ],
    ['an output that is not there', { outputs: { rows: 'rows' } }, 'it has output0 [1, 1, 6]'],
    ['another family', { family: 'yolov8' }, 'output output0 is [1, 1, 6], expected [1, 6, 84]'],
  ])('whose manifest says %s is refused with both', async (_what, manifest, message) => {
    const error = await failure(loadDetector({ modelPath: await write(MODEL, manifest) }));
    expect(error.code).toBe('model-invalid');
    expect(error.message).toContain(message);
  });

  it('that has another number of classes than labels is refused with both shapes', async () => {
    const output: Weight = { name: 'out', dtype: 'float32', dims: [1, 6, 84], values: Array(6 * 84).fill(0) };
    const path = await write(constantModel([IMAGES], [output]), { family: 'yolov8', labels: ['a', 'b', 'c'] });
    const error = await failure(loadDetector({ modelPath: path }));
    expect(error.message).toContain('output out is [1, 6, 84], expected [1, 7, 84] for family yolov8 with 3 labels');
  });

  it('whose output has another shape when it runs than it declares is refused at load', async () => {
    const value = { name: 'out', dtype: 'float32', dims: ['n', 'm', 'k'] } as const;
    const bytes = encodeModel({
      inputs: [{ ...IMAGES, dims: [1, 3, 'h', 'w'] }],
      outputs: [value],
      nodes: [
        { op: 'ReduceMax', inputs: ['images'], outputs: ['most'] },
        { op: 'Reshape', inputs: ['most', 'one'], outputs: ['out'] },
      ],
      weights: [{ name: 'one', dtype: 'int64', dims: [3], values: [1, 1, 1] }],
    });
    const error = await failure(loadDetector({ modelPath: await write(bytes, { family: 'yolov8' }) }));
    expect(error.code).toBe('model-invalid');
    expect(error.message).toMatch(/out (is|came as) \[1, 1, 1\]/);
  });

  it('without a manifest is refused unless it is known for sure, with the command that makes one', async () => {
    const path = await write(MODEL);
    const error = await failure(loadDetector({ modelPath: path }));
    expect(error.code).toBe('manifest-invalid');
    expect(error.message).toContain('it may be end2end');
    expect(error.hint).toContain(`vedette model check ${path}`);
  });

  it.each<[string, string, string]>([
    ['not JSON', '{', 'read manifest'],
    ['an unknown key', JSON.stringify({ ...MANIFEST, colour: 'rgb' }), 'colour'],
    ['several faults', JSON.stringify({ ...MANIFEST, labels: [], thresholds: { score: 2 } }), 'labels: '],
    [
      'class numbers that do not pair with the labels',
      JSON.stringify({ ...MANIFEST, classIds: [1] }),
      '1 numbers for 2 labels',
    ],
    [
      'no NMS where the graph has none',
      JSON.stringify({ ...MANIFEST, family: 'yolox', thresholds: { score: 0.5 } }),
      'nmsIou',
    ],
    ['nested beyond reason', '['.repeat(100), 'nested deeper'],
  ])('whose manifest is %s is refused, naming it', async (_what, text, message) => {
    const path = await write(MODEL);
    await writeFile(manifestPathOf(path), text);
    const error = await failure(loadDetector({ modelPath: path }));
    expect(error.code).toBe('manifest-invalid');
    expect(error.message).toContain(manifestPathOf(path));
    expect(error.message).toContain(message);
  });
});

describe('a loaded detector', () => {
  it('says what it is and finds what its model gives', async () => {
    await using(await write(MODEL, {}), async (detector) => {
      expect(detector).toMatchObject({ labels: ['person', 'car'], inputWidthPx: 64, inputHeightPx: 64 });
      // 64 to 128 x 256: twice as wide, four times as high.
      expect(await detector.detect(picture(128, 256))).toEqual([
        { classId: 0, label: 'person', score: Math.fround(0.9), box: [16, 64, 48, 192] },
      ]);
    });
  });

  it('gives boxes in pixels of the whole picture when it looks at a region', async () => {
    await using(await write(MODEL, {}), async (detector) => {
      const [found] = await detector.detect(picture(300, 300), { region: [100, 50, 228, 178] });
      expect(found?.box).toEqual([116, 82, 148, 146]);
    });
  });

  it('keeps to the score floor of the manifest, of its options and of the call', async () => {
    const path = await write(
      constantModel([IMAGES], [rows([PERSON, [1, 1, 9, 9, 0.55, 1], [40, 40, 60, 60, 0.2, 1]])]),
      {},
    );
    await using(path, async (detector) => {
      expect(await detector.detect(picture(64, 64))).toHaveLength(2);
      expect(await detector.detect(picture(64, 64), { scoreMin: 0.1 })).toHaveLength(3);
    });
    const strict = await loadDetector({ modelPath: path, scoreMin: 0.8 });
    expect(await strict.detect(picture(64, 64))).toHaveLength(1);
    await strict.close();
    await strict.close();
  });

  it('never gives NaN, infinite, turned or outlying boxes, and counts them', async () => {
    const bad = [
      [Number.NaN, 1, 9, 9, 0.9, 0],
      [1, 1, Number.POSITIVE_INFINITY, 9, 0.9, 0],
      [1, 1, 9, 9, Number.NaN, 0],
      [9, 9, 1, 1, 0.9, 0],
      [-90, -90, -10, -10, 0.9, 0],
      [1, 1, 9, 9, 0.9, 7],
    ];
    await using(await write(constantModel([IMAGES], [rows([...bad, PERSON])]), {}), async (detector) => {
      const before = { ...detector.drops };
      expect(await detector.detect(picture(64, 64))).toHaveLength(1);
      const { notFinite, inverted, outside, unknownClass } = detector.drops;
      expect([notFinite - before.notFinite, inverted - before.inverted]).toEqual([3, 1]);
      expect([outside - before.outside, unknownClass - before.unknownClass]).toEqual([1, 1]);
    });
  });

  it('refuses a region that is not inside the picture and a picture of the wrong length, and goes on', async () => {
    await using(await write(MODEL, {}), async (detector) => {
      for (const region of [
        [0, 0, 65, 64],
        [-1, 0, 9, 9],
        [5, 5, 5, 9],
        [0.5, 0, 9, 9],
        [Number.NaN, 0, 9, 9],
      ] as const) {
        const error = await failure(detector.detect(picture(64, 64), { region }));
        expect(error).toMatchObject({ code: 'inference-failed' });
        expect(error.message).toContain('test-model: region');
      }
      const short: RgbPicture = { kind: 'rgb', widthPx: 64, heightPx: 64, data: new Uint8Array(12) };
      expect((await failure(detector.detect(short))).message).toContain('came with 12 bytes');
      expect(await detector.detect(picture(64, 64))).toHaveLength(1);
    });
  });

  it('feeds pixels as the manifest says: uint8 NHWC, and the score floor to the input that asks for it', async () => {
    // Gives one box whose score is the floor it was fed, and whose sides tell the colour of the picture.
    const bytes = encodeModel({
      inputs: [
        { name: 'pixels', dtype: 'uint8', dims: [1, 64, 64, 3] },
        { name: 'score_threshold', dtype: 'float32', dims: [1] },
      ],
      outputs: [
        { name: 'det_boxes', dtype: 'float32', dims: ['n', 4] },
        { name: 'det_scores', dtype: 'float32', dims: ['n'] },
        { name: 'det_classes', dtype: 'int32', dims: ['n'] },
      ],
      nodes: [
        { op: 'Slice', inputs: ['pixels', 'start', 'end'], outputs: ['corner'] },
        { op: 'Cast', inputs: ['corner'], outputs: ['float'], attributes: { to: 1 } },
        { op: 'Reshape', inputs: ['float', 'three'], outputs: ['rgb'] },
        { op: 'Div', inputs: ['rgb', 'byte'], outputs: ['sides'] },
        { op: 'Concat', inputs: ['zero', 'sides'], outputs: ['row'], attributes: { axis: 0 } },
        { op: 'Reshape', inputs: ['row', 'row_shape'], outputs: ['det_boxes'] },
        { op: 'Identity', inputs: ['score_threshold'], outputs: ['det_scores'] },
        { op: 'Identity', inputs: ['class'], outputs: ['det_classes'] },
      ],
      weights: [
        { name: 'start', dtype: 'int64', dims: [4], values: [0, 0, 0, 0] },
        { name: 'end', dtype: 'int64', dims: [4], values: [1, 1, 1, 3] },
        { name: 'three', dtype: 'int64', dims: [1], values: [3] },
        { name: 'byte', dtype: 'float32', dims: [1], values: [255] },
        { name: 'zero', dtype: 'float32', dims: [1], values: [0] },
        { name: 'row_shape', dtype: 'int64', dims: [2], values: [1, 4] },
        { name: 'class', dtype: 'int32', dims: [1], values: [1] },
      ],
    });
    const path = await write(bytes, {
      family: 'vedette',
      input: { ...MANIFEST.input, name: 'pixels', layout: 'nhwc', dtype: 'uint8' },
      extraInputs: [{ name: 'score_threshold', feed: 'score-threshold' }],
    });
    await using(path, async (detector) => {
      const data = new Uint8Array(128 * 128 * 3).map((_, i) => [51, 204, 255][i % 3] ?? 0);
      const coloured: RgbPicture = { kind: 'rgb', widthPx: 128, heightPx: 128, data };
      const [found] = await detector.detect(coloured, { scoreMin: 0.25 });
      expect(found).toMatchObject({ classId: 1, label: 'car', score: 0.25 });
      // x1 = 0, y1 = red, x2 = green, y2 = blue, as fractions of 128 px.
      for (const [i, at] of [0, 25.6, 102.4, 128].entries()) expect(found?.box[i]).toBeCloseTo(at, 3);
    });
    const silent = await write(bytes, {
      family: 'vedette',
      input: { ...MANIFEST.input, name: 'pixels', layout: 'nhwc', dtype: 'uint8' },
    });
    expect((await failure(loadDetector({ modelPath: silent }))).message).toContain(
      'what to feed input score_threshold',
    );
  });
});

describeWithFixtures('a known file', (dir) => {
  it('needs no manifest, whatever it is called', async () => {
    const path = join(folder, 'renamed.onnx');
    await copyFile(join(dir, 'models/FastestDet.onnx'), path);
    expect((await resolveModel(path)).manifest.id).toBe('fastestdet-352');
  });

  it('is refused where it is cut off', async () => {
    const { bytes } = await resolveModel(join(dir, 'models/FastestDet.onnx'));
    for (const length of [1, 100, 5000, bytes.length >> 1, bytes.length - 1]) {
      const error = await failure(loadDetector({ modelPath: await write(bytes.subarray(0, length), {}) }));
      expect(error.code).toBe('model-invalid');
    }
  });
});
