import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { Random } from '../../base/random.js';
import type { RgbPicture } from '../../edge/capture/frame.js';
import type { Answer } from '../../edge/sharing/audits/answer-match.js';
import { judgeAnswers } from '../../edge/sharing/audits/audit-verdict.js';
import type { BoxXyxyPx } from '../../edge/vision/box.js';
import { SceneCamera } from '../../firmware-sim/scene/scene-camera.js';
import { makeMaterials } from '../../firmware-sim/scene/texture.js';
import type { BenchPicture } from './audit-pictures.js';

const SIZES: readonly (readonly [number, number])[] = [
  [320, 240],
  [480, 360],
  [640, 480],
  [1280, 720],
];
const QUALITIES = [35, 50, 65, 75, 85, 90, 95] as const;
const SUBSAMPLINGS = ['4:2:0', '4:4:4'];
/** Share of the pictures that are drawn; the others are cut from footage and photographs. */
const DRAWN = 0.4;
/** Parts of a picture that are looked at beside the whole. */
const PARTS = 11;
/** Into a scene, or a clip of the test data, s. */
const CLIP_S = 20;

/**
 * Pictures that no rule was tuned on: drawn scenes of new seeds, and parts of footage at other times and of photographs, all
 * in other sizes, lights, noises and JPEG qualities. The same seed gives the same ones, without end.
 */
export async function* freshPictures(fixtures: string, seed: string): AsyncGenerator<BenchPicture> {
  const random = new Random(`fresh ${seed}`);
  const photographs = pathsOf(fixtures, 'images', '.jpg');
  const clips = pathsOf(fixtures, 'videos', '.mp4');
  const materials = makeMaterials();
  for (let i = 0; ; i++) {
    const [widthPx, heightPx] = random.pick(SIZES);
    if (random.chance(DRAWN)) {
      const camera = new SceneCamera({
        ...{ seed: `fresh ${seed} ${i}`, widthPx, heightPx, fps: 5, materials },
        difficulty: random.chance(0.5) ? 'demo' : 'training',
      });
      const rgb = camera.frame(random.int(5 * CLIP_S)).rgb;
      const picture = sharp(rgb, { raw: { width: widthPx, height: heightPx, channels: 3 } });
      yield { name: `scene ${seed} ${i}`, jpeg: await finish(picture, random) };
    } else {
      const path = random.pick([...photographs, ...clips]);
      const source = sharp(path.endsWith('.mp4') ? frameAt(path, random.range(0, CLIP_S)) : path);
      const cut = await cutFrom(source, random);
      const picture = cut.resize({ width: widthPx, height: heightPx, fit: random.chance(0.5) ? 'cover' : 'fill' });
      yield { name: `part of ${path} ${seed} ${i}`, jpeg: await finish(picture, random) };
    }
  }
}

/**
 * The whole picture (undefined) and parts of it, each in a place and of a shape of its own; whole pixels.
 * @param partMin the least of its width and height, 0..1.
 */
export function viewsOf({ widthPx, heightPx }: RgbPicture, partMin: number, random: Random): (BoxXyxyPx | undefined)[] {
  const part = (): BoxXyxyPx => {
    const [width, height] = [widthPx, heightPx].map((sizePx) => Math.floor(sizePx * random.range(partMin, 1)));
    const left = random.int(widthPx - (width ?? 1) + 1);
    const top = random.int(heightPx - (height ?? 1) + 1);
    return [left, top, left + (width ?? 1), top + (height ?? 1)];
  };
  return [undefined, ...Array.from({ length: PARTS }, part)];
}

/** A worker and its two auditors, by their places among the answers. */
export type Trio = { readonly worker: number; readonly first: number; readonly second: number };

/** Each of these as worker, every two others as its auditors. @returns those of them that are disputes, of how many. */
export function disputesAmong(answers: readonly Answer[], scoreMin: number): { judged: number; disputes: Trio[] } {
  const places = answers.map((_, i) => i);
  const trios = places.flatMap((worker) =>
    places.flatMap((first) =>
      places.flatMap((second) =>
        first < second && first !== worker && second !== worker ? [{ worker, first, second }] : [],
      ),
    ),
  );
  const answerOf = (place: number) => answers[place] ?? [];
  const disputes = trios.filter(({ worker, first, second }) => {
    const three = { worker: answerOf(worker), first: answerOf(first), second: answerOf(second) };
    return judgeAnswers({ ...three, scoreMin })?.verdict === 'disputed';
  });
  return { judged: trios.length, disputes };
}

function pathsOf(fixtures: string, folder: string, ending: string): string[] {
  const names = readdirSync(join(fixtures, folder)).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => join(fixtures, folder, name));
}

// Past the end of a short clip there is nothing: its start is as good.
function frameAt(path: string, atS: number): Buffer {
  const read = (second: number) =>
    execFileSync(
      'ffmpeg',
      [
        ...['-v', 'error', '-ss', second.toFixed(3), '-i', path, '-frames:v', '1'],
        ...['-c:v', 'png', '-f', 'image2pipe', '-'],
      ],
      { maxBuffer: 64 * 1024 * 1024, timeout: 120_000 },
    );
  const frame = read(atS);
  return frame.length > 0 ? frame : read(atS % 2);
}

async function cutFrom(picture: Sharp, random: Random): Promise<Sharp> {
  const { data, info } = await picture.removeAlpha().raw().toBuffer({ resolveWithObject: true });
  const part = random.range(0.45, 1);
  const [width, height] = [Math.floor(info.width * part), Math.floor(info.height * part)];
  const raw = { width: info.width, height: info.height, channels: info.channels };
  const cut = sharp(data, { raw }).extract({
    ...{ left: random.int(info.width - width + 1), top: random.int(info.height - height + 1), width, height },
  });
  const { data: part8, info: size } = await cut.raw().toBuffer({ resolveWithObject: true });
  return sharp(part8, { raw: { width: size.width, height: size.height, channels: size.channels } });
}

// Light, sensor and encoder.
async function finish(picture: Sharp, random: Random): Promise<Uint8Array> {
  const flipped = random.chance(0.5) ? picture.flop() : picture;
  const { data, info } = await flipped.raw().toBuffer({ resolveWithObject: true });
  const light = random.range(0.5, 1.4);
  const noise = random.pick([0, 2, 6, 12]);
  for (let i = 0; i < data.length; i++) {
    const grain = noise === 0 ? 0 : (random.next() + random.next() - 1) * 2 * noise;
    data[i] = Math.max(0, Math.min(255, (data[i] ?? 0) * light + grain));
  }
  const raw = { width: info.width, height: info.height, channels: info.channels };
  return sharp(data, { raw })
    .jpeg({ quality: random.pick(QUALITIES), chromaSubsampling: random.pick(SUBSAMPLINGS) })
    .toBuffer();
}
