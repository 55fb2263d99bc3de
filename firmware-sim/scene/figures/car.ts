import type { Random } from '../../../base/random.js';
import type { Rgb } from '../canvas.js';
import { carColor, tone } from '../palette.js';
import type { Ink, Pen } from '../pen.js';

/** What a car looks like; its length, height and width in metres. */
export type CarLook = {
  readonly body: 'saloon' | 'estate' | 'van';
  readonly lengthM: number;
  readonly heightM: number;
  readonly widthM: number;
  readonly paint: Rgb;
  readonly glass: Rgb;
  readonly rim: Rgb;
};

/** Seen from which side, how far the wheels have turned (radians), lamps on or off. */
export type CarPose = {
  readonly view: 'side' | 'front' | 'rear';
  readonly wheelTurn: number;
  readonly lampsOn: boolean;
};

export function makeCarLook(random: Random): CarLook {
  const body = random.pick(['saloon', 'saloon', 'estate', 'estate', 'van'] as const);
  return {
    body,
    lengthM: body === 'van' ? random.range(4.5, 5.3) : random.range(3.7, 4.8),
    heightM: body === 'van' ? random.range(1.85, 2.2) : random.range(1.38, 1.58),
    widthM: body === 'van' ? random.range(1.85, 2) : random.range(1.68, 1.85),
    paint: carColor(random),
    glass: random.pick([
      [52, 62, 72],
      [88, 108, 122],
      [34, 38, 44],
    ] as const),
    rim: random.pick([
      [176, 178, 182],
      [120, 122, 126],
      [54, 54, 58],
    ] as const),
  };
}

/** Draws a car at the pen's place: the ground point is the middle of its length (side view) or width. */
export function drawCar(pen: Pen, look: CarLook, pose: CarPose): void {
  if (pose.view === 'side') drawSide(pen, look, pose);
  else drawEnd(pen, look, pose);
}

function drawSide(pen: Pen, look: CarLook, pose: CarPose): void {
  const l = look.lengthM / 2;
  const h = look.heightM;
  const belt = look.body === 'van' ? 0.56 * h : 0.6 * h;
  const sill = 0.13 * h;
  const wheel = 0.32;
  const axle = l * 0.62;
  const paint: Ink = { color: tone(look.paint, 1.12), shade: tone(look.paint, 0.62), along: [0, h, 0, 0] };
  pen.limb(-l * 0.86, 0.16, 0.12, l * 0.86, 0.16, 0.12, { color: [16, 16, 18] });
  const roof = roofLine(look.body, l, h, belt);
  pen.polygon(
    [
      -l * 0.97,
      sill,
      -l,
      belt * 0.62,
      -l * 0.97,
      belt * 0.96,
      ...roof,
      l * 0.82,
      belt * 0.93,
      l * 0.97,
      belt * 0.76,
      l,
      belt * 0.4,
      l * 0.97,
      sill,
    ],
    paint,
  );
  const glass: Ink = { color: tone(look.glass, 1.5), shade: look.glass, along: [0, h, 0, belt] };
  for (const window of windows(look.body, l, h, belt)) pen.polygon(window, glass);
  const line: Ink = { color: tone(look.paint, 0.5) };
  pen.limb(-l * 0.04, sill + 0.05, 0.008, -l * 0.04, belt * 0.95, 0.008, line);
  pen.limb(-l * 0.18, belt * 0.84, 0.012, -l * 0.1, belt * 0.84, 0.012, line);
  pen.limb(-l * 0.96, sill + 0.03, 0.03, l * 0.96, sill + 0.03, 0.03, { color: [38, 38, 42] });
  pen.ellipse(l * 0.93, belt * 0.66, 0.12, 0.075, { color: pose.lampsOn ? [255, 250, 214] : [226, 226, 214] });
  pen.rect(-l * 0.99, belt * 0.66, 0.1, 0.16, { color: pose.lampsOn ? [255, 60, 48] : [168, 30, 30] });
  for (const side of [-1, 1]) {
    const x = side * axle;
    pen.ellipse(x, wheel + 0.03, wheel * 1.16, wheel * 1.16, { color: [22, 22, 24] });
    pen.ellipse(x, wheel, wheel, wheel, { color: [34, 34, 36] });
    pen.ellipse(x, wheel, wheel * 0.62, wheel * 0.62, { color: look.rim });
    for (let i = 0; i < 5; i++) {
      const t = -pose.wheelTurn + (i * 2 * Math.PI) / 5;
      const ex = x + Math.cos(t) * wheel * 0.5;
      const ey = wheel + Math.sin(t) * wheel * 0.5;
      pen.limb(x, wheel, 0.02, ex, ey, 0.03, { color: tone(look.rim, 0.55) });
    }
  }
}

