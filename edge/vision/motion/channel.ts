import type { MotionSettings } from '../config.js';
import { Background, type BackgroundStep } from './background.js';
import type { Shift } from './camera-shake.js';
import { fitLight, type LightChange } from './light-model.js';
import { NoiseMeter } from './noise-meter.js';

// 5 standard deviations: 19,200 normal cells pass it once in 90 frames, and a patch needs a dozen of them together.
const NOISE_GAIN = 5;
const SAME_LIGHT: LightChange = { gain: 1, offset: 0 };

/** One plane of the picture (luma or chroma) with its noise, light and background. */
export class Channel {
  readonly background: Background;
  readonly #noise = new NoiseMeter();
  readonly #settings: MotionSettings;
  readonly #ignored: Uint8Array;
  #step: BackgroundStep;

  /** @param ignored 1 where a cell is masked; shared, not changed. */
  constructor(widthCells: number, heightCells: number, ignored: Uint8Array, settings: MotionSettings) {
    const { backgroundTauMs, absorbAfterMs, threshold } = settings;
    this.background = new Background(widthCells, heightCells);
    this.#ignored = ignored;
    this.#settings = settings;
    this.#step = { dtMs: 0, thresholdLevels: threshold, light: SAME_LIGHT, backgroundTauMs, absorbAfterMs };
  }

  get light(): LightChange {
    return this.#step.light;
  }

  get thresholdLevels(): number {
    return this.#step.thresholdLevels;
  }

  /** Takes in the noise between two frames. @returns it, grey levels. */
  measureNoise(before: Float32Array, now: Float32Array, dtMs: number): number {
    const noiseLevels = this.#noise.read(before, now, this.#ignored, dtMs);
    const thresholdLevels = Math.max(this.#settings.threshold, NOISE_GAIN * noiseLevels);
    this.#step = { ...this.#step, dtMs, thresholdLevels };
    return noiseLevels;
  }

  /** Fits the light of a frame to the background. */
  fitLight(now: Float32Array): void {
    this.#step = { ...this.#step, light: fitLight(this.background.mean, now, this.#ignored) };
  }

  /** Marks the changed cells; call `measureNoise` and `fitLight` before. */
  classify(now: Float32Array, shift: Shift): void {
    this.background.classify(now, this.#step, shift, this.#ignored);
  }

  /** Learns from the frame that was classified last. @param dtMs since the last frame that was learned from. */
  learn(now: Float32Array, dtMs: number): void {
    this.background.learn(now, { ...this.#step, dtMs });
  }
}
