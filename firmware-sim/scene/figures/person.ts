import type { Random } from '../../../base/random.js';
import type { Rgb } from '../canvas.js';
import { clothColor, hairColor, skinColor, tone } from '../palette.js';
import type { Ink, Pen } from '../pen.js';

/** What a person looks like; drawn once per actor and kept. */
export type PersonLook = {
  readonly heightM: number;
  /** 1 is slim, 1.35 is stout. */
  readonly girth: number;
  readonly skin: Rgb;
  readonly hair: Rgb;
  readonly longHair: boolean;
  readonly top: Rgb;
  readonly bottom: Rgb;
  readonly shoes: Rgb;
  readonly longSleeves: boolean;
  readonly legs: 'trousers' | 'shorts' | 'skirt' | 'coat';
  readonly hat: Rgb | undefined;
  readonly bag: 'none' | 'backpack' | 'shoulder' | 'hand';
  readonly bagColor: Rgb;
};

/** How a person stands: seen from which side, where in the step, and whether on a saddle. */
export type PersonPose = {
  readonly view: 'side' | 'front' | 'back';
  /** Radians; one step of both legs is 2 pi. */
  readonly phase: number;
  /** 0 stands still, 1 walks, 1.5 runs. */
  readonly swing: number;
  /** Raises an arm: waving or telephoning. */
  readonly armUp?: boolean;
};

export function makePersonLook(random: Random): PersonLook {
  const child = random.chance(0.12);
  return {
    heightM: child ? random.range(1.05, 1.4) : random.range(1.55, 1.92),
    girth: random.range(0.92, 1.35),
    skin: skinColor(random),
    hair: hairColor(random),
    longHair: random.chance(0.4),
    top: clothColor(random),
    bottom: clothColor(random),
    shoes: random.chance(0.7) ? [40, 36, 34] : clothColor(random),
    longSleeves: random.chance(0.65),
    legs: random.pick(['trousers', 'trousers', 'trousers', 'trousers', 'shorts', 'skirt', 'coat']),
    hat: random.chance(0.2) ? clothColor(random) : undefined,
    bag: random.pick(['none', 'none', 'none', 'backpack', 'shoulder', 'hand']),
    bagColor: clothColor(random),
  };
}

/** Draws a standing or walking person at the pen's place. */
export function drawPerson(pen: Pen, look: PersonLook, pose: PersonPose): void {
  if (pose.view === 'side') drawSide(pen, look, pose);
  else drawFront(pen, look, pose);
}

function drawSide(pen: Pen, look: PersonLook, pose: PersonPose): void {
  const h = look.heightM;
  const g = look.girth;
  const step = Math.sin(pose.phase) * 0.48 * pose.swing;
  const hipY = 0.51 * h - 0.018 * h * Math.abs(Math.sin(pose.phase)) * pose.swing;
  const shoulderY = hipY + 0.31 * h;
  const lean = 0.02 * h * pose.swing;
  drawSideArm(pen, look, lean, shoulderY, step * 0.9, false, 0.72);
  drawSideLeg(pen, look, hipY, -step, Math.cos(pose.phase) * pose.swing, 0.74);
  drawSideLeg(pen, look, hipY, step, -Math.cos(pose.phase) * pose.swing, 1);
  if (look.bag === 'backpack') {
    pen.ellipse(-0.12 * h * g, shoulderY - 0.1 * h, 0.065 * h, 0.115 * h, shaded(look.bagColor, 0.1 * h));
  }
  const half = 0.068 * h * g;
  if (look.legs === 'skirt' || look.legs === 'coat') {
    const hem = look.legs === 'coat' ? 0.3 * h : 0.34 * h;
    const color = look.legs === 'coat' ? look.top : look.bottom;
    pen.polygon([-half, hipY, half, hipY, half * 1.6, hem, -half * 1.6, hem], shaded(color, half));
  }
  const torso = shaded(look.top, half);
  pen.polygon(
    [
      -half * 0.95,
      hipY - 0.03 * h,
      half,
      hipY - 0.03 * h,
      half * 1.05 + lean,
      shoulderY - 0.05 * h,
      half * 0.6 + lean,
      shoulderY + 0.012 * h,
      -half * 0.6 + lean,
      shoulderY + 0.012 * h,
      -half * 1.1 + lean,
      shoulderY - 0.06 * h,
    ],
    torso,
  );
  drawHead(pen, look, lean + 0.012 * h, shoulderY, 'side');
  drawSideArm(pen, look, lean, shoulderY, -step * 0.9, pose.armUp ?? false, 1);
  if (look.bag === 'shoulder') {
    pen.rect(-0.05 * h, hipY - 0.06 * h, 0.12 * h, 0.1 * h, shaded(look.bagColor, 0.05 * h));
    pen.limb(lean - 0.03 * h, shoulderY, 0.008 * h, 0.03 * h, hipY + 0.03 * h, 0.008 * h, { color: look.bagColor });
  }
  if (look.bag === 'hand') pen.rect(-0.06 * h, 0.2 * h, 0.13 * h, 0.12 * h, shaded(look.bagColor, 0.06 * h));
}

