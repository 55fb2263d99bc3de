import type { RgbPicture } from '../../capture/frame.js';
import type { BoxXyxyPx } from '../box.js';
import type { MotionSettings } from '../config.js';
import { type PolygonUnit, polygonContains } from '../polygon.js';
import { findShift, NO_SHIFT, type Shift } from './camera-shake.js';
import { type CellPlane, createCellPlane, fillCellPlane } from './cell-plane.js';
import { Channel } from './channel.js';
import { ComponentFinder } from './components.js';
import type { LightChange } from './light-model.js';

/** What the gate says about one frame. */
export type MotionReading = {
  /**
   * calibrating: the first pictures are being averaged. disturbed: light, IR switch or a push changed most of the
   * picture. In both the boxes are empty and say nothing: whoever saves work by them must look at the whole picture.
   */
  readonly state: 'calibrating' | 'watching' | 'disturbed';
  /** Patches of change, largest first, in picture pixels. */
  readonly boxes: readonly BoxXyxyPx[];
  /** Changed cells over all that are not masked, 0..1. */
  readonly changedFraction: number;
  /** Standard deviation of the luma of a cell from frame to frame, grey levels. */
  readonly noiseLevels: number;
};

// Under this changed fraction nobody looks for a shaken camera.
const SHAKE_FRACTION_MIN = 0.015;
// A camera that stays shifted this long has been moved.
const SHIFTED_MS_MAX = 2000;
// After light or an IR switch the picture is taken as the new background once it stands still this long, or anyhow after 3 s.
const SETTLED_MS = 400;
const DISTURBED_MS_MAX = 3000;
const SETTLED_FRACTION = 0.05;
// Light that jumps by this much from one frame to the next (at mid grey, or in contrast) and still leaves a twentieth of
// the picture unexplained is a flash or a switch to infrared, however few cells stand out.
const LIGHT_JUMP_LEVELS = 25;
const LIGHT_JUMP_GAIN = 0.25;
const LIGHT_UNEXPLAINED = 0.05;
const MID_GREY = 110;
// A patch is motion while part of it still changes; the place a parked car left only differs.
const ACTIVE_FRACTION_MIN = 0.06;
const ACTIVE_CELLS_MIN = 3;
// A change fills its surroundings: at least 4 of 9 cells, which single hot pixels and rain streaks do not.
const NEIGHBOURS_MIN = 4;
// More patches than this is weather or a crowd; they are told as one box.
const BOXES_MAX = 24;
// A picture in which no cell has changed teaches little: learning from one in so long takes a third of the time at 5
// frames/s. The averages it moves have time constants of seconds; the one that has not tells only of changed cells.
const CALM_LEARN_MS = 450;
// After a pause (a camera that was away) the background learns as from this long a frame.
const DT_MS_MAX = 2000;

/**
 * Finds what changes in a camera's picture, on a plane of about 160 cells across. Not told as motion: slow or sudden
 * light, exposure, noise, a camera that trembles, what has come to rest, what is masked.
 */
export class MotionGate {
  readonly #settings: MotionSettings;
  #view: View | undefined;

  constructor(settings: MotionSettings) {
    this.#settings = settings;
  }

  /** Forgets the scene; the next picture starts a calibration. */
  reset(): void {
    this.#view = undefined;
  }

  /** Reads the next picture. A change of size starts afresh. @param monoMs capture time, monotonic. */
  read(picture: RgbPicture, monoMs: number): MotionReading {
    let view = this.#view;
    if (view === undefined || !view.fits(picture)) {
      view = new View(picture, this.#settings, monoMs);
      this.#view = view;
    }
    return view.read(picture, monoMs);
  }
}

/** The gate for one picture size: all buffers are made once. */
class View {
  readonly #settings: MotionSettings;
  readonly #widthPx: number;
  readonly #heightPx: number;
  readonly #ignored: Uint8Array;
  readonly #watchedCells: number;
  readonly #luma: Channel;
  readonly #chroma: Channel;
  readonly #changed: Uint8Array;
  readonly #active: Uint8Array;
  readonly #solid: Uint8Array;
  readonly #components: ComponentFinder;
  readonly #startedMonoMs: number;
  #now: CellPlane;
  #before: CellPlane;
  #lastMonoMs: number;
  #frames = 0;
  #isCalibrated = false;
  #disturbedMs = -1;
  #settledMs = 0;
  // Light of the last frame that was not disturbed.
  #light: LightChange = { gain: 1, offset: 0 };
  #shiftedMs = 0;
  #unlearnedMs = 0;