function roofLine(body: CarLook['body'], l: number, h: number, belt: number): number[] {
  if (body === 'van') return [-l * 0.95, h * 0.93, -l * 0.86, h, l * 0.42, h, l * 0.56, h * 0.94, l * 0.8, belt];
  if (body === 'estate') return [-l * 0.9, h * 0.9, -l * 0.78, h, l * 0.16, h, l * 0.28, h * 0.96, l * 0.56, belt];
  return [-l * 0.72, belt, -l * 0.42, h * 0.96, -l * 0.3, h, l * 0.1, h, l * 0.22, h * 0.96, l * 0.54, belt];
}

function windows(body: CarLook['body'], l: number, h: number, belt: number): number[][] {
  const top = h * 0.93;
  if (body === 'van')
    return [
      [l * 0.2, belt, l * 0.2, top, l * 0.42, top, l * 0.7, belt],
      [-l * 0.1, belt, -l * 0.1, top, l * 0.14, top, l * 0.14, belt],
    ];
  const rear =
    body === 'estate'
      ? [-l * 0.86, belt, -l * 0.76, top, -l * 0.34, top, -l * 0.34, belt]
      : [-l * 0.58, belt, -l * 0.38, top, -l * 0.28, top, -l * 0.28, belt];
  return [
    rear,
    [
      body === 'estate' ? -l * 0.3 : -l * 0.24,
      belt,
      body === 'estate' ? -l * 0.3 : -l * 0.24,
      top,
      -l * 0.04,
      top,
      -l * 0.04,
      belt,
    ],
    [0, belt, 0, top, l * 0.16, top, l * 0.44, belt],
  ];
}

function drawEnd(pen: Pen, look: CarLook, pose: CarPose): void {
  const w = look.widthM / 2;
  const h = look.heightM;
  const belt = look.body === 'van' ? 0.52 * h : 0.6 * h;
  const rear = pose.view === 'rear';
  for (const side of [-1, 1]) pen.rect(side * w * 0.82 - 0.11, 0, 0.22, 0.5, { color: [26, 26, 28] });
  const paint: Ink = { color: tone(look.paint, 1.1), shade: tone(look.paint, 0.6), along: [0, h, 0, 0.1] };
  pen.polygon(
    [
      -w * 0.96,
      0.2,
      -w,
      belt * 0.7,
      -w * 0.93,
      belt,
      -w * 0.74,
      h * 0.95,
      -w * 0.62,
      h,
      w * 0.62,
      h,
      w * 0.74,
      h * 0.95,
      w * 0.93,
      belt,
      w,
      belt * 0.7,
      w * 0.96,
      0.2,
    ],
    paint,
  );
  const glass: Ink = { color: tone(look.glass, 1.5), shade: look.glass, along: [0, h, 0, belt] };
  pen.polygon([-w * 0.8, belt * 1.04, -w * 0.64, h * 0.92, w * 0.64, h * 0.92, w * 0.8, belt * 1.04], glass);
  const lamp: Rgb = rear
    ? pose.lampsOn
      ? [255, 56, 44]
      : [160, 26, 28]
    : pose.lampsOn
      ? [255, 252, 224]
      : [224, 226, 220];
  for (const side of [-1, 1]) {
    pen.ellipse(side * w * 0.76, belt * 0.74, w * 0.17, rear ? 0.11 : 0.085, { color: lamp });
    pen.ellipse(side * w * 1.08, belt * 1.02, 0.09, 0.06, { color: tone(look.paint, 0.6) });
  }
  pen.rect(-w * 0.96, 0.22, 1.92 * w, belt * 0.22, { color: tone(look.paint, 0.45) });
  if (!rear) pen.rect(-w * 0.44, belt * 0.6, w * 0.88, belt * 0.2, { color: [30, 30, 34] });
  pen.rect(-0.26, rear ? belt * 0.6 : 0.3, 0.52, 0.12, { color: [232, 232, 220] });
}
