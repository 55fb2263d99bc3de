import type { RgbPicture } from '../../capture/frame.js';

/** A small picture: two planes `f32 [heightCells, widthCells]`, each cell the mean of a square block of pixels. */
export type CellPlane = {
  readonly widthCells: number;
  readonly heightCells: number;
  /** Side of a block, picture pixels. Pixels beyond the last whole block are not seen. */
  readonly cellPx: number;
  /** (2 R + 5 G + B) / 8, 0..255. */
  readonly luma: Float32Array;
  /**
   * (R - B) / 2, -127.5..127.5: tells a sandy dog from sandy ground and a blue car from dark asphalt, which a gate on
   * luma alone passes over (on simulated scenes it saw half of the walkers in dull light).
   */
  readonly chroma: Float32Array;
};

// 160 cells across: a person at the far end of a yard is still 3 cells wide, and a plane costs 19,200 cells at 4:3.
const WIDTH_CELLS_AIM = 160;
// Samples per side of a block, every second one of them left out like the white fields of a chessboard: 8 a cell bring
// pixel noise down nearly three times at half the time of 16.
const SAMPLES_PER_SIDE = 4;

/** An empty plane for pictures of a size. */
export function createCellPlane(widthPx: number, heightPx: number): CellPlane {
  const cellPx = Math.max(1, Math.min(Math.round(widthPx / WIDTH_CELLS_AIM), widthPx, heightPx));
  const widthCells = Math.floor(widthPx / cellPx);
  const heightCells = Math.floor(heightPx / cellPx);
  const cells = widthCells * heightCells;
  return { widthCells, heightCells, cellPx, luma: new Float32Array(cells), chroma: new Float32Array(cells) };
}

/** Fills a plane with the block means of a picture of the size the plane was made for. */
export function fillCellPlane(plane: CellPlane, picture: RgbPicture): void {
  const stepPx = Math.max(1, Math.floor(plane.cellPx / SAMPLES_PER_SIDE));
  if (plane.cellPx === SAMPLES_PER_SIDE * stepPx) fillFromFours(plane, picture, stepPx);
  else fillFromAny(plane, picture, stepPx);
}

// Widths of 640, 1280 and 1920: four samples a side, two of each row. The same as below without its loops, in half the time.
function fillFromFours(
  { widthCells, heightCells, cellPx, luma, chroma }: CellPlane,
  picture: RgbPicture,
  stepPx: number,
) {
  const rgb = picture.data;
  const rowBytes = picture.widthPx * 3;
  const step = stepPx * 3;
  const line = stepPx * rowBytes;
  const [b, c, d, e] = [2 * step, line + step, line + 3 * step, 2 * line];
  const [f, g, h] = [2 * line + 2 * step, 3 * line + step, 3 * line + 3 * step];
  const sum = (i: number) =>
    (rgb[i] ?? 0) +
    (rgb[i + b] ?? 0) +
    (rgb[i + c] ?? 0) +
    (rgb[i + d] ?? 0) +
    (rgb[i + e] ?? 0) +
    (rgb[i + f] ?? 0) +
    (rgb[i + g] ?? 0) +
    (rgb[i + h] ?? 0);
  for (let cy = 0, out = 0; cy < heightCells; cy++) {
    let i = cy * cellPx * rowBytes;
    for (let cx = 0; cx < widthCells; cx++, out++, i += cellPx * 3) {
      const red = sum(i);
      const blue = sum(i + 2);
      luma[out] = (2 * red + 5 * sum(i + 1) + blue) / 64;
      chroma[out] = (red - blue) / 16;
    }
  }
}

function fillFromAny(plane: CellPlane, picture: RgbPicture, stepPx: number): void {
  const { widthCells, heightCells, cellPx, luma, chroma } = plane;
  const rgb = picture.data;
  const isSparse = cellPx >= 2 * stepPx;
  const rowBytes = picture.widthPx * 3;
  const stepBytes = stepPx * 3 * (isSparse ? 2 : 1);
  const cellBytes = cellPx * 3;
  let samples = 0;
  for (let dy = 0, row = 0; dy < cellPx; dy += stepPx, row++) {
    const startBytes = isSparse && row % 2 === 1 ? stepPx * 3 : 0;
    samples += Math.ceil((cellBytes - startBytes) / stepBytes);
    for (let cy = 0; cy < heightCells; cy++) {
      let out = cy * widthCells;
      let block = (cy * cellPx + dy) * rowBytes;
      for (let cx = 0; cx < widthCells; cx++, out++) {
        const blockEnd = block + cellBytes;
        let red = 0;
        let green = 0;
        let blue = 0;
        for (let i = block + startBytes; i < blockEnd; i += stepBytes) {
          red += rgb[i] ?? 0;
          green += rgb[i + 1] ?? 0;
          blue += rgb[i + 2] ?? 0;
        }
        const before = row === 0 ? 0 : 1;
        luma[out] = before * (luma[out] ?? 0) + 2 * red + 5 * green + blue;
        chroma[out] = before * (chroma[out] ?? 0) + red - blue;
        block = blockEnd;
      }
    }
  }
  for (let i = 0; i < luma.length; i++) {
    luma[i] = (luma[i] ?? 0) / (8 * samples);
    chroma[i] = (chroma[i] ?? 0) / (2 * samples);
  }
}
