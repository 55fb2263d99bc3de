import { describe, expect, it } from 'vitest';
import { Candidates } from '../../../../edge/vision/detect/candidates.js';
import type { OutputTensor, TensorData } from '../../../../edge/vision/detect/decoders/decoder.js';
import { DECODER_BUILDERS } from '../../../../edge/vision/detect/decoders/decoder-table.js';
import { planGeometry } from '../../../../edge/vision/detect/input-geometry.js';
import type { ModelManifest } from '../../../../edge/vision/model/manifest.js';
import type { ValueShape } from '../../../../edge/vision/model/onnx-file.js';
import { testManifest } from '../manifest-builder.js';

const SIDE = 64;
const COCO_LIKE = { labels: ['person', 'car', 'dog'], classIds: [1, 3, 18] };

/** What is put into the tensors, in input pixels, and must come out. */
type Thing = {
  readonly box: readonly [number, number, number, number];
  readonly score: number;
  readonly label: number;
};

const THINGS: readonly Thing[] = [
  { box: [5, 9, 29, 41], score: 0.9, label: 1 },
  { box: [33, 2, 60, 25], score: 0.7, label: 0 },
];
/** Just under the floor of 0.5. */
const FAINT: Thing = { box: [8, 44, 30, 60], score: 0.45, label: 1 };

type Tensors = Readonly<
  Record<string, { readonly dims: readonly number[]; readonly data: TensorData; readonly dtype?: string }>
>;

function decode(manifest: ModelManifest, tensors: Tensors, scoreMin = 0.5): Thing[] {
  const shapes = Object.entries(tensors).map(
    ([name, { dims, data, dtype }]): ValueShape => ({
      name,
      dims,
      dtype: dtype ?? (data instanceof Float32Array ? 'float32' : data instanceof Int32Array ? 'int32' : 'int64'),
    }),
  );
  const decoder = DECODER_BUILDERS[manifest.family](manifest, shapes);
  const outputs = new Map<string, OutputTensor>(
    Object.entries(tensors).filter(([name]) => decoder.outputNames.includes(name)),
  );
  const candidates = new Candidates();
  const { widthPx, heightPx } = manifest.input;
  candidates.start(planGeometry(manifest.input, [0, 0, widthPx, heightPx]));
  decoder.decode(outputs, scoreMin, candidates);
  expect(Object.values(candidates.drops).every((dropped) => dropped === 0)).toBe(true);
  return Array.from({ length: candidates.count }, (_, at) => ({
    box: candidates.boxAt(at),
    score: candidates.scores[at] ?? 0,
    label: candidates.labels[at] ?? -1,
  }));
}

function expectThings(found: readonly Thing[], things: readonly Thing[] = THINGS): void {
  const order = (list: readonly Thing[]) => [...list].sort((a, b) => b.score - a.score);
  expect(found).toHaveLength(things.length);
  for (const [i, thing] of order(things).entries()) {
    const { box, score, label } = order(found)[i] ?? { box: [], score: 0, label: -1 };
    expect(label).toBe(thing.label);
    expect(score).toBeCloseTo(thing.score, 4);
    for (const [side, at] of thing.box.entries()) expect(box[side]).toBeCloseTo(at, 2);
  }
}

const centre = ({ box: [x1, y1, x2, y2] }: Thing) => ({ cx: (x1 + x2) / 2, cy: (y1 + y2) / 2, w: x2 - x1, h: y2 - y1 });
const logit = (p: number) => Math.log(p / (1 - p));
const cellsOf = (stride: number) => Math.ceil(SIDE / stride) ** 2;
const rowOfCell = (stride: number, column: number, row: number) => row * Math.ceil(SIDE / stride) + column;
const EMPTY_SCORE = 0.01;
const all = [...THINGS, FAINT];

