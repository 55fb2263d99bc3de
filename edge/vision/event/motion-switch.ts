import type { MotionReading } from '../motion/motion-gate.js';

// One frame with a patch is a bird or a glitch of the encoder; two in a row are motion.
const FRAMES_ON = 2;

/** Motion as the topic tells it: ON at once, OFF after a quiet time. */
export class MotionSwitch {
  readonly #offDelayMs: number;
  #isOn = false;
  #frames = 0;
  #lastMonoMs = 0;

  constructor(offDelayMs: number) {
    this.#offDelayMs = offDelayMs;
  }

  get state(): 'ON' | 'OFF' {
    return this.#isOn ? 'ON' : 'OFF';
  }

  /** Takes in one reading. While the gate is unsure nothing changes. @returns the new state when it changed. */
  update(reading: MotionReading, monoMs: number): 'ON' | 'OFF' | undefined {
    if (reading.state !== 'watching') return undefined;
    const isMoving = reading.boxes.length > 0;
    this.#frames = isMoving ? this.#frames + 1 : 0;
    if (this.#frames >= FRAMES_ON || (this.#isOn && isMoving)) this.#lastMonoMs = monoMs;
    if (!this.#isOn && this.#frames >= FRAMES_ON) return this.#turn(true);
    if (this.#isOn && !isMoving && monoMs - this.#lastMonoMs >= this.#offDelayMs) return this.#turn(false);
    return undefined;
  }

  /** Turns OFF now, as when the camera is lost. @returns `OFF` when it was ON. */
  end(): 'OFF' | undefined {
    this.#frames = 0;
    if (!this.#isOn) return undefined;
    this.#isOn = false;
    return 'OFF';
  }

  #turn(isOn: boolean): 'ON' | 'OFF' {
    this.#isOn = isOn;
    return this.state;
  }
}
