import type { ModelFamily } from '../../model/manifest.js';
import type { DecoderBuilder } from './decoder.js';
import { buildRfDetrDecoder, buildRtDetrDecoder } from './detr.js';
import { buildFastestDetDecoder } from './fastestdet.js';
import { buildNanoDetDecoder } from './nanodet.js';
import { buildEndToEndDecoder, buildPicoDetDecoder } from './rows.js';
import { buildSsdDecoder } from './ssd.js';
import { buildUltraFaceDecoder } from './ultraface.js';
import { buildVedetteDecoder } from './vedette.js';
import { buildYolov5Decoder } from './yolov5.js';
import { buildYolov8Decoder } from './yolov8.js';
import { buildYoloxDecoder } from './yolox.js';
import { buildYunetDecoder } from './yunet.js';

/** Who reads which family. */
export const DECODER_BUILDERS: Readonly<Record<ModelFamily, DecoderBuilder>> = {
  vedette: buildVedetteDecoder,
  yolox: buildYoloxDecoder,
  fastestdet: buildFastestDetDecoder,
  nanodet: buildNanoDetDecoder,
  picodet: buildPicoDetDecoder,
  ultraface: buildUltraFaceDecoder,
  yunet: buildYunetDecoder,
  yolov5: buildYolov5Decoder,
  yolov8: buildYolov8Decoder,
  end2end: buildEndToEndDecoder,
  rtdetr: buildRtDetrDecoder,
  rfdetr: buildRfDetrDecoder,
  ssd: buildSsdDecoder,
};