describe('YOLOX', () => {
  const strides = [8, 16, 32];
  const cells = strides.reduce((sum, stride) => sum + cellsOf(stride), 0);
  // Each thing on another stride, in the cell of its centre.
  const raw = (activated: boolean) => {
    const data = new Float32Array(cells * 7);
    const put = activated ? (p: number) => p : logit;
    for (let cell = 0; cell < cells; cell++) data.fill(put(EMPTY_SCORE), cell * 7 + 4, cell * 7 + 7);
    for (const [i, thing] of all.entries()) {
      const stride = strides[i] ?? 8;
      const before = strides.slice(0, i).reduce((sum, s) => sum + cellsOf(s), 0);
      const { cx, cy, w, h } = centre(thing);
      const [gx, gy] = [Math.floor(cx / stride), Math.floor(cy / stride)];
      const at = (before + rowOfCell(stride, gx, gy)) * 7;
      data.set([cx / stride - gx, cy / stride - gy, Math.log(w / stride), Math.log(h / stride)], at);
      data[at + 4] = put(0.95);
      data[at + 5 + thing.label] = put(thing.score / 0.95);
    }
    return { output: { dims: [1, cells, 7], data } };
  };

  it('multiplies objectness and class and undoes offsets and log sizes', () => {
    expectThings(decode(testManifest({ family: 'yolox', decoded: false }), raw(true)));
  });

  it('takes the sigmoid where the graph has not', () => {
    expectThings(decode(testManifest({ family: 'yolox', decoded: false, activated: false }), raw(false)));
  });

  it('reads boxes as they are where they are decoded in the graph', () => {
    const { output } = raw(true);
    for (let i = 0; i < cells; i++) output.data.set([1, 1, 1, 1], i * 7);
    for (const [i, thing] of THINGS.entries()) {
      const { cx, cy, w, h } = centre(thing);
      output.data.set([cx, cy, w, h, 1, 0, 0], i * 7);
      output.data[i * 7 + 5 + thing.label] = thing.score;
    }
    for (let cell = 2; cell < cells; cell++) output.data[cell * 7 + 4] = 0;
    expectThings(decode(testManifest({ family: 'yolox' }), { output }));
  });

  it('refuses another number of classes, naming both shapes', () => {
    const manifest = testManifest({ family: 'yolox', decoded: false, labels: ['a', 'b', 'c'] });
    expect(() => decode(manifest, raw(true))).toThrow(`output output is [1, ${cells}, 7], expected [1, ${cells}, 8]`);
  });
});

describe('FastestDet', () => {
  it('weighs objectness by 0.6 and class by 0.4 and undoes tanh and sigmoid', () => {
    const grid = SIDE / 16;
    const cells = grid * grid;
    const data = new Float32Array(7 * cells).fill(EMPTY_SCORE);
    for (const thing of all) {
      const { cx, cy, w, h } = centre(thing);
      const [gx, gy] = [Math.floor(cx / 16), Math.floor(cy / 16)];
      const cell = gy * grid + gx;
      const objectness = 0.98;
      data[cell] = objectness;
      data[cells + cell] = Math.atanh(cx / 16 - gx);
      data[2 * cells + cell] = Math.atanh(cy / 16 - gy);
      data[3 * cells + cell] = logit(w / SIDE);
      data[4 * cells + cell] = logit(h / SIDE);
      data[(5 + thing.label) * cells + cell] = (thing.score / objectness ** 0.6) ** 2.5;
    }
    const output = { dims: [1, 7, grid, grid], data };
    expectThings(decode(testManifest({ family: 'fastestdet', decoded: false }), { output }));
  });
});

