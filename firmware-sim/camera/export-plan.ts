import { Random } from '../../base/random.js';
import type { SceneDifficulty } from '../scene/scene-camera.js';

/** How one exported picture is made; a pure function of the export's seed and the picture's number. */
export type PictureRecipe = {
  /** Pictures of one scene share the painted background, the slowest part. */
  readonly sceneSeed: string;
  readonly difficulty: SceneDifficulty;
  readonly frameIndex: number;
  /** Size drawn; resampled to the export's size when it differs. */
  readonly drawWidthPx: number;
  readonly drawHeightPx: number;
  readonly method: 'area' | 'bilinear';
  /** Quality of a JPEG round trip before resampling, or none: raw camera pipe. */
  readonly jpegQuality: number | undefined;
  /** Cut a part with the export's aspect, so many times smaller than the picture; 1 keeps the whole. */
  readonly zoom: number;
};

/**
 * `demo`: as the live cameras show; `training`: hard; `mixed`: 35 % demo, the rest hard; `regions`: parts cut from both
 * at the live camera's resolution, as the edge looks at places where something moves.
 */
export const EXPORT_MIXES = ['demo', 'training', 'mixed', 'regions'] as const;
export type ExportMix = (typeof EXPORT_MIXES)[number];

/** Pictures taken of one background. */
export const PICTURES_PER_SCENE = 3;
// The demo's camera delivers this; what is trained for it must have been drawn at this size and shrunk.
const LIVE_WIDTH_PX = 640;
const LIVE_HEIGHT_PX = 480;
const DEMO_SHARE: Readonly<Record<ExportMix, number>> = { demo: 1, training: 0, mixed: 0.35, regions: 0.6 };
const DRAWN_LARGE_SHARE = 0.4;
const JPEG_SHARE = 0.3;
// 640 pixels over the model's 256: the edge never looks closer than one picture pixel per model pixel.
const ZOOM_MAX = 2.5;
// Ten minutes at 10 frames a second, about one simulated day.
const DEMO_FRAMES = 6000;

/** Plans the pictures of one scene, `scene` counted from 0. */
export function planScene(
  seed: string | number,
  scene: number,
  mix: ExportMix,
  widthPx: number,
  heightPx: number,
): PictureRecipe[] {
  const random = new Random(`export/${seed}/${scene}`);
  const share = DEMO_SHARE[mix];
  const demo = share === 1 || (share > 0 && random.chance(share));
  const live = demo || mix === 'regions' || random.chance(DRAWN_LARGE_SHARE);
  const frames = Array.from({ length: PICTURES_PER_SCENE }, (_, i) => (demo ? random.int(DEMO_FRAMES) : i));
  frames.sort((a, b) => a - b);
  return frames.map((frameIndex) => ({
    sceneSeed: `${seed}/${scene}`,
    difficulty: demo ? 'demo' : 'training',
    frameIndex,
    drawWidthPx: live ? LIVE_WIDTH_PX : widthPx,
    drawHeightPx: live ? LIVE_HEIGHT_PX : heightPx,
    method: random.chance(0.5) ? 'area' : 'bilinear',
    jpegQuality: random.chance(JPEG_SHARE) ? 55 + random.int(40) : undefined,
    zoom: mix === 'regions' ? ZOOM_MAX ** random.next() : 1,
  }));
}
