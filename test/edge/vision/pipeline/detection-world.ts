import { Random } from '../../../../base/random.js';
import type { RgbPicture } from '../../../../edge/capture/frame.js';
import { type BoxXyxyPx, iou } from '../../../../edge/vision/box.js';
import type { Detection } from '../../../../edge/vision/detection.js';
import type { Detector } from '../../../../edge/vision/detector.js';

export const WORLD_WIDTH_PX = 640;
export const WORLD_HEIGHT_PX = 480;
const LABELS: readonly string[] = ['person', 'car', 'truck', 'dog'];

/** An object with a straight path: where its centre is at a time, or undefined while it is not there. */
export type WorldObject = {
  readonly label: string;
  readonly fromS: number;
  readonly untilS: number;
  readonly x: number;
  readonly y: number;
  readonly speedX: number;
  readonly speedY: number;
  readonly width: number;
  readonly height: number;
};

export type WorldFaults = {
  /** Chance that an object is missed in a frame. */
  readonly miss: number;
  /** Chance per second that an object is missed for 0.2 to 1.2 s on end. */
  readonly dropout: number;
  /** False detections per frame, each somewhere else. */
  readonly ghosts: number;
  /** Deviation of box edges, share of the object's size. */
  readonly jitter: number;
  /** Chance that a car is called a truck. */
  readonly flip: number;
};

export const NO_FAULTS: WorldFaults = { miss: 0, dropout: 0, ghosts: 0, jitter: 0, flip: 0 };

export function boxAt(object: WorldObject, atS: number): BoxXyxyPx | undefined {
  if (atS < object.fromS || atS >= object.untilS) return undefined;
  const x = object.x + object.speedX * (atS - object.fromS);
  const y = object.y + object.speedY * (atS - object.fromS);
  const box: BoxXyxyPx = [
    Math.max(0, x - object.width / 2),
    Math.max(0, y - object.height / 2),
    Math.min(WORLD_WIDTH_PX, x + object.width / 2),
    Math.min(WORLD_HEIGHT_PX, y + object.height / 2),
  ];
  return box[2] - box[0] > 0.3 * object.width && box[3] - box[1] > 0.3 * object.height ? box : undefined;
}

/** A detector that looks at known objects instead of pixels, with the faults of a real one, drawn from a seed. */
export class WorldDetector implements Detector {
  readonly labels = LABELS;
  readonly inputWidthPx = 416;
  readonly inputHeightPx = 416;
  readonly #objects: readonly WorldObject[];
  readonly #faults: WorldFaults;
  readonly #random: Random;
  readonly #blindUntilS = new Map<WorldObject, number>();
  #atS = 0;
  #lastS = 0;

  constructor(objects: readonly WorldObject[], faults: WorldFaults, seed: string | number) {
    this.#objects = objects;
    this.#faults = faults;
    this.#random = new Random(seed);
  }

  /** Sets the time of the picture that is looked at next. */
  moveTo(atS: number): void {
    this.#lastS = this.#atS;
    this.#atS = atS;
  }

  async detect(): Promise<readonly Detection[]> {
    const found: Detection[] = [];
    // Nearer objects (feet lower in the picture) hide those behind them.
    const seen = this.#objects
      .map((object) => ({ object, box: boxAt(object, this.#atS) }))
      .filter((entry): entry is { object: WorldObject; box: BoxXyxyPx } => entry.box !== undefined)
      .sort((a, b) => b.box[3] - a.box[3]);
    const nearer: BoxXyxyPx[] = [];
    for (const { object, box } of seen) {
      const isHidden = nearer.some((other) => iou(other, box) > 0.45);
      nearer.push(box);
      if (!isHidden && !this.#isMissed(object)) found.push(this.#detection(object, box));
    }
    if (this.#random.chance(this.#faults.ghosts)) found.push(this.#ghost());
    return found.sort((a, b) => b.score - a.score);
  }

  async close(): Promise<void> {}

  #isMissed(object: WorldObject): boolean {
    if (this.#random.chance(this.#faults.dropout * Math.max(0, this.#atS - this.#lastS))) {
      this.#blindUntilS.set(object, this.#atS + this.#random.range(0.2, 1.2));
    }
    return this.#atS < (this.#blindUntilS.get(object) ?? 0) || this.#random.chance(this.#faults.miss);
  }

  #detection(object: WorldObject, box: BoxXyxyPx): Detection {
    const wobble = (edge: number, size: number) => edge + this.#faults.jitter * size * this.#random.normal();
    const isFlipped = object.label === 'car' && this.#random.chance(this.#faults.flip);
    const label = isFlipped ? 'truck' : object.label;
    const score = Math.min(0.98, Math.max(0.35, 0.75 + 0.1 * this.#random.normal()));
    return {
      classId: LABELS.indexOf(label),
      label,
      score,
      box: [
        wobble(box[0], object.width),
        wobble(box[1], object.height),
        wobble(box[2], object.width),
        wobble(box[3], object.height),
      ],
    };
  }

  #ghost(): Detection {
    const x = this.#random.range(0, WORLD_WIDTH_PX - 60);
    const y = this.#random.range(0, WORLD_HEIGHT_PX - 100);
    return { classId: 0, label: 'person', score: this.#random.range(0.3, 0.8), box: [x, y, x + 60, y + 100] };
  }
}

/** A picture nobody looks into: its size is all that counts. */
export const BLANK: RgbPicture = {
  kind: 'rgb',
  widthPx: WORLD_WIDTH_PX,
  heightPx: WORLD_HEIGHT_PX,
  data: new Uint8Array(0),
};