describe('NanoDet and PicoDet heads', () => {
  const bins = 8;
  const stridesOf = (count: number) => [8, 16, 32, 64].slice(0, count);
  const offsets = { corner: () => 0, 'pixel-centre': (s: number) => (s - 1) / 2, centre: (s: number) => s / 2 };

  // The bins of one side: all weight on the two bins around the distance, so that the mean bin is the distance.
  const sideBins = (distance: number) => {
    const low = Math.min(Math.floor(distance), bins - 2);
    const part = distance - low;
    return Array.from({ length: bins }, (_, bin) =>
      bin === low ? Math.log(1 - part + 1e-9) : bin === low + 1 ? Math.log(part + 1e-9) : -40,
    );
  };

  const levels = (count: number, point: keyof typeof offsets) =>
    stridesOf(count).map((stride) => {
      const scores = new Float32Array(cellsOf(stride) * 2).fill(EMPTY_SCORE);
      const boxes = new Float32Array(cellsOf(stride) * 4 * bins);
      // Stride 8 reaches 56 px to each side: enough for all.
      if (stride === 8) {
        for (const thing of all) {
          const [x1, y1, x2, y2] = thing.box;
          const { cx, cy } = centre(thing);
          const [gx, gy] = [Math.floor(cx / 8), Math.floor(cy / 8)];
          const [px, py] = [gx * 8 + offsets[point](8), gy * 8 + offsets[point](8)];
          const cell = rowOfCell(8, gx, gy);
          scores[cell * 2 + thing.label] = thing.score;
          const sides = [px - x1, py - y1, x2 - px, y2 - py].flatMap((distance) => sideBins(distance / 8));
          boxes.set(sides, cell * 4 * bins);
        }
      }
      return { stride, scores, boxes };
    });

  it.each([
    [3, 'pixel-centre'],
    [4, 'centre'],
    [4, 'corner'],
  ] as const)('pairs the outputs of %i strides by shape, whatever their names and order (%s)', (count, cellPoint) => {
    const tensors: Record<string, { dims: number[]; data: Float32Array }> = {};
    for (const { stride, scores, boxes } of levels(count, cellPoint).reverse()) {
      // Names that would pair them wrongly, boxes first.
      tensors[`a_${64 / stride}`] = { dims: [1, cellsOf(stride), 4 * bins], data: boxes };
      tensors[`z_${stride}`] = { dims: [1, cellsOf(stride), 2], data: scores };
    }
    expectThings(decode(testManifest({ family: 'nanodet', decoded: false, head: { cellPoint } }), tensors));
  });

  it('reads the one output of NanoDet-Plus, classes first', () => {
    const columns = 2 + 4 * bins;
    const rows = levels(4, 'corner').flatMap(({ stride, scores, boxes }) =>
      Array.from({ length: cellsOf(stride) }, (_, cell) => [
        ...scores.subarray(cell * 2, cell * 2 + 2),
        ...boxes.subarray(cell * 4 * bins, (cell + 1) * 4 * bins),
      ]),
    );
    const output = { dims: [1, rows.length, columns], data: Float32Array.from(rows.flat()) };
    const manifest = testManifest({ family: 'nanodet', decoded: false, head: { cellPoint: 'corner' } });
    expectThings(decode(manifest, { output }));
  });

  it('refuses a stride that is missing, and as many classes as box columns', () => {
    const [eight, sixteen] = levels(2, 'centre');
    const tensors = {
      a: { dims: [1, cellsOf(8), 2], data: eight?.scores ?? new Float32Array() },
      b: { dims: [1, cellsOf(8), 32], data: eight?.boxes ?? new Float32Array() },
      c: { dims: [1, cellsOf(16), 2], data: sixteen?.scores ?? new Float32Array() },
      d: { dims: [1, cellsOf(8), 32], data: sixteen?.boxes ?? new Float32Array() },
    };
    const manifest = testManifest({ family: 'nanodet', decoded: false, head: { cellPoint: 'centre' } });
    expect(() => decode(manifest, tensors)).toThrow(`no output is [1, ${cellsOf(16)}, 32]`);
    const labels = Array.from({ length: 32 }, (_, i) => `class-${i}`);
    const alike = testManifest({ family: 'nanodet', decoded: false, head: { cellPoint: 'centre' }, labels });
    expect(() => decode(alike, tensors)).toThrow('cannot be told apart');
  });
});

describe('finished rows', () => {
  const unused = [-1, 0.99, 1, 1, 9, 9];

  it('reads PicoDet rows of class, score, corners, unsorted, and takes the count from the rows', () => {
    const rows = [FAINT, ...THINGS].map(({ box, score, label }) => [label, score, ...box]);
    const output = { dims: [4, 6], data: Float32Array.from([...rows, unused].flat()) };
    const count = { dims: [1], data: Int32Array.of(2125) };
    expectThings(decode(testManifest({ family: 'picodet' }), { rows: output, count }));
  });

  it('reads end-to-end rows of corners, score, class', () => {
    const rows = all.map(({ box, score, label }) => [...box, score, label]);
    const output = { dims: [1, 3, 6], data: Float32Array.from(rows.flat()) };
    expectThings(decode(testManifest({ family: 'end2end' }), { output0: output }));
  });
});

