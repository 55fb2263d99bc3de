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
// Samples per side of a block: 16 a cell bring pixel noise down four times; more only costs time on large pictures.
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
  const samplesPerSide = Math.ceil(cellPx / stepPx);
  const gain = 1 / (8 * samplesPerSide * samplesPerSide);
  const rowBytes = picture.widthPx * 3;
  const stepBytes = stepPx * 3;
  const cellBytes = cellPx * 3;
  data.fill(0);
  for (let cy = 0; cy < heightCells; cy++) {
    const outStart = cy * widthCells;
    for (let dy = 0; dy < cellPx; dy += stepPx) {
      let blockStart = (cy * cellPx + dy) * rowBytes;
      for (let cx = 0; cx < widthCells; cx++) {
        const blockEnd = blockStart + cellBytes;
        let sum = 0;
        for (let i = blockStart; i < blockEnd; i += stepBytes) {
          sum += 2 * (rgb[i] ?? 0) + 5 * (rgb[i + 1] ?? 0) + (rgb[i + 2] ?? 0);
        }
        data[outStart + cx] = (data[outStart + cx] ?? 0) + sum;
        blockStart = blockEnd;
      }
    }
  }
  for (let i = 0; i < data.length; i++) data[i] = (data[i] ?? 0) * gain;
}
