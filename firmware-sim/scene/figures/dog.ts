import type { Random } from '../../../base/random.js';
import type { Rgb } from '../canvas.js';
import { furColor, tone, vary } from '../palette.js';
import type { Ink, Pen } from '../pen.js';

/** What a dog looks like; height at the shoulder in metres. */
export type DogLook = {
  readonly heightM: number;
  /** Body length over shoulder height. */
  readonly stretch: number;
  readonly fur: Rgb;
  readonly belly: Rgb;
  readonly patch: Rgb | undefined;
  readonly droopEars: boolean;
  readonly bushyTail: boolean;
};

/** Seen from which side; leg phase in radians; 0 stands, 1 trots; sitting or not. */
export type DogPose = {
  readonly view: 'side' | 'front';
  readonly phase: number;
  readonly swing: number;
  readonly sits: boolean;
};

export function makeDogLook(random: Random): DogLook {
  const fur = furColor(random);
  return {
    heightM: random.range(0.42, 0.72),
    stretch: random.range(1.0, 1.4),
    fur,
    belly: random.chance(0.4) ? vary(random, [222, 208, 188], 16) : tone(fur, 0.9),
    patch: random.chance(0.35) ? furColor(random) : undefined,
    droopEars: random.chance(0.5),
    bushyTail: random.chance(0.5),
  };
}

/** Draws a dog at the pen's place, the ground point below the middle of its body. */
export function drawDog(pen: Pen, look: DogLook, pose: DogPose): void {
  if (pose.view === 'front') drawFront(pen, look, pose);
  else if (pose.sits) drawSitting(pen, look, pose);
  else drawSide(pen, look, pose);
}

function drawSide(pen: Pen, look: DogLook, pose: DogPose): void {
  const h = look.heightM;
  const half = (h * look.stretch) / 2;
  const backY = 0.84 * h + Math.abs(Math.sin(pose.phase)) * 0.03 * h * pose.swing;
  drawTail(pen, look, -half, backY, pose);
  for (const [x, phase, light] of [
    [-half * 0.82, 0.4, 0.7],
    [half * 0.72, Math.PI + 0.4, 0.7],
    [-half * 0.86, Math.PI, 1],
    [half * 0.78, 0, 1],
  ] as const) {
    drawLeg(pen, look, x, backY - 0.2 * h, pose.phase + phase, pose.swing, light);
  }
  const coat: Ink = {
    color: tone(look.fur, 1.12),
    shade: tone(look.belly, 0.8),
    along: [0, backY + 0.1 * h, 0, backY - 0.3 * h],
  };
  pen.limb(-half * 0.8, backY - 0.08 * h, 0.16 * h, half * 0.76, backY - 0.08 * h, 0.19 * h, coat);
  if (look.patch !== undefined)
    pen.ellipse(-half * 0.15, backY - 0.02 * h, half * 0.36, 0.11 * h, { color: look.patch });
  pen.limb(half * 0.74, backY, 0.13 * h, half * 1.08, backY + 0.2 * h, 0.1 * h, { color: look.fur });
  drawHead(pen, look, half * 1.14, backY + 0.27 * h);
}

function drawLeg(pen: Pen, look: DogLook, x: number, top: number, phase: number, swing: number, light: number): void {
  const h = look.heightM;
  const a = Math.sin(phase) * 0.42 * swing;
  const lift = Math.max(0, Math.cos(phase)) * 0.08 * h * swing;
  const kx = x + Math.sin(a) * top * 0.5;
  const fx = kx + Math.sin(a - 0.12) * top * 0.5;
  const ink: Ink = { color: tone(look.fur, 0.92 * light) };
  pen.limb(x, top, 0.085 * h, kx, top * 0.5 + lift * 0.5, 0.05 * h, ink);
  pen.limb(kx, top * 0.5 + lift * 0.5, 0.05 * h, fx, 0.04 * h + lift, 0.036 * h, ink);
  pen.limb(fx, 0.035 * h + lift, 0.035 * h, fx + 0.06 * h, 0.03 * h + lift, 0.03 * h, {
    color: tone(look.belly, 0.9 * light),
  });
}

function drawTail(pen: Pen, look: DogLook, x: number, y: number, pose: DogPose): void {
  const h = look.heightM;
  const wag = Math.sin(pose.phase * 1.3) * 0.09 * h;
  const r = look.bushyTail ? 0.07 * h : 0.035 * h;
  pen.limb(x * 0.94, y - 0.02 * h, r * 0.8, x - 0.16 * h, y + 0.12 * h + wag, r, { color: tone(look.fur, 0.95) });
  pen.limb(x - 0.16 * h, y + 0.12 * h + wag, r, x - 0.2 * h, y + 0.3 * h + wag, r * 0.5, { color: look.fur });
}

