import { Random } from '../../base/random.js';
import { type Actor, drawActor, drawShadow, labelsOf } from './actor.js';
import { paintPark } from './backdrops/park.js';
import { paintRoom } from './backdrops/room.js';
import { SCENE_FAMILIES, type SceneFamily, type SceneLabel, type Stage, type StageOptions } from './backdrops/stage.js';
import { paintStreet } from './backdrops/street.js';
import { paintYard } from './backdrops/yard.js';
import { Canvas, FIGURES_MAX } from './canvas.js';
import { Cast } from './cast.js';
import { strewCrowd } from './crowd.js';
import { type Light, LightMap, lightAt } from './light.js';
import { Pen } from './pen.js';
import { drawRain, expose, type SensorState } from './sensor.js';
import { type Materials, makeMaterials } from './texture.js';
import type { BoxPx, TruthObject } from './truth.js';

/** How hard the scene is to a detector; `demo` is a live film, `training` a new arrangement in every frame. */
export type SceneDifficulty = 'demo' | 'training';

export type SceneCameraOptions = {
  readonly seed: string | number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly fps: number;
  /** Default: chosen by the seed. */
  readonly family?: SceneFamily;
  readonly difficulty: SceneDifficulty;
  /** Shared between cameras to save the 100 ms of making them; the pictures do not depend on it. */
  readonly materials?: Materials;
};

export type SceneFrame = {
  /** u8 [height, width, 3], RGB, newly allocated: the caller may keep it. */
  readonly rgb: Uint8Array;
  /** Everything visible, even one pixel of it; ordered by actor. */
  readonly truth: TruthObject[];
};

/** Traits of one camera and its weather, drawn once from the seed. */
type Mood = {
  readonly sunAtStart: number;
  readonly dayLengthS: number;
  readonly warmth: number;
  readonly slant: number;
  readonly rain: number;
  readonly rainSlant: number;
  readonly flicker: number;
  readonly shake: number;
  readonly noiseSigma: number;
};

const PAINTERS: Readonly<Record<SceneFamily, (options: StageOptions) => Stage>> = {
  street: paintStreet,
  room: paintRoom,
  park: paintPark,
  yard: paintYard,
};

/**
 * A simulated camera: draws seeded scenes and knows what is in them.
 *
 * The background is painted once; a frame copies it and adds shadows, actors from far to near, what stands in front of
 * them, rain, light and sensor noise. The same options and index always give the same frame; asking for an earlier index
 * than the last one starts the scene over and costs no more than a frame.
 */
export class SceneCamera {
  readonly stage: Stage;
  readonly #options: SceneCameraOptions;
  readonly #random: Random;
  readonly #materials: Materials;
  readonly #canvas: Canvas;
  readonly #pen: Pen;
  readonly #lightMap: LightMap;
  readonly #mood: Mood;
  #cast: Cast;
  #lastIndex = -1;
  #drawn: ReadonlyMap<number, [Actor, SceneLabel]> = new Map();

  constructor(options: SceneCameraOptions) {
    this.#options = options;
    this.#random = new Random(`scene/${options.seed}`);
    this.#materials = options.materials ?? makeMaterials();
    const random = this.#random.fork('stage');
    const training = options.difficulty === 'training';
    const family = options.family ?? random.pick(SCENE_FAMILIES);
    this.stage = PAINTERS[family]({
      widthPx: options.widthPx,
      heightPx: options.heightPx,
      random,
      materials: this.#materials,
      zoom: training ? 0.3 * 4.3 ** random.next() : 1,
      propsMax: training ? 8 : 2,
      shakePx: Math.ceil(options.heightPx / 60),
    });
    // Wide enough that even a car half outside the picture is counted in full.
    this.#canvas = new Canvas(options.widthPx, options.heightPx, Math.round(options.widthPx * 0.4));
    this.#pen = new Pen(this.#canvas);
    this.#lightMap = new LightMap(this.stage, random.fork('vignette'));
    this.#mood = makeMood(this.#random.fork('mood'), training);
    this.#cast = new Cast(this.stage, this.#random.fork('cast'));
  }

  get family(): SceneFamily {
    return this.stage.family;
  }

