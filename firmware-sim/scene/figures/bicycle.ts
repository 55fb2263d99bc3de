import type { Random } from '../../../base/random.js';
import type { Rgb } from '../canvas.js';
import { clothColor, tone } from '../palette.js';
import type { Ink, Pen } from '../pen.js';
import { drawHead, type PersonLook } from './person.js';

/** What a bicycle looks like. */
export type BicycleLook = {
  readonly frame: Rgb;
  readonly tyre: Rgb;
  readonly wheelM: number;
  readonly basket: boolean;
};

/** Pedal angle in radians, and seen from which side. */
export type BicyclePose = { readonly view: 'side' | 'front'; readonly pedal: number };

export function makeBicycleLook(random: Random): BicycleLook {
  return {
    frame: clothColor(random),
    tyre: random.pick([
      [24, 24, 26],
      [44, 42, 40],
      [70, 62, 54],
    ] as const),
    wheelM: random.range(0.31, 0.36),
    basket: random.chance(0.25),
  };
}

const BASE_M = 0.52;
const CRANK_M = 0.17;

/** Draws a bicycle standing at the pen's place, the ground point in the middle between its wheels. */
export function drawBicycle(pen: Pen, look: BicycleLook, pose: BicyclePose): void {
  if (pose.view === 'front') {
    drawFrontBicycle(pen, look);
    return;
  }
  const r = look.wheelM;
  const tyre: Ink = { color: look.tyre };
  const metal: Ink = { color: [150, 152, 156], alpha: 0.5 };
  for (const x of [-BASE_M, BASE_M]) {
    pen.ring(x, r, r - 0.02, 0.045, tyre);
    if (pen.pxPerM * r > 9) {
      for (let i = 0; i < 6; i++) {
        const t = pose.pedal * 1.7 + (i * Math.PI) / 6;
        const dx = Math.cos(t) * (r - 0.03);
        const dy = Math.sin(t) * (r - 0.03);
        pen.limb(x - dx, r - dy, 0.004, x + dx, r + dy, 0.004, metal);
      }
    }
    pen.ellipse(x, r, 0.035, 0.035, { color: [110, 112, 116] });
  }
  const tube: Ink = { color: look.frame };
  const [bx, by, sx, sy, hx, hy] = [-0.06, 0.29, -0.19, 0.74, 0.36, 0.78];
  pen.limb(-BASE_M, r, 0.016, bx, by, 0.018, tube);
  pen.limb(-BASE_M, r, 0.014, sx, sy, 0.016, tube);
  pen.limb(bx, by, 0.022, sx - 0.02, sy + 0.12, 0.018, tube);
  pen.limb(bx, by, 0.024, hx, hy - 0.1, 0.022, tube);
  pen.limb(sx, sy, 0.02, hx, hy, 0.02, tube);
  pen.limb(BASE_M, r, 0.02, hx - 0.02, hy + 0.12, 0.02, tube);
  pen.limb(hx - 0.03, hy + 0.15, 0.02, hx + 0.12, hy + 0.17, 0.022, { color: [30, 30, 32] });
  pen.limb(sx - 0.14, sy + 0.15, 0.035, sx + 0.1, sy + 0.16, 0.022, { color: [28, 26, 26] });
  if (look.basket)
    pen.rect(hx + 0.06, hy - 0.06, 0.28, 0.2, {
      color: [136, 104, 70],
      shade: [96, 70, 46],
      along: [hx, 0, hx + 0.34, 0],
    });
  const px = Math.cos(pose.pedal) * CRANK_M;
  const py = Math.sin(pose.pedal) * CRANK_M;
  pen.ellipse(bx, by, 0.075, 0.075, { color: [70, 72, 76] });
  pen.limb(bx - px, by - py, 0.016, bx + px, by + py, 0.016, { color: [60, 60, 64] });
}

function drawFrontBicycle(pen: Pen, look: BicycleLook): void {
  const r = look.wheelM;
  pen.ellipse(0, r, 0.032, r, { color: look.tyre });
  pen.limb(0, r, 0.03, 0, 0.98, 0.024, { color: look.frame });
  pen.limb(-0.3, 0.98, 0.02, 0.3, 0.98, 0.02, { color: [34, 34, 36] });
  pen.ellipse(0, 0.88, 0.06, 0.06, { color: [210, 210, 200] });
  if (look.basket) pen.rect(-0.2, 0.7, 0.4, 0.24, { color: [136, 104, 70] });
}

