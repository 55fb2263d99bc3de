import type { LightChange } from './light-model.js';

/** How far a picture lies from the background, in cells; {0, 0} when no shift explains it clearly better. */
export type Shift = { readonly dx: number; readonly dy: number };

export const NO_SHIFT: Shift = { dx: 0, dy: 0 };

// A pole in the wind moves a picture by some 2 %: 4 of 160 cells.
const REACH_CELLS = 4;
const STRIDE_CELLS = 4;
// One cell counts at most this much, so that an object does not pull the search its way.
const DIFFERENCE_LEVELS_MAX = 40;
// A shift is believed when it explains away 45 % of the difference; an object crossing explains far less.
const IMPROVEMENT = 0.55;

/** Finds the shift of a shaken camera by trying all within reach on every 16th cell. */
export function findShift(
  background: Float32Array,
  now: Float32Array,
  widthCells: number,
  heightCells: number,
  light: LightChange,
): Shift {
  if (widthCells <= 4 * REACH_CELLS || heightCells <= 4 * REACH_CELLS) return NO_SHIFT;
  const atRest = difference(0, 0);
  let best = atRest;
  let shift = NO_SHIFT;
  for (let dy = -REACH_CELLS; dy <= REACH_CELLS; dy++) {
    for (let dx = -REACH_CELLS; dx <= REACH_CELLS; dx++) {
      const candidate = difference(dx, dy);
      if (candidate < best) {
        best = candidate;
        shift = { dx, dy };
      }
    }
  }
  return best < IMPROVEMENT * atRest ? shift : NO_SHIFT;

  function difference(dx: number, dy: number): number {
    let sum = 0;
    for (let y = REACH_CELLS; y < heightCells - REACH_CELLS; y += STRIDE_CELLS) {
      const nowRow = y * widthCells;
      const backgroundRow = (y - dy) * widthCells - dx;
      for (let x = REACH_CELLS; x < widthCells - REACH_CELLS; x += STRIDE_CELLS) {
        const levels = Math.abs(
          (now[nowRow + x] ?? 0) - light.gain * (background[backgroundRow + x] ?? 0) - light.offset,
        );
        sum += Math.min(levels, DIFFERENCE_LEVELS_MAX);
      }
    }
    return sum;
  }
}
