import type { Random } from '../../../base/random.js';
import { Canvas, type Paint } from '../canvas.js';
import type { PersonPose } from '../figures/person.js';
import { Pen } from '../pen.js';
import type { Materials } from '../texture.js';
import { groundX, groundY, pxPerM, type View } from '../view.js';
import { drawProp, type PropKind } from './props.js';

export const SCENE_FAMILIES = ['street', 'room', 'park', 'yard'] as const;
export type SceneFamily = (typeof SCENE_FAMILIES)[number];

/** What can be seen in a scene and is told in its truth. */
export const SCENE_LABELS = ['person', 'car', 'bicycle', 'dog'] as const;
export type SceneLabel = (typeof SCENE_LABELS)[number];

/** What an actor of a lane is: a rider is a person and a bicycle in one. */
export type ActorKind = 'person' | 'car' | 'bicycle' | 'rider' | 'dog';

/** A band of ground on which actors of some kinds move, between two scales in pixels per metre at 480 lines. */
export type Lane = {
  readonly kinds: readonly ActorKind[];
  readonly scaleFar: number;
  readonly scaleNear: number;
  /** `across` walks left or right, `along` towards the camera or away, `parked` stays. */
  readonly way: 'across' | 'along' | 'parked';
  /** Mean seconds between two actors in the demo. */
  readonly everyS: number;
};

/** Something that stands in front of what is deeper than it: runs of pixels of the background. */
export type Occluder = { readonly zM: number; readonly spans: Int32Array };

/** A lamp that lights a part of the picture at night: centre and radius in background pixels, colour 0 to 1. */
export type Lamp = {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly color: readonly [number, number, number];
};

/** A scene without its actors: painted once, then only copied. */
export type Stage = {
  readonly family: SceneFamily;
  readonly indoor: boolean;
  readonly view: View;
  /** Larger than the picture by `shakePx` on each side, so that a shaking camera has something to show. */
  readonly background: Canvas;
  readonly shakePx: number;
  readonly occluders: readonly Occluder[];
  readonly lanes: readonly Lane[];
  readonly lamps: readonly Lamp[];
};

export type StageOptions = {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly random: Random;
  readonly materials: Materials;
  /** All scales times this; 1 in the demo, smaller shows more of the world with smaller figures. */
  readonly zoom: number;
  readonly propsMax: number;
  /** Widest border kept free for camera shake, in pixels. */
  readonly shakePx: number;
};

/** Poses that a lane's way allows. */
export function viewOf(way: Lane['way'], towards: boolean): PersonPose['view'] {
  if (way !== 'along') return 'side';
  return towards ? 'front' : 'back';
}

// The id plane of the background numbers props from 1.
const PROPS_MAX = 30;

/** Paints a background: rectangles and polygons in pixels, ground patches and props in metres. */
export class StagePainter {
  readonly canvas: Canvas;
  readonly pen: Pen;
  readonly random: Random;
  readonly materials: Materials;
  /** The view of the background, which is the picture's moved by the shake border. */
  readonly view: View;
  /** Pixels of this picture per pixel of a 480-line picture. */
  readonly unit: number;
  readonly occluders: Occluder[] = [];
  readonly lamps: Lamp[] = [];
  readonly zoom: number;
  readonly #options: StageOptions;

  /** @param horizon row of the horizon as a share of the height. @param cameraHeightM eye height above the ground. */
  constructor(options: StageOptions, horizon: number, cameraHeightM: number) {
    const m = options.shakePx;
    this.#options = options;
    this.random = options.random;
    this.materials = options.materials;
    this.zoom = options.zoom;
    this.unit = options.heightPx / 480;
    this.canvas = new Canvas(options.widthPx + 2 * m, options.heightPx + 2 * m, 0);
    this.pen = new Pen(this.canvas);
    this.view = {
      widthPx: this.canvas.widthPx,
      heightPx: this.canvas.heightPx,
      horizonPx: horizon * options.heightPx + m,
      cameraHeightM: cameraHeightM / options.zoom,
      focalPx: 500 * this.unit,
    };
  }

  /** Distance of the ground whose scale is so many pixels per metre at 480 lines, before zoom. */
  zOf(scale: number): number {
    return this.view.focalPx / (scale * this.zoom * this.unit);
  }