describe('faces', () => {
  it('reads Ultra-Light corners as fractions and takes column 1, not the background', () => {
    const boxes = Float32Array.from(all.flatMap(({ box }) => box.map((at) => at / SIDE)));
    const scores = Float32Array.from(all.flatMap(({ score }) => [1 - score, score]));
    const tensors = { boxes: { dims: [1, 3, 4], data: boxes }, scores: { dims: [1, 3, 2], data: scores } };
    const manifest = testManifest({ family: 'ultraface', labels: ['face'] });
    expectThings(
      decode(manifest, tensors),
      THINGS.map((thing) => ({ ...thing, label: 0 })),
    );
  });

  it('reads YuNet by the names of its outputs: the score is the root of class times objectness', () => {
    const tensors: Record<string, { dims: number[]; data: Float32Array }> = {};
    for (const stride of [8, 16, 32]) {
      const cells = cellsOf(stride);
      // Scores above 1 and below 0 come out of these exports; they are cut.
      const cls = new Float32Array(cells).fill(-0.2);
      const obj = new Float32Array(cells).fill(1.3);
      const bbox = new Float32Array(cells * 4);
      if (stride === 16) {
        for (const thing of all) {
          const { cx, cy, w, h } = centre(thing);
          const [gx, gy] = [Math.floor(cx / 16), Math.floor(cy / 16)];
          const cell = rowOfCell(16, gx, gy);
          cls[cell] = thing.score;
          obj[cell] = thing.score;
          bbox.set([cx / 16 - gx, cy / 16 - gy, Math.log(w / 16), Math.log(h / 16)], cell * 4);
        }
      }
      tensors[`obj_${stride}`] = { dims: [1, cells, 1], data: obj };
      tensors[`cls_${stride}`] = { dims: [1, cells, 1], data: cls };
      tensors[`bbox_${stride}`] = { dims: [1, cells, 4], data: bbox };
      tensors[`kps_${stride}`] = { dims: [1, cells, 10], data: new Float32Array(cells * 10) };
    }
    const manifest = testManifest({ family: 'yunet', decoded: false, labels: ['face'] });
    expectThings(
      decode(manifest, tensors),
      THINGS.map((thing) => ({ ...thing, label: 0 })),
    );
  });
});

describe('YOLOv5 and YOLOv8', () => {
  const cells = cellsOf(8) + cellsOf(16) + cellsOf(32);

  it('reads v5 rows: column 4 is objectness, not a class', () => {
    const data = new Float32Array(3 * cells * 7);
    for (const [i, thing] of all.entries()) {
      const { cx, cy, w, h } = centre(thing);
      data.set([cx, cy, w, h, 0.96], i * 50 * 7);
      data[i * 50 * 7 + 5 + thing.label] = thing.score / 0.96;
    }
    // Sure of an object, of no class.
    data.set([9, 9, 4, 4, 0.99, 0.1, 0.1], 7 * 7);
    const output0 = { dims: [1, 3 * cells, 7], data };
    expectThings(decode(testManifest({ family: 'yolov5' }), { output0 }));
    expect(() => decode(testManifest({ family: 'yolov8' }), { output0 })).toThrow('expected [1, 6, 84]');
  });

  it('reads v8 channel by channel, and turned', () => {
    const data = new Float32Array(6 * cells);
    for (const [i, thing] of all.entries()) {
      const { cx, cy, w, h } = centre(thing);
      for (const [channel, value] of [cx, cy, w, h].entries()) data[channel * cells + 20 * i + 3] = value;
      data[(4 + thing.label) * cells + 20 * i + 3] = thing.score;
    }
    const turned = Float32Array.from(data, (_, at) => data[(at % 6) * cells + Math.floor(at / 6)] ?? 0);
    const manifest = testManifest({ family: 'yolov8' });
    expectThings(decode(manifest, { output0: { dims: [1, 6, cells], data } }));
    expectThings(decode(manifest, { output0: { dims: [1, cells, 6], data: turned } }));
  });
});

