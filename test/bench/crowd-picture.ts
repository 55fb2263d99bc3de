import { SceneCamera } from '../../firmware-sim/scene/scene-camera.js';

/** A loop of pictures in which so many people sway. `rgb`: u8 [frames, height, width, 3], one after the other. */
export type Crowd = {
  readonly rgb: Uint8Array;
  readonly frames: number;
  readonly widthPx: number;
  readonly heightPx: number;
};

const WIDTH_PX = 640;
const HEIGHT_PX = 480;
const FPS = 5;
/** One sway; the loop begins anew without a jump. */
const LOOP_FRAMES = 20;
const SWAY_PX = 8;
const COLUMNS = 8;
/** More than this do not fit side by side. */
export const CROWD_MAX = 32;
/** A room that is empty at first, and somebody who stands whole and alone in it later, 98 pixels high. */
const SCENE = { seed: '3', family: 'room', emptyAt: 0, personAt: 115 } as const;
/** Ground around the person that is cut out with it. */
const AIR_PX = 6;

type Sprite = { readonly rgb: Uint8Array; readonly widthPx: number; readonly heightPx: number };

/** The same person of the simulated camera so many times over an empty scene, each swaying. 0 to `CROWD_MAX`. */
export function drawCrowd(people: number): Crowd {
  const { ground, sprite } = findPerson();
  const bytes = WIDTH_PX * HEIGHT_PX * 3;
  const rgb = new Uint8Array(bytes * LOOP_FRAMES);
  for (let frame = 0; frame < LOOP_FRAMES; frame++) {
    const picture = rgb.subarray(frame * bytes, (frame + 1) * bytes);
    picture.set(ground);
    for (let i = 0; i < people; i++) {
      const phase = (2 * Math.PI * (frame / LOOP_FRAMES + i / COLUMNS)) % (2 * Math.PI);
      const { x, y } = placeOf(i);
      paste(picture, sprite, Math.round(x - sprite.widthPx / 2 + SWAY_PX * Math.sin(phase)), y - sprite.heightPx / 2);
    }
  }
  return { rgb, frames: LOOP_FRAMES, widthPx: WIDTH_PX, heightPx: HEIGHT_PX };
}

function placeOf(index: number): { x: number; y: number } {
  const rows = CROWD_MAX / COLUMNS;
  // Spread: the first eight stand in every second column of two rows, and so on.
  const column = (index * 3) % COLUMNS;
  const row = Math.floor(index / COLUMNS);
  return { x: ((column + 0.5) * WIDTH_PX) / COLUMNS, y: Math.round(((row + 0.5) * HEIGHT_PX) / rows) };
}

function findPerson(): { ground: Uint8Array; sprite: Sprite } {
  const { seed, family, emptyAt, personAt } = SCENE;
  const size = { widthPx: WIDTH_PX, heightPx: HEIGHT_PX, fps: FPS };
  const camera = new SceneCamera({ ...size, seed, family, difficulty: 'demo' });
  const ground = camera.frame(emptyAt);
  const { rgb, truth } = camera.frame(personAt);
  const [person] = truth;
  if (ground.truth.length > 0 || truth.length !== 1 || person?.label !== 'person') {
    throw new Error(`scene ${seed}: not an empty room and one person`);
  }
  return { ground: ground.rgb, sprite: cut(rgb, ...person.boxXyxyPx) };
}

function cut(rgb: Uint8Array, x1: number, y1: number, x2: number, y2: number): Sprite {
  const [left, top] = [Math.floor(x1) - AIR_PX, Math.floor(y1) - AIR_PX];
  const widthPx = Math.ceil(x2) + AIR_PX - left;
  const heightPx = Math.ceil(y2) + AIR_PX - top;
  const out = new Uint8Array(widthPx * heightPx * 3);
  for (let y = 0; y < heightPx; y++) {
    const from = ((top + y) * WIDTH_PX + left) * 3;
    out.set(rgb.subarray(from, from + widthPx * 3), y * widthPx * 3);
  }
  return { rgb: out, widthPx, heightPx };
}

function paste(picture: Uint8Array, sprite: Sprite, left: number, top: number): void {
  const x = Math.min(Math.max(0, left), WIDTH_PX - sprite.widthPx);
  const y0 = Math.min(Math.max(0, Math.round(top)), HEIGHT_PX - sprite.heightPx);
  for (let y = 0; y < sprite.heightPx; y++) {
    const row = sprite.rgb.subarray(y * sprite.widthPx * 3, (y + 1) * sprite.widthPx * 3);
    picture.set(row, ((y0 + y) * WIDTH_PX + x) * 3);
  }
}