  /** Row of that ground. */
  rowOf(scale: number): number {
    return groundY(this.view, this.zOf(scale));
  }

  /** Texture on a paint: texels of the tile per pixel at 480 lines. */
  grain(
    tile: keyof Pick<Materials, 'grain' | 'cloud' | 'leaf' | 'streak'>,
    amplitude: number,
    stepX: number,
    stepY = stepX,
  ): Pick<Paint, 'grain'> {
    return {
      grain: {
        tile: this.materials[tile],
        amplitude,
        stepX: stepX / this.unit,
        stepY: stepY / this.unit,
        originX: this.random.int(256),
        originY: this.random.int(256),
      },
    };
  }

  /** Fills a rectangle in background pixels. */
  rect(x1: number, y1: number, x2: number, y2: number, paint: Paint): void {
    this.polygon([x1, y1, x2, y1, x2, y2, x1, y2], paint);
  }

  /** Fills a polygon in background pixels. */
  polygon(points: readonly number[], paint: Paint): void {
    this.canvas.contour(points);
    this.canvas.paint(paint);
  }

  /** Fills a patch of ground between two x (metres) and two distances. */
  ground(x1: number, z1: number, x2: number, z2: number, paint: Paint): void {
    const v = this.view;
    this.polygon(
      [
        groundX(v, x1, z1),
        groundY(v, z1),
        groundX(v, x2, z1),
        groundY(v, z1),
        groundX(v, x2, z2),
        groundY(v, z2),
        groundX(v, x1, z2),
        groundY(v, z2),
      ],
      paint,
    );
  }

  /** Half the width of the world seen at a distance, in metres. */
  halfWidthAt(zM: number): number {
    return this.view.widthPx / 2 / pxPerM(this.view, zM);
  }

  /** Stands a prop on the ground; what passes behind it will be hidden by it. Props must be added far to near. */
  prop(kind: PropKind, xM: number, zM: number): void {
    const id = this.occluders.length + 1;
    if (id > PROPS_MAX) return;
    const v = this.view;
    const x = groundX(v, xM, zM);
    const y = groundY(v, zM);
    const scale = pxPerM(v, zM);
    this.canvas.contour(ellipse(x + 0.1 * scale, y, 0.5 * scale, 0.1 * scale));
    this.canvas.paint({ from: [10, 12, 16], alpha: 0.28 });
    this.pen.place(id, x, y, scale, this.random.chance(0.5));
    drawProp(kind, this.pen, this.random, this.materials);
    this.occluders.push({ zM, spans: this.canvas.spansOf(id) });
  }

  /** Scatters up to `propsMax` props of the given kinds between two scales, far to near. */
  scatter(kinds: readonly PropKind[], scaleFar: number, scaleNear: number): void {
    const count = this.random.int(this.#options.propsMax + 1);
    const scales = Array.from({ length: count }, () => this.random.range(scaleFar, scaleNear)).sort((a, b) => a - b);
    for (const scale of scales) {
      const z = this.zOf(scale);
      this.prop(this.random.pick(kinds), this.random.range(-1, 1) * this.halfWidthAt(z), z);
    }
  }

  lamp(x: number, y: number, radius: number, color: readonly [number, number, number]): void {
    this.lamps.push({ x, y, radius, color });
  }

  finish(family: SceneFamily, indoor: boolean, lanes: readonly Lane[]): Stage {
    const m = this.#options.shakePx;
    return {
      family,
      indoor,
      view: {
        ...this.view,
        widthPx: this.#options.widthPx,
        heightPx: this.#options.heightPx,
        horizonPx: this.view.horizonPx - m,
      },
      background: this.canvas,
      shakePx: m,
      occluders: this.occluders,
      lanes,
      lamps: this.lamps,
    };
  }
}

/** Points of an ellipse in pixels. */
export function ellipse(cx: number, cy: number, rx: number, ry: number): number[] {
  const points: number[] = [];
  for (let i = 0; i < 20; i++) {
    const t = (2 * Math.PI * i) / 20;
    points.push(cx + rx * Math.cos(t), cy + ry * Math.sin(t));
  }
  return points;
}
