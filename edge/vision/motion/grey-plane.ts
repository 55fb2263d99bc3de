import type { RgbPicture } from '../../capture/frame.js';

/** A small grey picture: `f32 [heightCells, widthCells]`, luma 0..255, each cell the mean of a square block of pixels. */
export type GreyPlane = {
  readonly widthCells: number;
  readonly heightCells: number;
  /** Side of a block, picture pixels. Pixels beyond the last whole block are not seen. */
  readonly cellPx: number;
  readonly data: Float32Array;
};

// 160 cells across: a person at the far end of a yard is still 3 cells wide, and a plane costs 19,200 cells at 4:3.
const WIDTH_CELLS_AIM = 160;
// Samples per side of a block, every second one of them left out like the white fields of a chessboard: 8 a cell bring
// pixel noise down nearly three times at half the time of 16.
const SAMPLES_PER_SIDE = 4;

/** An empty plane for pictures of a size. */
export function createGreyPlane(widthPx: number, heightPx: number): GreyPlane {
  const cellPx = Math.max(1, Math.min(Math.round(widthPx / WIDTH_CELLS_AIM), widthPx, heightPx));
  const widthCells = Math.floor(widthPx / cellPx);
  const heightCells = Math.floor(heightPx / cellPx);
  return { widthCells, heightCells, cellPx, data: new Float32Array(widthCells * heightCells) };
}

/** Fills a plane with the block means of a picture of the size the plane was made for. Luma is (2 R + 5 G + B) / 8. */
export function fillGreyPlane(plane: GreyPlane, picture: RgbPicture): void {
  const { widthCells, heightCells, cellPx, data } = plane;
  const rgb = picture.data;
  const stepPx = Math.max(1, Math.floor(cellPx / SAMPLES_PER_SIDE));
  const isSparse = cellPx >= 2 * stepPx;
  const rowBytes = picture.widthPx * 3;
  const stepBytes = stepPx * 3 * (isSparse ? 2 : 1);
  const cellBytes = cellPx * 3;
  let samples = 0;
  for (let dy = 0, row = 0; dy < cellPx; dy += stepPx, row++) {
    const startPx = isSparse && row % 2 === 1 ? stepPx : 0;
    samples += Math.ceil((cellBytes - startPx * 3) / stepBytes);
    for (let cy = 0; cy < heightCells; cy++) {
      const outStart = cy * widthCells;
      let block = (cy * cellPx + dy) * rowBytes;
      for (let cx = 0; cx < widthCells; cx++) {
        const blockEnd = block + cellBytes;
        let sum = 0;
        for (let i = block + startPx * 3; i < blockEnd; i += stepBytes) {
          sum += 2 * (rgb[i] ?? 0) + 5 * (rgb[i + 1] ?? 0) + (rgb[i + 2] ?? 0);
        }
        data[outStart + cx] = row === 0 ? sum : (data[outStart + cx] ?? 0) + sum;
        block = blockEnd;
      }
    }
  }
  const gain = 1 / (8 * samples);
  for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) * gain;
}