/** Draws a rider and the bicycle beneath in turns: far leg, bicycle, rest of the rider. */
export function drawRider(
  pen: Pen,
  person: PersonLook,
  bicycle: BicycleLook,
  pose: BicyclePose,
  ids: { readonly person: number; readonly bicycle: number },
): void {
  if (pose.view === 'front') {
    drawFrontRider(pen, person, bicycle, pose, ids);
    return;
  }
  const hip: readonly [number, number] = [-0.2, 0.96];
  pen.as(ids.person);
  drawPedalLeg(pen, person, hip, pose.pedal + Math.PI, 0.72);
  pen.as(ids.bicycle);
  drawBicycle(pen, bicycle, pose);
  pen.as(ids.person);
  const h = person.heightM;
  const shoulder: readonly [number, number] = [hip[0] + 0.14 * h, hip[1] + 0.27 * h];
  if (person.bag === 'backpack') pen.ellipse(-0.14, hip[1] + 0.2 * h, 0.14, 0.2, { color: person.bagColor }, -0.45);
  pen.limb(hip[0], hip[1], 0.075 * h * person.girth, shoulder[0], shoulder[1] - 0.04, 0.066 * h * person.girth, {
    color: tone(person.top, 1.08),
    shade: tone(person.top, 0.74),
    along: [hip[0] - 0.1, shoulder[1], shoulder[0] + 0.1, hip[1]],
  });
  drawPedalLeg(pen, person, hip, pose.pedal, 1);
  drawHead(pen, person, shoulder[0] + 0.03 * h, shoulder[1] - 0.01 * h, 'side');
  const sleeve: Ink = { color: tone(person.top, 0.82) };
  const elbow: readonly [number, number] = [shoulder[0] + 0.16, shoulder[1] - 0.26];
  pen.limb(elbow[0], elbow[1], 0.045, 0.42, 0.97, 0.035, person.longSleeves ? sleeve : { color: person.skin });
  pen.limb(shoulder[0], shoulder[1] - 0.03, 0.058, elbow[0], elbow[1], 0.048, sleeve);
}

function drawPedalLeg(pen: Pen, look: PersonLook, hip: readonly [number, number], pedal: number, light: number): void {
  const fx = -0.06 + Math.cos(pedal) * CRANK_M;
  const fy = 0.29 + Math.sin(pedal) * CRANK_M;
  const [kx, ky] = knee(hip[0], hip[1], fx, fy, 0.26 * look.heightM);
  const bare = look.legs === 'shorts' || look.legs === 'skirt';
  pen.limb(kx, ky, 0.062, fx, fy + 0.05, 0.046, { color: tone(bare ? look.skin : look.bottom, 0.94 * light) });
  pen.limb(hip[0], hip[1], 0.095, kx, ky, 0.07, { color: tone(look.bottom, light) });
  pen.limb(fx - 0.06, fy + 0.02, 0.035, fx + 0.1, fy + 0.02, 0.028, { color: tone(look.shoes, light) });
}

/** The knee of a leg of two equal bones, bent forwards. */
function knee(hx: number, hy: number, fx: number, fy: number, bone: number): readonly [number, number] {
  const dx = fx - hx;
  const dy = fy - hy;
  const half = Math.hypot(dx, dy) / 2;
  const out = Math.sqrt(Math.max(0.0025, bone * bone - half * half));
  return [hx + dx / 2 - (dy / (2 * half)) * out, hy + dy / 2 + (dx / (2 * half)) * out];
}

function drawFrontRider(
  pen: Pen,
  person: PersonLook,
  bicycle: BicycleLook,
  pose: BicyclePose,
  ids: { readonly person: number; readonly bicycle: number },
): void {
  const h = person.heightM;
  const shoulderY = 0.94 + 0.29 * h;
  pen.as(ids.person);
  for (const side of [-1, 1]) {
    const lift = Math.sin(pose.pedal) * side * CRANK_M;
    const x = side * 0.13;
    pen.limb(x, 0.62 + lift * 0.6, 0.065, x, 0.34 + lift, 0.045, { color: tone(person.bottom, 0.9) });
    pen.limb(side * 0.1, 0.95, 0.09, x, 0.62 + lift * 0.6, 0.07, { color: person.bottom });
    pen.ellipse(x, 0.29 + lift, 0.055, 0.045, { color: person.shoes });
  }
  pen.as(ids.bicycle);
  drawFrontBicycle(pen, bicycle);
  pen.as(ids.person);
  const half = 0.105 * h * person.girth;
  pen.polygon(
    [
      -half * 0.75,
      0.96,
      half * 0.75,
      0.96,
      half * 1.08,
      shoulderY - 0.07,
      half * 0.6,
      shoulderY,
      -half * 0.6,
      shoulderY,
      -half * 1.08,
      shoulderY - 0.07,
    ],
    { color: tone(person.top, 1.1), shade: tone(person.top, 0.76), along: [-half, 0, half, 0] },
  );
  for (const side of [-1, 1]) {
    const sleeve: Ink = { color: tone(person.top, 0.84) };
    pen.limb(
      side * half * 1.25,
      shoulderY - 0.3,
      0.045,
      side * 0.27,
      1,
      0.036,
      person.longSleeves ? sleeve : { color: person.skin },
    );
    pen.limb(side * half, shoulderY - 0.06, 0.058, side * half * 1.25, shoulderY - 0.3, 0.048, sleeve);
  }
  drawHead(pen, person, 0, shoulderY - 0.01 * h, 'front');
}