  /** Draws frame `index` (from 0); scene time is index / fps. */
  frame(index: number): SceneFrame {
    const random = this.#random.fork(`frame${index}`);
    const training = this.#options.difficulty === 'training';
    const timeS = index / this.#options.fps;
    if (index < this.#lastIndex) this.#cast = new Cast(this.stage, this.#random.fork('cast'));
    this.#lastIndex = index;
    const mood = training ? makeMood(random.fork('mood'), true) : this.#mood;
    const light = training ? this.#randomLight(mood) : this.#lightOfDay(timeS);
    const actors = training ? strewCrowd(this.stage, random.fork('crowd')) : this.#cast.at(timeS, light.night);
    const shake = this.#shakeAt(index, mood, random);
    const drawn = this.#draw(actors, light, shake);
    if (mood.rain > 0 && !this.stage.indoor) drawRain(this.#canvas, mood.rain, mood.rainSlant, random.fork('rain'));
    const sensor = sensorOf(mood, light, training, timeS, random.fork('sensor'));
    const rgb = expose(this.#canvas, this.#lightMap.under(light), sensor, this.#materials, random.fork('noise'));
    this.#drawn = drawn;
    return { rgb, truth: this.truthWithin([0, 0, this.#options.widthPx, this.#options.heightPx]) };
  }

  /**
   * What is visible in a part of the frame drawn last: as if a camera showed only that window. Boxes stay in pixels of
   * the whole picture.
   * @param window x1, y1 inclusive, x2, y2 exclusive, whole pixels inside the picture.
   */
  truthWithin(window: BoxPx): TruthObject[] {
    const visible = this.#canvas.countVisible(window);
    const truth: TruthObject[] = [];
    for (const [id, [actor, label]] of this.#drawn) {
      const seen = visible[id];
      const whole = this.#canvas.alone(id);
      if (seen === undefined || seen.pixels === 0) continue;
      truth.push({
        // Two objects may share an actor: a rider's bicycle is numbered beside its rider.
        actorId: actor.actorId * 2 + (label === 'bicycle' && actor.look.kind === 'rider' ? 1 : 0),
        label,
        boxXyxyPx: [seen.x1, seen.y1, seen.x2, seen.y2],
        wholeBoxXyxyPx: [whole.x1, whole.y1, whole.x2, whole.y2],
        visiblePixels: seen.pixels,
        visible: seen.pixels / whole.pixels,
      });
    }
    return truth.sort((a, b) => a.actorId - b.actorId);
  }

  #lightOfDay(timeS: number): Light {
    const { sunAtStart, dayLengthS, warmth, slant } = this.#mood;
    // A soft day curve between night 0.22 and noon 1: the demo never gets so dark that people could not see it.
    const angle = 2 * Math.PI * (timeS / dayLengthS + sunAtStart);
    return lightAt(0.61 + 0.39 * Math.sin(angle), warmth, slant * Math.cos(angle), this.stage.indoor);
  }

  #randomLight(mood: Mood): Light {
    return lightAt(mood.sunAtStart ** 0.7, mood.warmth, mood.slant, this.stage.indoor);
  }

  #shakeAt(index: number, mood: Mood, random: Random): readonly [number, number] {
    if (mood.shake === 0) return [0, 0];
    const m = this.stage.shakePx;
    // A gust every so often, not a permanent tremble.
    const gust = Math.max(0, Math.sin(index * 0.05) - 0.6) * 2.5;
    const one = (): number => Math.round(Math.max(-m, Math.min(m, random.normal() * mood.shake * gust * m)));
    return [one(), one()];
  }

  #draw(actors: readonly Actor[], light: Light, [dx, dy]: readonly [number, number]): Map<number, [Actor, SceneLabel]> {
    const canvas = this.#canvas;
    const { background, shakePx, occluders, view } = this.stage;
    const shifted = { ...view, horizonPx: view.horizonPx - dy };
    const left = shakePx + dx;
    const top = shakePx + dy;
    for (let y = 0; y < view.heightPx; y++) {
      const from = ((y + top) * background.widthPx + left) * 3;
      canvas.rgb.set(background.rgb.subarray(from, from + view.widthPx * 3), y * view.widthPx * 3);
    }
    canvas.clearIds();
    const moved = actors.map((actor) => ({
      ...actor,
      pose: { ...actor.pose, xM: actor.pose.xM - (dx * actor.pose.zM) / view.focalPx },
    }));
    for (const actor of moved) drawShadow(canvas, shifted, actor, light.shadow);
    const drawn = new Map<number, [Actor, SceneLabel]>();
    const depth = [
      ...moved.map((actor) => ({ zM: actor.pose.zM, actor, spans: undefined })),
      ...occluders.map((occluder) => ({ zM: occluder.zM, actor: undefined, spans: occluder.spans })),
    ].sort((a, b) => b.zM - a.zM);
    let nextId = 1;
    for (const item of depth) {
      if (item.spans !== undefined) {
        canvas.restore(item.spans, background, left, top);
        continue;
      }
      const labels = labelsOf(item.actor.look.kind);
      if (nextId + labels.length - 1 > FIGURES_MAX) continue;
      drawActor(this.#pen, shifted, item.actor, nextId);
      for (const label of labels) drawn.set(nextId++, [item.actor, label]);
    }
    return drawn;
  }
}

function makeMood(random: Random, training: boolean): Mood {
  return {
    sunAtStart: random.next(),
    // A demo day lasts 8 to 14 minutes: night comes while one watches, but no light jumps.
    dayLengthS: random.range(480, 840),
    warmth: random.next(),
    slant: random.range(-0.9, 0.9),
    rain: random.chance(training ? 0.15 : 0.2) ? random.range(0.2, training ? 1 : 0.6) : 0,
    rainSlant: random.range(-0.5, 0.5),
    flicker: random.chance(0.25) ? random.range(0.01, 0.035) : 0,
    shake: random.chance(0.3) ? random.range(0.1, 0.5) : 0,
    noiseSigma: training ? 22 * random.next() ** 1.6 : random.range(1.5, 5),
  };
}

function sensorOf(mood: Mood, light: Light, training: boolean, timeS: number, random: Random): SensorState {
  const exposure = training ? random.range(0.75, 1.25) : 1;
  // Lamps on mains: a slow beat between mains and shutter.
  const beat = 1 + mood.flicker * Math.sin(timeS * 17);
  const tint = (): number => (training ? random.range(0.88, 1.12) : 1) * exposure * beat;
  return {
    // Little light is amplified, and the noise with it.
    noiseSigma: mood.noiseSigma * (light.night && !training ? 1.5 : 1),
    softNoise: mood.sunAtStart < 0.5,
    gain: [tint(), tint(), tint()],
    offset: training ? random.range(-6, 14) : 0,
  };
}
