import type { ThermalReading } from './thermal.js';

/** How a board is kept from throttling itself. */
export type CoolingLimits = {
  /** Work falls above this, degrees Celsius. */
  readonly temperatureMaxC: number;
  /** Never below this share of the time, 0..1. */
  readonly shareMin: number;
  /** Never above it, however cool the board is. */
  readonly shareMax: number;
};

/** How often the share is decided: a board's temperature follows its load within tens of seconds. */
export const COOLING_PERIOD_MS = 5_000;

// Down fast, up slowly, and only well below the limit: between them nothing changes, so that a board at its limit settles
// instead of swinging.
const STEP_DOWN = 0.1;
const STEP_UP = 0.05;
const THROTTLED_FACTOR = 0.7;
const HYSTERESIS_C = 5;

/**
 * The share of the time the detectors may work, 0..1, after one more reading. A board that cannot tell its temperature
 * works as much as it likes; one that already throttles itself has come too late and falls further.
 * @param previous the share before; `shareMax` at the start.
 */
export function decideShare(previous: number, reading: ThermalReading, limits: CoolingLimits): number {
  return Math.min(limits.shareMax, wantedShare(previous, reading, limits));
}

function wantedShare(previous: number, reading: ThermalReading, limits: CoolingLimits): number {
  const { temperatureC, throttled } = reading;
  if (throttled === true) return atLeast(previous * THROTTLED_FACTOR, limits.shareMin);
  // A sensor that is not read for once must not set a hot board to full work at a stroke.
  const isCool = temperatureC === null || temperatureC < limits.temperatureMaxC - HYSTERESIS_C;
  if (isCool) return Math.min(1, hundredths(previous + STEP_UP));
  return temperatureC > limits.temperatureMaxC ? atLeast(previous - STEP_DOWN, limits.shareMin) : previous;
}

function atLeast(share: number, min: number): number {
  return Math.max(min, hundredths(share));
}

function hundredths(share: number): number {
  return Math.round(share * 100) / 100;
}