  constructor(picture: RgbPicture, settings: MotionSettings, monoMs: number) {
    this.#settings = settings;
    this.#widthPx = picture.widthPx;
    this.#heightPx = picture.heightPx;
    this.#now = createCellPlane(picture.widthPx, picture.heightPx);
    this.#before = createCellPlane(picture.widthPx, picture.heightPx);
    const { widthCells, heightCells } = this.#now;
    this.#ignored = rasteriseMasks(settings.masks, widthCells, heightCells);
    this.#watchedCells = Math.max(1, this.#ignored.length - this.#ignored.reduce((sum, cell) => sum + cell, 0));
    this.#luma = new Channel(widthCells, heightCells, this.#ignored, settings);
    this.#chroma = new Channel(widthCells, heightCells, this.#ignored, settings);
    this.#changed = new Uint8Array(widthCells * heightCells);
    this.#active = new Uint8Array(widthCells * heightCells);
    this.#solid = new Uint8Array(widthCells * heightCells);
    this.#components = new ComponentFinder(widthCells, heightCells);
    this.#startedMonoMs = monoMs;
    this.#lastMonoMs = monoMs;
  }

  fits(picture: RgbPicture): boolean {
    return picture.widthPx === this.#widthPx && picture.heightPx === this.#heightPx;
  }