function drawSideLeg(pen: Pen, look: PersonLook, hipY: number, thigh: number, lift: number, light: number): void {
  const h = look.heightM;
  const bend = Math.max(0, lift) * 0.7;
  const kneeX = Math.sin(thigh) * 0.25 * h;
  const kneeY = hipY - Math.cos(thigh) * 0.25 * h;
  const footX = kneeX + Math.sin(thigh - bend) * 0.235 * h;
  const footY = Math.max(0.022 * h, kneeY - Math.cos(thigh - bend) * 0.235 * h);
  drawLeg(pen, look, [0, hipY, kneeX, kneeY, footX, footY], light);
  const shoe: Ink = { color: tone(look.shoes, light) };
  pen.limb(footX - 0.012 * h, footY, 0.024 * h, footX + 0.075 * h, footY - 0.004 * h, 0.018 * h, shoe);
}

function drawLeg(
  pen: Pen,
  look: PersonLook,
  [hx, hy, kx, ky, fx, fy]: readonly [number, number, number, number, number, number],
  light: number,
): void {
  const h = look.heightM;
  const g = Math.sqrt(look.girth);
  const bare = look.legs === 'shorts' || look.legs === 'skirt';
  const upper: Ink = { color: tone(look.legs === 'skirt' ? look.skin : look.bottom, light) };
  const lower: Ink = { color: tone(bare ? look.skin : look.bottom, light * 0.94) };
  pen.limb(kx, ky, 0.04 * h * g, fx, fy, 0.028 * h * g, lower);
  pen.limb(hx, hy, 0.058 * h * g, kx, ky, 0.042 * h * g, upper);
}

function drawSideArm(
  pen: Pen,
  look: PersonLook,
  x: number,
  shoulderY: number,
  angle: number,
  raised: boolean,
  light: number,
): void {
  const h = look.heightM;
  const upper = raised ? 1.1 : angle;
  const lower = raised ? 2.9 : angle + 0.25;
  const ex = x + Math.sin(upper) * 0.17 * h;
  const ey = shoulderY - 0.03 * h - Math.cos(upper) * 0.17 * h;
  const wx = ex + Math.sin(lower) * 0.15 * h;
  const wy = ey - Math.cos(lower) * 0.15 * h;
  drawArm(pen, look, [x, shoulderY - 0.03 * h, ex, ey, wx, wy], light);
}

function drawArm(
  pen: Pen,
  look: PersonLook,
  [sx, sy, ex, ey, wx, wy]: readonly [number, number, number, number, number, number],
  light: number,
): void {
  const h = look.heightM;
  const sleeve = tone(look.top, 0.86 * light);
  const skin = tone(look.skin, light);
  pen.limb(ex, ey, 0.026 * h, wx, wy, 0.02 * h, { color: look.longSleeves ? sleeve : skin });
  pen.limb(sx, sy, 0.034 * h, ex, ey, 0.028 * h, { color: sleeve });
  pen.ellipse(wx, wy, 0.024 * h, 0.024 * h, { color: skin });
}

