import { z } from 'zod';

/** How a model's tensors are to be read; one decoder each, in `edge/vision/detect/decoders/`. */
export const MODEL_FAMILIES = [
  'vedette',
  'yolox',
  'fastestdet',
  'nanodet',
  'picodet',
  'ultraface',
  'yunet',
  'yolov5',
  'yolov8',
  'end2end',
  'rtdetr',
  'rfdetr',
  'ssd',
] as const;

/** The families whose graph does not suppress overlapping boxes: their manifest must say at which IoU we do. */
export const FAMILIES_WITHOUT_NMS_IN_GRAPH: readonly ModelFamily[] = [
  'yolox',
  'fastestdet',
  'nanodet',
  'ultraface',
  'yunet',
  'yolov5',
  'yolov8',
];

const channels = z.tuple([z.number(), z.number(), z.number()]);
const name = z.string().min(1).max(200);
const sidePx = z.number().int().min(16).max(4096);

const inputSchema = z.strictObject({
  /** The graph's picture input; absent: the only input that is neither a weight nor one of `extraInputs`. */
  name: name.optional(),
  layout: z.enum(['nchw', 'nhwc']),
  dtype: z.enum(['float32', 'uint8']),
  colour: z.enum(['rgb', 'bgr']),
  widthPx: sidePx,
  heightPx: sidePx,
  /** Tensor value = (pixel 0..255 * scale - mean) / std. Not for uint8 input. */
  scale: z.number().positive().default(1),
  /** Per channel, in the order of `colour`. */
  mean: channels.default([0, 0, 0]),
  /** Per channel, in the order of `colour`. */
  std: channels.refine((std) => std.every((value) => value > 0), 'must be above 0').default([1, 1, 1]),
  /** `stretch` fills the input; the letterboxes keep the aspect ratio and fill the rest with `padValue`. */
  resize: z.enum(['stretch', 'letterbox-centre', 'letterbox-topleft']),
  /** Pixel value 0..255 of the border, before scale, mean and std. 114 is what the YOLO recipes train with. */
  padValue: z.number().int().min(0).max(255).default(114),
});

/**
 * Inputs beside the picture and what to feed them:
 * `score-threshold` f32 [1], the score floor; `scale-factor` f32 [1, 2], ones (boxes stay in input pixels);
 * `input-size-wh` i64 [1, 2], width and height of the input (boxes stay in input pixels).
 */
const extraInputSchema = z.strictObject({
  name,
  feed: z.enum(['score-threshold', 'scale-factor', 'input-size-wh']),
});

const headSchema = z.strictObject({
  /** Grid strides in input pixels, ascending. */
  strides: z.array(z.number().int().min(1).max(256)).min(1).max(6).optional(),
  /** Highest bin of a box distribution; 7 means 8 bins a side. */
  regMax: z.number().int().min(1).max(31).optional(),
  /**
   * Where cell g of stride s stands: `corner` g*s (NanoDet-Plus), `pixel-centre` g*s + (s-1)/2 (old NanoDet),
   * `centre` (g+0.5)*s (PicoDet).
   */
  cellPoint: z.enum(['corner', 'pixel-centre', 'centre']).optional(),
});

/** What a model file is and how to use it; lies beside `NAME.onnx` as `NAME.manifest.json`. */
export const modelManifestSchema = z
  .strictObject({
    v: z.literal(1),
    /** Short name, e.g. `yolox-nano-416`. */
    id: z
      .string()
      .regex(/^[a-z0-9][a-z0-9._-]{0,63}$/, 'lower-case letters, digits, dot, dash, underscore; at most 64'),
    family: z.enum(MODEL_FAMILIES),
    input: inputSchema,
    extraInputs: z.array(extraInputSchema).max(3).default([]),
    /**
     * Role of an output -> its name in the graph, where the family has more than one output and does not pair by shape:
     * `boxes`, `scores`, `classes`, `count`, `rows`. Absent roles go by shape, or by the name the upstream export gives.
     */
    outputs: z.partialRecord(z.enum(['boxes', 'scores', 'classes', 'count', 'rows']), name).default({}),
    head: headSchema.default({}),
    /** False: grid offsets and log sizes still have to be turned into boxes. True: boxes leave the graph as boxes. */
    decoded: z.boolean(),
    /** False: scores leave the graph as logits. True: as 0..1. */
    activated: z.boolean(),
    /** Class names in the order of the score columns. */
    labels: z.array(z.string().min(1).max(64)).min(1).max(2000),
    /** The class number that means `labels[0]`; 1 in most TensorFlow exports. Not together with `classIds`. */
    classIdBase: z.number().int().min(0).max(1).default(0),
    /** The model's class number of each label, where the numbers have gaps (COCO's 1..90). */
    classIds: z.array(z.number().int().min(0).max(65535)).optional(),
    thresholds: z.strictObject({
      /** Detections below are not reported unless the caller asks for another floor. */
      score: z.number().min(0).max(1),
      /** Boxes of one class that overlap more are one object; absent: the graph has done it. */
      nmsIou: z.number().gt(0).max(1).optional(),
    }),
    /** Of the .onnx file, 64 hex digits; the detector refuses a file with another sum. */
    sha256: z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hex digits'),
    licence: z.string().min(1).max(500),
    source: z.strictObject({
      /** `owner/name` upstream, or a sentence. */
      origin: z.string().min(1).max(500),
      commit: z.string().max(64).optional(),
      path: z.string().max(500).optional(),
      url: z.url().optional(),
    }),
    /** Anything the trainer wants to record: seed, data, measured mAP. */
    training: z.record(z.string(), z.unknown()).optional(),
  })
  .superRefine((manifest, context) => {
    const problem = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message });
    if (manifest.classIds !== undefined && manifest.classIds.length !== manifest.labels.length) {
      problem('classIds', `${manifest.classIds.length} numbers for ${manifest.labels.length} labels`);
    }
    if (manifest.classIds !== undefined && manifest.classIdBase !== 0) problem('classIdBase', 'not with classIds');
    if (FAMILIES_WITHOUT_NMS_IN_GRAPH.includes(manifest.family) && manifest.thresholds.nmsIou === undefined) {
      problem('thresholds', `nmsIou is needed for ${manifest.family}`);
    }
    if (manifest.family === 'nanodet' && manifest.head.cellPoint === undefined) {
      problem('head', 'cellPoint is needed for nanodet');
    }
  });

export type ModelFamily = (typeof MODEL_FAMILIES)[number];
export type ModelManifest = z.output<typeof modelManifestSchema>;
/** A manifest as written: fields with a default may be absent. */
export type ModelManifestInput = z.input<typeof modelManifestSchema>;
export type ModelInput = ModelManifest['input'];

/** Where the manifest of a model file lies: `yolox_nano.onnx` -> `yolox_nano.manifest.json`. */
export function manifestPathOf(modelPath: string): string {
  return `${modelPath.replace(/\.onnx$/i, '')}.manifest.json`;
}
