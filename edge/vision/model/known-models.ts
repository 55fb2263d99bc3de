import { COCO_LABELS, FACE_LABELS } from './labels.js';
import { type ModelManifest, type ModelManifestInput, modelManifestSchema } from './manifest.js';

/** A published model file that was tried: where it lies upstream and how it is used. */
export type KnownModel = {
  /** Name of the file upstream, and of the file `vedette model pull` makes. */
  readonly fileName: string;
  readonly bytes: number;
  readonly url: string;
  /** One sentence for `vedette model list`. */
  readonly about: string;
  /** Its `id` is the name to pull it by. */
  readonly manifest: ModelManifest;
};

type Entry = Omit<ModelManifestInput, 'v' | 'source' | 'decoded' | 'activated'> & {
  readonly decoded?: boolean;
  readonly repository: string;
  readonly commit: string;
  readonly path: string;
  readonly bytes: number;
  readonly about: string;
};

/** NanoDet's and PicoDet's mean and deviation, in the order B, G, R; PicoDet gives equal quality with R, G, B. */
const NANODET_MEAN: [number, number, number] = [103.53, 116.28, 123.675];
const NANODET_STD: [number, number, number] = [57.375, 57.12, 58.395];

// Sums were taken from the files; thresholds are those their results were compared at.
const ENTRIES: readonly Entry[] = [
  {
    id: 'yolox-nano-416',
    about: '80 COCO classes, 0.9 M parameters: the default for a Raspberry Pi 4 or 5',
    family: 'yolox',
    input: {
      layout: 'nchw',
      dtype: 'float32',
      colour: 'bgr',
      widthPx: 416,
      heightPx: 416,
      resize: 'letterbox-topleft',
    },
    labels: [...COCO_LABELS],
    thresholds: { score: 0.3, nmsIou: 0.45 },
    repository: 'Kazuhito00/YOLOX-ONNX-TFLite-Sample',
    commit: '3d4f1119d069',
    path: 'model/yolox_nano.onnx',
    bytes: 3_660_092,
    sha256: '695e750a5d5754bb5a8d5325643b59282191a7e7a564e435a415fd3c578eab14',
    licence: 'Apache-2.0 (the YOLOX-Nano model of Megvii-BaseDetection/YOLOX)',
  },
  {
    id: 'fastestdet-352',
    about: '80 COCO classes, 0.24 M parameters: the smallest and fastest, with the lowest quality',
    family: 'fastestdet',
    input: {
      layout: 'nchw',
      dtype: 'float32',
      colour: 'bgr',
      widthPx: 352,
      heightPx: 352,
      scale: 1 / 255,
      resize: 'stretch',
    },
    labels: [...COCO_LABELS],
    thresholds: { score: 0.65, nmsIou: 0.45 },
    repository: 'dog-qiuqiu/FastestDet',
    commit: '50473cd155cb',
    path: 'example/onnx-runtime/FastestDet.onnx',
    bytes: 998_169,
    sha256: '31cb14c017fce347cb4c846ec62fdf00d76bb3beecdf4be21e7116ac67feb880',
    licence: 'BSD-3-Clause (c) 2022 xuehao.ma',
  },
  {
    id: 'picodet-xs-320',
    about: '80 COCO classes, 0.7 M parameters, decode and NMS in the graph',
    family: 'picodet',
    input: {
      name: 'image',
      layout: 'nchw',
      dtype: 'float32',
      colour: 'bgr',
      widthPx: 320,
      heightPx: 320,
      mean: NANODET_MEAN,
      std: NANODET_STD,
      resize: 'stretch',
    },
    extraInputs: [{ name: 'scale_factor', feed: 'scale-factor' }],
    decoded: true,
    labels: [...COCO_LABELS],
    thresholds: { score: 0.5 },
    repository: 'kk-fenglai/Picodet',
    commit: '6c5596c5f2eaec194eb1bfc45b03036caff8719d',
    path: 'picodet_xs_320_lcnet_postprocessed.onnx',
    bytes: 2_871_062,
    sha256: '3b8e7687122d70b1615734827b19f28e24cde83cb59b4d27845a3566da4b8510',
    licence: 'model of PaddlePaddle/PaddleDetection, Apache-2.0; the repository that holds this copy names no licence',
  },
  {
    id: 'ultra-light-face-320',
    about: 'faces only, 0.28 M parameters',
    family: 'ultraface',
    input: {
      name: 'input',
      layout: 'nchw',
      dtype: 'float32',
      colour: 'rgb',
      widthPx: 320,
      heightPx: 240,
      mean: [127, 127, 127],
      std: [128, 128, 128],
      resize: 'stretch',
    },
    outputs: { scores: 'scores', boxes: 'boxes' },
    decoded: true,
    labels: [...FACE_LABELS],
    thresholds: { score: 0.7, nmsIou: 0.3 },
    repository: 'Linzaer/Ultra-Light-Fast-Generic-Face-Detector-1MB',
    commit: 'dffdddda9794a50607cba8f318507a28c1c27cab',
    path: 'models/onnx/version-RFB-320.onnx',
    bytes: 1_270_727,
    sha256: '34cd7e60aeff28744c657de7a3dc64e872d506741de66987f3426f2b79f88017',
    licence: 'MIT',
  },
  {
    id: 'nanodet-m-416',
    about: '80 COCO classes, 0.94 M parameters, the old NanoDet head',
    family: 'nanodet',
    input: {
      layout: 'nchw',
      dtype: 'float32',
      colour: 'bgr',
      widthPx: 416,
      heightPx: 416,
      mean: NANODET_MEAN,
      std: NANODET_STD,
      resize: 'letterbox-centre',
      padValue: 0,
    },
    head: { strides: [8, 16, 32], regMax: 7, cellPoint: 'pixel-centre' },
    labels: [...COCO_LABELS],
    thresholds: { score: 0.4, nmsIou: 0.5 },
    repository: 'hpc203/nanodet-opncv-dnn-cpp-python',
    commit: '15dd99c651d53c824f51d1eb5faddbd4f3d69bbc',
    path: 'nanodet_m.onnx',
    bytes: 3_800_954,
    sha256: '4b82da9944b88577175ee23a459dce2e26e6e4be573def65b1055dc2d9720186',
    licence: 'weights of RangiLyu/nanodet, Apache-2.0; the repository that holds this conversion names no licence',
  },
];

/** Published models whose file and sum are known for sure. Frozen by convention: shared by all who ask. */
export const KNOWN_MODELS: readonly KnownModel[] = ENTRIES.map(knownModel);

function knownModel({ repository, commit, path, bytes, about, ...manifest }: Entry): KnownModel {
  const url = `https://github.com/${repository}/raw/${commit}/${path}`;
  return {
    fileName: path.split('/').at(-1) ?? path,
    bytes,
    url,
    about,
    manifest: modelManifestSchema.parse({
      v: 1,
      decoded: false,
      activated: true,
      ...manifest,
      source: { origin: repository, commit, path, url },
    }),
  };
}

/** The known model with this sum, if it is one. @param sha256 64 lower-case hex digits. */
export function knownModelBySum(sha256: string): KnownModel | undefined {
  return KNOWN_MODELS.find(({ manifest }) => manifest.sha256 === sha256);
}

/** The known model of this name (its manifest's id), if it is one. */
export function knownModelByName(name: string): KnownModel | undefined {
  return KNOWN_MODELS.find(({ manifest }) => manifest.id === name);
}
