import type { BoxXyxyPx } from '../box.js';

// All in object sizes (square root of the box area), so that near and far objects are filtered alike.
// A walker's size is about 1 m: 2 sizes/s^2 is a brisk start or stop, and a car's turn.
const ACCELERATION = 2;
// Boxes of small detectors breathe by some 4 % of their size from frame to frame (YOLOX-Nano on the clips: 2 to 6 %).
const MEASUREMENT = 0.04;
// Before the second sighting nothing is known of the speed: a cyclist passes 1.5 sizes/s.
const SPEED_START = 1.5;
const SIZE_ALPHA = 0.5;
// Nobody keeps their course for long behind an obstacle.
const COAST_TAU_MS = 2000;
const DT_MS_MAX = 1000;

type Axis = { at: number; speed: number; p00: number; p01: number; p11: number };

/** Where a box is and goes: a constant-velocity Kalman filter for each axis of its centre, smoothed width and height. */
export class MotionFilter {
  readonly #x: Axis;
  readonly #y: Axis;
  #widthPx: number;
  #heightPx: number;
  #monoMs: number;

  constructor(box: BoxXyxyPx, monoMs: number) {
    this.#widthPx = box[2] - box[0];
    this.#heightPx = box[3] - box[1];
    this.#monoMs = monoMs;
    const size = this.sizePx;
    this.#x = startAxis((box[0] + box[2]) / 2, size);
    this.#y = startAxis((box[1] + box[3]) / 2, size);
  }

  /** Square root of the box area. */
  get sizePx(): number {
    return Math.max(1, Math.sqrt(this.#widthPx * this.#heightPx));
  }

  /** Speed of the centre, pixels per second. */
  get speedPxS(): readonly [x: number, y: number] {
    return [this.#x.speed, this.#y.speed];
  }

  get box(): BoxXyxyPx {
    const halfWidth = this.#widthPx / 2;
    const halfHeight = this.#heightPx / 2;
    return [this.#x.at - halfWidth, this.#y.at - halfHeight, this.#x.at + halfWidth, this.#y.at + halfHeight];
  }

  /** Moves the state on to a time. @param isCoasting nobody has seen it lately: it slows down. */
  predict(monoMs: number, isCoasting: boolean): void {
    const dtMs = Math.min(DT_MS_MAX, Math.max(0, monoMs - this.#monoMs));
    this.#monoMs = Math.max(this.#monoMs, monoMs);
    const keep = isCoasting ? Math.exp(-dtMs / COAST_TAU_MS) : 1;
    const acceleration = ACCELERATION * this.sizePx;
    predictAxis(this.#x, dtMs / 1000, acceleration, keep);
    predictAxis(this.#y, dtMs / 1000, acceleration, keep);
  }

  /** Takes in where it was seen, at the time last predicted to. */
  correct(box: BoxXyxyPx): void {
    this.#widthPx += SIZE_ALPHA * (box[2] - box[0] - this.#widthPx);
    this.#heightPx += SIZE_ALPHA * (box[3] - box[1] - this.#heightPx);
    const variance = (MEASUREMENT * this.sizePx) ** 2;
    correctAxis(this.#x, (box[0] + box[2]) / 2, variance);
    correctAxis(this.#y, (box[1] + box[3]) / 2, variance);
  }
}

function startAxis(at: number, size: number): Axis {
  return { at, speed: 0, p00: (MEASUREMENT * size) ** 2, p01: 0, p11: (SPEED_START * size) ** 2 };
}

function predictAxis(axis: Axis, dtS: number, acceleration: number, keep: number): void {
  const q = acceleration * acceleration;
  axis.at += axis.speed * dtS;
  axis.speed *= keep;
  axis.p00 += 2 * dtS * axis.p01 + dtS * dtS * axis.p11 + (q * dtS ** 4) / 4;
  axis.p01 += dtS * axis.p11 + (q * dtS ** 3) / 2;
  axis.p11 += q * dtS * dtS;
}

function correctAxis(axis: Axis, measured: number, variance: number): void {
  const gain = axis.p00 / (axis.p00 + variance);
  const speedGain = axis.p01 / (axis.p00 + variance);
  const surprise = measured - axis.at;
  axis.at += gain * surprise;
  axis.speed += speedGain * surprise;
  axis.p11 -= speedGain * axis.p01;
  axis.p01 *= 1 - gain;
  axis.p00 *= 1 - gain;
}
