import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Canvas, CLUTTER_ID } from '../../../firmware-sim/scene/canvas.js';

const WHITE = { from: [255, 255, 255] } as const;

function rectangle(x1: number, y1: number, x2: number, y2: number): number[] {
  return [x1, y1, x2, y1, x2, y2, x1, y2];
}

describe('canvas', () => {
  it('covers exactly the area of a polygon, wherever it lies between pixels', () => {
    const side = fc.double({ min: 2, max: 20, noNaN: true });
    const corner = fc.double({ min: 1, max: 9, noNaN: true });
    fc.assert(
      fc.property(corner, corner, side, side, (x, y, width, height) => {
        const canvas = new Canvas(32, 32);
        canvas.contour([x, y, x + width, y, x + width / 2, y + height]);
        canvas.paint(WHITE);
        const painted = canvas.rgb.reduce((sum, value) => sum + value, 0) / 3 / 255;
        // Bytes are cut, not rounded: up to one level per pixel touched is lost.
        expect(Math.abs(painted - (width * height) / 2)).toBeLessThan((width + 2) * (height + 2) * 0.005);
      }),
    );
  });

  it('counts as visible what lies in the picture and as whole what would lie beyond it', () => {
    const whole = fc.integer({ min: -20, max: 50 });
    const side = fc.integer({ min: 1, max: 20 });
    fc.assert(
      fc.property(whole, whole, side, side, (x, y, width, height) => {
        const canvas = new Canvas(40, 30, 45);
        canvas.contour(rectangle(x, y, x + width, y + height));
        canvas.paint(WHITE, 7);
        const inX = Math.max(0, Math.min(40, x + width) - Math.max(0, x));
        const inY = Math.max(0, Math.min(30, y + height) - Math.max(0, y));
        expect(canvas.alone(7)).toEqual({ pixels: width * height, x1: x, y1: y, x2: x + width, y2: y + height });
        expect(canvas.countVisible()[7]?.pixels).toBe(inX * inY);
      }),
    );
  });

  it('takes pixels from a figure for whatever is drawn over it, and none from its whole', () => {
    const canvas = new Canvas(40, 30, 0);
    canvas.contour(rectangle(10, 10, 20, 20));
    canvas.paint(WHITE, 1);
    canvas.contour(rectangle(15, 0, 40, 30));
    canvas.paint(WHITE, 2);
    expect(canvas.countVisible()[1]).toEqual({ pixels: 50, x1: 10, y1: 10, x2: 15, y2: 20 });
    expect(canvas.alone(1).pixels).toBe(100);
  });

  it('counts a figure that is drawn in two turns once', () => {
    const canvas = new Canvas(40, 30, 0);
    for (const [from, to, id] of [
      [0, 10, 1],
      [5, 15, 2],
      [0, 10, 1],
    ] as const) {
      canvas.contour(rectangle(from, 0, to, 10));
      canvas.paint(WHITE, id);
    }
    expect(canvas.alone(1).pixels).toBe(100);
    expect(canvas.alone(2).pixels).toBe(100);
    expect(canvas.countVisible()[2]?.pixels).toBe(50);
  });

  it('knows nothing of a figure that clutter hides altogether', () => {
    const canvas = new Canvas(40, 30, 0);
    canvas.contour(rectangle(10, 10, 20, 20));
    canvas.paint(WHITE, 1);
    canvas.contour(rectangle(9, 9, 21, 21));
    canvas.paint(WHITE, CLUTTER_ID);
    expect(canvas.countVisible()[1]?.pixels).toBe(0);
  });

  it('cuts a hole where a contour runs backwards', () => {
    const canvas = new Canvas(40, 30, 0);
    canvas.contour(rectangle(10, 10, 20, 20));
    canvas.contour(rectangle(12, 12, 18, 18), 4, true);
    canvas.paint(WHITE, 1);
    expect(canvas.alone(1).pixels).toBe(100 - 36);
    expect(canvas.idAt(15, 15)).toBe(0);
  });

  it('gives pixels back to what stands in front, also when the camera has moved', () => {
    const background = new Canvas(44, 34, 0);
    background.contour(rectangle(12, 10, 22, 30));
    background.paint({ from: [10, 200, 30] }, 1);
    const spans = background.spansOf(1);
    const canvas = new Canvas(40, 30, 0);
    canvas.contour(rectangle(0, 10, 40, 20));
    canvas.paint(WHITE, 3);
    canvas.restore(spans, background, 3, 2);
    expect(canvas.idAt(12 - 3, 12)).toBe(CLUTTER_ID);
    expect([...canvas.rgb.subarray((12 * 40 + 9) * 3, (12 * 40 + 10) * 3)]).toEqual([10, 200, 30]);
    expect(canvas.countVisible()[3]?.pixels).toBe(400 - 100);
  });
});