describe('transformers', () => {
  it('reads RT-DETR corners in pixels of the size it was fed, with class numbers of 64 bits', () => {
    const tensors = {
      scores: { dims: [1, 3], data: Float32Array.from(all, ({ score }) => score) },
      labels: { dims: [1, 3], data: BigInt64Array.from(all, ({ label }) => BigInt(label)) },
      boxes: { dims: [1, 3, 4], data: Float32Array.from(all.flatMap(({ box }) => [...box])) },
    };
    expectThings(decode(testManifest({ family: 'rtdetr' }), tensors));
  });

  it('takes the sigmoid of RF-DETR logits class by class and leaves the numbers without a class', () => {
    const columns = 19;
    const labels = new Float32Array(3 * columns).fill(-8);
    const dets = new Float32Array(12);
    for (const [i, thing] of all.entries()) {
      const { cx, cy, w, h } = centre(thing);
      dets.set([cx / SIDE, cy / SIDE, w / SIDE, h / SIDE], 4 * i);
      labels[i * columns + (COCO_LIKE.classIds[thing.label] ?? 0)] = logit(thing.score);
      // Column 0 and the gaps are trained to nothing and may hold anything.
      labels[i * columns] = 5;
      labels[i * columns + 12] = 5;
    }
    const tensors = { dets: { dims: [1, 3, 4], data: dets }, labels: { dims: [1, 3, columns], data: labels } };
    expectThings(decode(testManifest({ family: 'rfdetr', activated: false, ...COCO_LIKE }), tensors));
  });
});

describe('SSD', () => {
  it("reads TensorFlow's outputs by name: y before x, fractions, COCO's numbers", () => {
    const tensors = {
      'detection_scores:0': { dims: [1, 3], data: Float32Array.from(all, ({ score }) => score) },
      'num_detections:0': { dims: [1], data: Float32Array.of(3) },
      'detection_classes:0': {
        dims: [1, 3],
        data: Float32Array.from(all, ({ label }) => COCO_LIKE.classIds[label] ?? 0),
      },
      'detection_boxes:0': {
        dims: [1, 3, 4],
        data: Float32Array.from(all.flatMap(({ box: [x1, y1, x2, y2] }) => [y1, x1, y2, x2].map((at) => at / SIDE))),
      },
    };
    expectThings(decode(testManifest({ family: 'ssd', ...COCO_LIKE }), tensors));
  });

  it("reads OpenVINO's rows up to the first with image -1", () => {
    const rows = [
      ...all.map(({ box, score, label }) => [0, label + 1, score, ...box.map((at) => at / SIDE)]),
      [-1, 1, 0.99, 0, 0, 1, 1],
      [0, 1, 0.99, 0, 0, 1, 1],
    ];
    const out = { dims: [1, 1, 5, 7], data: Float32Array.from(rows.flat()) };
    expectThings(decode(testManifest({ family: 'ssd', classIdBase: 1 }), { out }));
  });
});

describe('the models of this project', () => {
  it('reads boxes as fractions, as many as the picture holds', () => {
    const tensors = {
      det_boxes: { dims: [3, 4], data: Float32Array.from(all.flatMap(({ box }) => box.map((at) => at / SIDE))) },
      det_scores: { dims: [3], data: Float32Array.from(all, ({ score }) => score) },
      det_classes: { dims: [3], data: Int32Array.from(all, ({ label }) => label) },
    };
    expectThings(decode(testManifest({ family: 'vedette' }), tensors));
    const none = {
      det_boxes: { dims: [0, 4], data: new Float32Array() },
      det_scores: { dims: [0], data: new Float32Array() },
      det_classes: { dims: [0], data: new Int32Array() },
    };
    expectThings(decode(testManifest({ family: 'vedette' }), none), []);
  });
});
