import { Random } from '../../base/random.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import type { OnnxDetector } from '../../edge/vision/detect/onnx-detector.js';
import type { ResolvedModel } from '../../edge/vision/model/resolve-model.js';
import { openBoard, REFERENCE } from './audit-boards.js';

/** A board that is quietly wrong: a detector, and what befalls its pictures. */
export type FaultyBoard = {
  readonly name: string;
  readonly detector: OnnxDetector;
  readonly spoil: (picture: RgbPicture) => RgbPicture;
  readonly labelOf: (label: string) => string;
};

const same = (picture: RgbPicture) => picture;
const asIs = (label: string) => label;
const FLIP_TRIES = 40;
const NEAR_BYTES = 100;
const LETTERS = /[A-Za-z0-9_./]{6}/;

/** Boards with the same model file by name and sum, each with one fault. */
export async function openFaultyBoards(model: ResolvedModel): Promise<FaultyBoard[]> {
  const healthy = await openBoard(model, REFERENCE);
  const { labels } = healthy;
  const next = (label: string) => labels[(labels.indexOf(label) + 1) % labels.length] ?? label;
  return [
    { name: '64 bits of the weights flipped', detector: await flipped(model, 64), spoil: same, labelOf: asIs },
    { name: '1024 bits of the weights flipped', detector: await flipped(model, 1024), spoil: same, labelOf: asIs },
    ...(labels.length < 2 ? [] : [{ name: 'labels moved by one', detector: healthy, spoil: same, labelOf: next }]),
    { name: 'red and blue swapped', detector: healthy, spoil: swapChannels, labelOf: asIs },
    { name: 'half as bright', detector: healthy, spoil: halve, labelOf: asIs },
    { name: 'picture mirrored', detector: healthy, spoil: mirror, labelOf: asIs },
    { name: 'picture shifted by 8 pixels', detector: healthy, spoil: shift, labelOf: asIs },
  ];
}

// A flip may hit the structure of the file instead of a weight, which the runtime refuses: then other bits are flipped.
async function flipped(model: ResolvedModel, bits: number): Promise<OnnxDetector> {
  for (let attempt = 0; attempt < FLIP_TRIES; attempt++) {
    const random = new Random(`${model.manifest.id}/${bits}/${attempt}`);
    const bytes = Uint8Array.from(model.bytes);
    for (let i = 0; i < bits; ) {
      const at = random.int(bytes.length);
      if (!isAmongWeights(model.bytes, at)) continue;
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.int(8));
      i++;
    }
    const detector = await openBoard(model, REFERENCE, bytes).catch(() => undefined);
    if (detector !== undefined) return detector;
  }
  throw new Error(`${model.path}: no flip of ${bits} bits leaves a model that loads`);
}

// The names of a graph lie between its weights: where letters are in a row, no weights are near.
function isAmongWeights(bytes: Uint8Array, at: number): boolean {
  const near = bytes.subarray(Math.max(0, at - NEAR_BYTES), at + NEAR_BYTES);
  return !LETTERS.test(Buffer.from(near).toString('latin1'));
}

function mapPixels(picture: RgbPicture, from: (x: number, y: number, channel: number) => number): RgbPicture {
  const { widthPx, heightPx, data } = picture;
  const out = new Uint8Array(data.length);
  for (let y = 0, at = 0; y < heightPx; y++) {
    for (let x = 0; x < widthPx; x++) for (let c = 0; c < 3; c++, at++) out[at] = data[from(x, y, c)] ?? 0;
  }
  return { ...picture, data: out };
}

function swapChannels(picture: RgbPicture): RgbPicture {
  return mapPixels(picture, (x, y, c) => (y * picture.widthPx + x) * 3 + 2 - c);
}

function mirror(picture: RgbPicture): RgbPicture {
  return mapPixels(picture, (x, y, c) => (y * picture.widthPx + picture.widthPx - 1 - x) * 3 + c);
}

function shift(picture: RgbPicture): RgbPicture {
  return mapPixels(picture, (x, y, c) => (y * picture.widthPx + Math.min(picture.widthPx - 1, x + 8)) * 3 + c);
}

function halve(picture: RgbPicture): RgbPicture {
  return { ...picture, data: picture.data.map((value) => value >> 1) };
}
