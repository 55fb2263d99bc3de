import type { RgbPicture } from '../../capture/frame.js';
import type { Detection } from '../detection.js';
import { GLYPH_HEIGHT_PX, GLYPH_WIDTH_PX, glyphRows } from './bitmap-font.js';

/** A colour as red, green, blue, 0..255. */
export type Rgb = readonly [red: number, green: number, blue: number];

// Bright, far apart for most eyes (Okabe and Ito, 2008, without black), picked by class.
const PALETTE: readonly Rgb[] = [
  [230, 159, 0],
  [86, 180, 233],
  [0, 158, 115],
  [240, 228, 66],
  [0, 114, 178],
  [213, 94, 0],
  [204, 121, 167],
];

/** The colour boxes of a class are drawn in. */
export function colourOfClass(classId: number): Rgb {
  return PALETTE[classId % PALETTE.length] ?? [255, 255, 255];
}

/**
 * Draws detections into a picture: a box each, and above it (inside where there is no room) label and score.
 * Changes the picture's own pixels; what lies outside of it is left out. Weakest first, so that the strongest is on top.
 */
export function drawDetections(picture: RgbPicture, detections: readonly Detection[]): void {
  // Lines and letters stay readable when a large picture is shown small.
  const scale = Math.max(1, Math.round(Math.min(picture.widthPx, picture.heightPx) / 320));
  for (const detection of [...detections].sort((a, b) => a.score - b.score)) {
    const colour = colourOfClass(detection.classId);
    const [x1, y1, x2, y2] = detection.box.map(Math.round);
    if (x1 === undefined || y1 === undefined || x2 === undefined || y2 === undefined) continue;
    drawFrame(picture, { x1, y1, x2, y2 }, colour, 2 * scale);
    drawLabel(picture, { x: x1, y: y1 }, `${detection.label} ${Math.round(detection.score * 100)}%`, colour, scale);
  }
}

type PixelBox = { readonly x1: number; readonly y1: number; readonly x2: number; readonly y2: number };

function drawFrame(picture: RgbPicture, { x1, y1, x2, y2 }: PixelBox, colour: Rgb, linePx: number): void {
  fill(picture, { x1, y1, x2, y2: Math.min(y2, y1 + linePx) }, colour);
  fill(picture, { x1, y1: Math.max(y1, y2 - linePx), x2, y2 }, colour);
  fill(picture, { x1, y1, x2: Math.min(x2, x1 + linePx), y2 }, colour);
  fill(picture, { x1: Math.max(x1, x2 - linePx), y1, x2, y2 }, colour);
}

/** Longest label drawn, characters. */
const LABEL_CHARS_MAX = 40;

function drawLabel(picture: RgbPicture, at: { x: number; y: number }, text: string, colour: Rgb, scale: number): void {
  const characters = [...text].slice(0, LABEL_CHARS_MAX);
  const advancePx = (GLYPH_WIDTH_PX + 1) * scale;
  const widthPx = characters.length * advancePx + scale;
  const heightPx = (GLYPH_HEIGHT_PX + 2) * scale;
  const x = Math.max(0, Math.min(at.x, picture.widthPx - widthPx));
  const y = at.y >= heightPx ? at.y - heightPx : Math.max(0, at.y);
  fill(picture, { x1: x, y1: y, x2: x + widthPx, y2: y + heightPx }, colour);
  const ink: Rgb = isBright(colour) ? [0, 0, 0] : [255, 255, 255];
  for (const [i, character] of characters.entries()) {
    drawGlyph(picture, { x: x + scale + i * advancePx, y: y + scale }, character, ink, scale);
  }
}

function drawGlyph(
  picture: RgbPicture,
  at: { x: number; y: number },
  character: string,
  ink: Rgb,
  scale: number,
): void {
  for (const [row, bits] of glyphRows(character).entries()) {
    for (let column = 0; column < GLYPH_WIDTH_PX; column++) {
      if ((bits & (1 << (GLYPH_WIDTH_PX - 1 - column))) === 0) continue;
      const x1 = at.x + column * scale;
      const y1 = at.y + row * scale;
      fill(picture, { x1, y1, x2: x1 + scale, y2: y1 + scale }, ink);
    }
  }
}

// Rec. 601 luma; half of full scale.
function isBright([red, green, blue]: Rgb): boolean {
  return 0.299 * red + 0.587 * green + 0.114 * blue > 128;
}

function fill(picture: RgbPicture, box: PixelBox, colour: Rgb): void {
  const left = Math.max(0, box.x1);
  const right = Math.min(picture.widthPx, box.x2);
  for (let y = Math.max(0, box.y1); y < Math.min(picture.heightPx, box.y2); y++) {
    for (let x = left; x < right; x++) picture.data.set(colour, (y * picture.widthPx + x) * 3);
  }
}