  read(picture: RgbPicture, monoMs: number): MotionReading {
    [this.#before, this.#now] = [this.#now, this.#before];
    fillCellPlane(this.#now, picture);
    const dtMs = Math.min(DT_MS_MAX, Math.max(0, monoMs - this.#lastMonoMs));
    this.#lastMonoMs = monoMs;
    this.#frames++;
    if (this.#frames === 1) {
      this.#adopt();
      return { state: 'calibrating', boxes: [], changedFraction: 0, noiseLevels: 0 };
    }
    const noiseLevels = this.#luma.measureNoise(this.#before.luma, this.#now.luma, dtMs);
    this.#chroma.measureNoise(this.#before.chroma, this.#now.chroma, dtMs);
    if (!this.#isCalibrated) {
      this.#luma.background.average(this.#now.luma, this.#frames);
      this.#chroma.background.average(this.#now.chroma, this.#frames);
      this.#isCalibrated = monoMs - this.#startedMonoMs >= this.#settings.calibrateMs;
      return { state: 'calibrating', boxes: [], changedFraction: 0, noiseLevels };
    }
    this.#luma.fitLight(this.#now.luma);
    this.#chroma.fitLight(this.#now.chroma);
    const { changedFraction, isShifted } = this.#classify(dtMs);
    if (this.#isDisturbed(changedFraction, dtMs)) {
      return { state: 'disturbed', boxes: [], changedFraction, noiseLevels };
    }
    if (!isShifted) this.#learn(dtMs, changedFraction > 0);
    const boxes = changedFraction > 0 ? this.#boxes() : [];
    return { state: 'watching', boxes, changedFraction, noiseLevels };
  }

  #adopt(): void {
    this.#luma.background.adopt(this.#now.luma);
    this.#chroma.background.adopt(this.#now.chroma);
  }

  #learn(dtMs: number, isChanged: boolean): void {
    this.#unlearnedMs += dtMs;
    if (!isChanged && this.#unlearnedMs < CALM_LEARN_MS) return;
    this.#luma.learn(this.#now.luma, this.#unlearnedMs);
    this.#chroma.learn(this.#now.chroma, this.#unlearnedMs);
    this.#unlearnedMs = 0;
    const luma = this.#luma.background.active;
    const chroma = this.#chroma.background.active;
    for (let i = 0; i < this.#active.length; i++) this.#active[i] = (luma[i] ?? 0) | (chroma[i] ?? 0);
  }

  #classify(dtMs: number): { changedFraction: number; isShifted: boolean } {
    let changed = this.#mark(NO_SHIFT);
    let isShifted = false;
    if (changed > SHAKE_FRACTION_MIN * this.#watchedCells) {
      const { widthCells, heightCells, luma } = this.#now;
      const shift = findShift(this.#luma.background.mean, luma, widthCells, heightCells, this.#luma.light);
      isShifted = shift.dx !== 0 || shift.dy !== 0;
      if (isShifted) changed = this.#mark(shift);
    }
    this.#shiftedMs = isShifted ? this.#shiftedMs + dtMs : 0;
    if (this.#shiftedMs > SHIFTED_MS_MAX) {
      this.#adopt();
      this.#changed.fill(0);
      this.#shiftedMs = 0;
      changed = 0;
    }
    return { changedFraction: changed / this.#watchedCells, isShifted };
  }

  #mark(shift: Shift): number {
    this.#luma.classify(this.#now.luma, shift);
    this.#chroma.classify(this.#now.chroma, shift);
    const luma = this.#luma.background.changed;
    const chroma = this.#chroma.background.changed;
    let count = 0;
    for (let i = 0; i < this.#changed.length; i++) {
      const cell = (luma[i] ?? 0) | (chroma[i] ?? 0);
      this.#changed[i] = cell;
      count += cell;
    }
    return count;
  }

  // A flash goes back to the old background by itself; whatever stays is the new one as soon as it stands still.
  #isDisturbed(changedFraction: number, dtMs: number): boolean {
    const limit = this.#settings.lightningFraction;
    const isJump = isLightJump(this.#light, this.#luma.light) && changedFraction > LIGHT_UNEXPLAINED;
    if (this.#disturbedMs < 0) {
      const isCalm = changedFraction <= limit && !isJump;
      if (isCalm) this.#light = this.#luma.light;
      else this.#settledMs = 0;
      this.#disturbedMs = isCalm ? -1 : 0;
      return !isCalm;
    }
    if (changedFraction < limit / 2 && !isJump) {
      this.#disturbedMs = -1;
      return false;
    }
    this.#disturbedMs += dtMs;
    const isSettled = this.#fractionSinceBefore() < SETTLED_FRACTION;
    this.#settledMs = isSettled ? this.#settledMs + dtMs : 0;
    if (this.#settledMs >= SETTLED_MS || this.#disturbedMs >= DISTURBED_MS_MAX) {
      this.#adopt();
      this.#light = { gain: 1, offset: 0 };
      this.#disturbedMs = -1;
    }
    return true;
  }

  #fractionSinceBefore(): number {
    const now = this.#now.luma;
    const before = this.#before.luma;
    const thresholdLevels = this.#luma.thresholdLevels;
    let changed = 0;
    for (let i = 0; i < now.length; i++) {
      if (this.#ignored[i] === 0 && Math.abs((now[i] ?? 0) - (before[i] ?? 0)) > thresholdLevels) changed++;
    }
    return changed / this.#watchedCells;
  }

  #boxes(): BoxXyxyPx[] {
    const { widthCells, heightCells, cellPx } = this.#now;
    keepSolid(this.#changed, this.#solid, widthCells, heightCells);
    const areaMin = Math.max(2, this.#settings.areaMin * this.#solid.length);
    const boxes: BoxXyxyPx[] = [];
    for (const patch of this.#components.find(this.#solid, this.#active, areaMin)) {
      if (patch.areaActive < Math.max(ACTIVE_CELLS_MIN, ACTIVE_FRACTION_MIN * patch.area)) continue;
      boxes.push([patch.x1 * cellPx, patch.y1 * cellPx, (patch.x2 + 1) * cellPx, (patch.y2 + 1) * cellPx]);
    }
    return boxes.length > BOXES_MAX ? [unionOf(boxes)] : boxes;
  }
}

function isLightJump(a: LightChange, b: LightChange): boolean {
  const levels = (a.gain - b.gain) * MID_GREY + a.offset - b.offset;
  return Math.abs(levels) > LIGHT_JUMP_LEVELS || Math.abs(a.gain - b.gain) > LIGHT_JUMP_GAIN;
}

function keepSolid(from: Uint8Array, to: Uint8Array, width: number, height: number): void {
  to.fill(0);
  for (let y = 0; y < height; y++) {
    const yFrom = Math.max(0, y - 1);
    const yTo = Math.min(height - 1, y + 1);
    for (let x = 0; x < width; x++) {
      if (from[y * width + x] !== 1) continue;
      const xFrom = Math.max(0, x - 1);
      const xTo = Math.min(width - 1, x + 1);
      let count = 0;
      for (let ny = yFrom; ny <= yTo; ny++) for (let nx = xFrom; nx <= xTo; nx++) count += from[ny * width + nx] ?? 0;
      if (count >= NEIGHBOURS_MIN) to[y * width + x] = 1;
    }
  }
}

function rasteriseMasks(masks: readonly PolygonUnit[], widthCells: number, heightCells: number): Uint8Array {
  const ignored = new Uint8Array(widthCells * heightCells);
  for (let y = 0; y < heightCells; y++) {
    for (let x = 0; x < widthCells; x++) {
      const isMasked = masks.some((mask) => polygonContains(mask, (x + 0.5) / widthCells, (y + 0.5) / heightCells));
      if (isMasked) ignored[y * widthCells + x] = 1;
    }
  }
  return ignored;
}

function unionOf(boxes: readonly BoxXyxyPx[]): BoxXyxyPx {
  let [x1, y1, x2, y2] = [Infinity, Infinity, -Infinity, -Infinity];
  for (const box of boxes) {
    x1 = Math.min(x1, box[0]);
    y1 = Math.min(y1, box[1]);
    x2 = Math.max(x2, box[2]);
    y2 = Math.max(y2, box[3]);
  }
  return [x1, y1, x2, y2];
}