function drawHead(pen: Pen, look: DogLook, x: number, y: number): void {
  const h = look.heightM;
  const fur: Ink = { color: tone(look.fur, 1.06) };
  pen.ellipse(x, y, 0.15 * h, 0.13 * h, fur);
  pen.limb(x + 0.06 * h, y - 0.03 * h, 0.08 * h, x + 0.24 * h, y - 0.06 * h, 0.055 * h, {
    color: tone(look.belly, 0.98),
  });
  pen.ellipse(x + 0.28 * h, y - 0.035 * h, 0.035 * h, 0.03 * h, { color: [22, 20, 20] });
  pen.ellipse(x + 0.06 * h, y + 0.04 * h, 0.022 * h, 0.022 * h, { color: [16, 14, 14] });
  if (look.droopEars)
    pen.limb(x - 0.05 * h, y + 0.09 * h, 0.05 * h, x - 0.09 * h, y - 0.08 * h, 0.06 * h, {
      color: tone(look.fur, 0.7),
    });
  else
    pen.polygon([x - 0.12 * h, y + 0.06 * h, x - 0.07 * h, y + 0.25 * h, x + 0.02 * h, y + 0.1 * h], {
      color: tone(look.fur, 0.75),
    });
}

function drawSitting(pen: Pen, look: DogLook, pose: DogPose): void {
  const h = look.heightM;
  drawTail(pen, look, -0.3 * h, 0.12 * h, pose);
  const coat: Ink = { color: tone(look.fur, 1.1), shade: tone(look.belly, 0.82), along: [-0.3 * h, 0, 0.3 * h, 0] };
  pen.limb(0.2 * h, 0.5 * h, 0.055 * h, 0.24 * h, 0.05 * h, 0.04 * h, { color: tone(look.fur, 0.8) });
  pen.limb(-0.2 * h, 0.2 * h, 0.2 * h, 0.12 * h, 0.72 * h, 0.16 * h, coat);
  pen.ellipse(-0.16 * h, 0.18 * h, 0.2 * h, 0.17 * h, { color: tone(look.fur, 0.94) });
  pen.limb(-0.12 * h, 0.04 * h, 0.04 * h, 0.06 * h, 0.04 * h, 0.04 * h, { color: look.fur });
  pen.limb(0.14 * h, 0.5 * h, 0.06 * h, 0.16 * h, 0.05 * h, 0.042 * h, { color: look.fur });
  drawHead(pen, look, 0.2 * h, 0.98 * h);
}

function drawFront(pen: Pen, look: DogLook, pose: DogPose): void {
  const h = look.heightM;
  const s = Math.sin(pose.phase) * pose.swing;
  for (const side of [-1, 1]) {
    pen.limb(side * 0.15 * h, 0.45 * h, 0.07 * h, side * 0.15 * h, 0.06 * h, 0.05 * h, { color: tone(look.fur, 0.72) });
    const lift = Math.max(0, side * s) * 0.12 * h;
    pen.limb(side * 0.11 * h, 0.6 * h, 0.075 * h, side * 0.11 * h, 0.05 * h + lift, 0.046 * h, { color: look.fur });
  }
  pen.ellipse(0, 0.66 * h, 0.23 * h, 0.24 * h, {
    color: tone(look.fur, 1.05),
    shade: tone(look.belly, 0.9),
    along: [0, 0.9 * h, 0, 0.4 * h],
  });
  const y = 1.02 * h;
  for (const side of [-1, 1]) {
    if (look.droopEars)
      pen.limb(side * 0.13 * h, y + 0.08 * h, 0.05 * h, side * 0.17 * h, y - 0.08 * h, 0.055 * h, {
        color: tone(look.fur, 0.7),
      });
    else
      pen.polygon([side * 0.03 * h, y + 0.1 * h, side * 0.13 * h, y + 0.26 * h, side * 0.15 * h, y + 0.02 * h], {
        color: tone(look.fur, 0.75),
      });
  }
  pen.ellipse(0, y, 0.15 * h, 0.15 * h, { color: tone(look.fur, 1.08) });
  pen.ellipse(0, y - 0.07 * h, 0.085 * h, 0.085 * h, { color: tone(look.belly, 1) });
  pen.ellipse(0, y - 0.05 * h, 0.035 * h, 0.028 * h, { color: [22, 20, 20] });
  for (const side of [-1, 1]) pen.ellipse(side * 0.06 * h, y + 0.03 * h, 0.02 * h, 0.02 * h, { color: [16, 14, 14] });
}