function drawFront(pen: Pen, look: PersonLook, pose: PersonPose): void {
  const h = look.heightM;
  const g = look.girth;
  const s = Math.sin(pose.phase) * pose.swing;
  const hipY = 0.51 * h;
  const shoulderY = 0.82 * h;
  for (const side of [-1, 1]) {
    const lift = Math.max(0, side * s) * 0.07 * h;
    const x = side * 0.05 * h * g;
    drawLeg(pen, look, [x, hipY, x + side * 0.01 * h, 0.27 * h + lift * 0.6, x, 0.05 * h + lift], lift > 0 ? 0.9 : 1);
    pen.ellipse(x + side * 0.008 * h, 0.024 * h + lift, 0.032 * h, 0.024 * h, { color: look.shoes });
  }
  const half = 0.105 * h * g;
  if (look.legs === 'skirt' || look.legs === 'coat') {
    const hem = look.legs === 'coat' ? 0.28 * h : 0.34 * h;
    const color = look.legs === 'coat' ? look.top : look.bottom;
    pen.polygon([-half * 0.85, hipY, half * 0.85, hipY, half * 1.2, hem, -half * 1.2, hem], shaded(color, half));
  }
  for (const side of [-1, 1]) {
    const swing = side * s * 0.03 * h;
    const raised = pose.armUp === true && side > 0;
    const sx = side * half * 1.02;
    const ex = side * (half * 1.2 + 0.012 * h);
    const elbow = shoulderY - 0.19 * h;
    drawArm(
      pen,
      look,
      raised
        ? [sx, shoulderY - 0.03 * h, ex + 0.05 * h, shoulderY - 0.1 * h, 0.075 * h, 0.95 * h]
        : [sx, shoulderY - 0.03 * h, ex, elbow + swing, ex + side * 0.005 * h, elbow - 0.15 * h + 2 * swing],
      0.95,
    );
  }
  pen.polygon(
    [
      -half * 0.8,
      hipY - 0.04 * h,
      half * 0.8,
      hipY - 0.04 * h,
      half * 1.08,
      shoulderY - 0.04 * h,
      half * 0.62,
      shoulderY + 0.012 * h,
      -half * 0.62,
      shoulderY + 0.012 * h,
      -half * 1.08,
      shoulderY - 0.04 * h,
    ],
    shaded(look.top, half),
  );
  if (look.bag === 'backpack') {
    if (pose.view === 'back') {
      pen.ellipse(0, shoulderY - 0.12 * h, half * 0.85, 0.13 * h, shaded(look.bagColor, half));
    } else {
      for (const side of [-1, 1]) {
        pen.limb(side * half * 0.55, shoulderY, 0.01 * h, side * half * 0.7, shoulderY - 0.2 * h, 0.01 * h, {
          color: look.bagColor,
        });
      }
    }
  }
  if (look.bag === 'shoulder') {
    pen.limb(-half * 0.6, shoulderY, 0.008 * h, half * 0.9, hipY, 0.008 * h, { color: look.bagColor });
    pen.rect(half * 0.6, hipY - 0.08 * h, 0.09 * h, 0.11 * h, shaded(look.bagColor, half));
  }
  drawHead(pen, look, 0, shoulderY, pose.view);
}

/** The head on its neck, with hair, face and hat. `x` is the neck's place. */
export function drawHead(
  pen: Pen,
  look: PersonLook,
  x: number,
  shoulderY: number,
  view: 'side' | 'front' | 'back',
): void {
  const h = look.heightM;
  // Children's heads are larger in proportion.
  const r = 0.058 * h * (h < 1.45 ? 1.22 : 1);
  const cy = shoulderY + 0.035 * h + r;
  const hair: Ink = { color: look.hair };
  if (look.longHair && view !== 'back')
    pen.ellipse(x - (view === 'side' ? r * 0.55 : 0), cy - r * 0.35, r * 0.98, r * 1.5, hair);
  pen.limb(x, shoulderY - 0.01 * h, 0.03 * h, x, cy, 0.028 * h, { color: tone(look.skin, 0.84) });
  pen.ellipse(x, cy, r * 0.86, r * 1.12, {
    color: look.skin,
    shade: tone(look.skin, 0.86),
    along: [x - r, cy, x + r, cy],
  });
  if (view === 'back') {
    pen.ellipse(x, cy + r * 0.12, r * 0.92, look.longHair ? r * 1.35 : r * 1.05, hair);
  } else if (view === 'side') {
    pen.ellipse(x - r * 0.3, cy + r * 0.4, r * 0.78, r * 0.82, hair);
    pen.ellipse(x + r * 0.86, cy - r * 0.1, r * 0.16, r * 0.2, { color: look.skin });
  } else {
    pen.polygon(arc(x, cy + r * 0.1, r * 0.92, r * 1.1), hair);
    if (pen.pxPerM * r > 4) {
      const dark: Ink = { color: [40, 30, 28] };
      pen.ellipse(x - r * 0.34, cy + r * 0.02, r * 0.1, r * 0.08, dark);
      pen.ellipse(x + r * 0.34, cy + r * 0.02, r * 0.1, r * 0.08, dark);
      pen.limb(x - r * 0.2, cy - r * 0.52, r * 0.05, x + r * 0.2, cy - r * 0.52, r * 0.05, { color: [150, 70, 64] });
    }
  }
  if (look.hat !== undefined) {
    pen.polygon(arc(x, cy + r * 0.38, r * 1.0, r * 0.95), { color: look.hat });
    const brim = view === 'side' ? r * 1.7 : r * 1.15;
    pen.limb(x - r * 0.9, cy + r * 0.4, r * 0.1, x + brim, cy + r * 0.4, r * 0.1, { color: tone(look.hat, 0.8) });
  }
}

/** The upper half of an ellipse as a closed polygon. */
function arc(cx: number, cy: number, rx: number, ry: number): number[] {
  const points: number[] = [];
  for (let i = 0; i <= 10; i++) {
    const t = (Math.PI * i) / 10;
    points.push(cx + rx * Math.cos(t), cy + ry * Math.sin(t));
  }
  return points;
}

// Cloth on a round body: lit from the left, darker to the right.
function shaded(color: Rgb, half: number): Ink {
  return { color: tone(color, 1.12), shade: tone(color, 0.74), along: [-half, 0, half, 0] };
}
