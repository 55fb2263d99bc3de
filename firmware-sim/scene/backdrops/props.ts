import type { Random } from '../../../base/random.js';
import type { Rgb } from '../canvas.js';
import { clothColor, mix, tone, vary } from '../palette.js';
import type { Ink, Pen } from '../pen.js';
import type { Materials } from '../texture.js';

/** Things that stand around: they hide figures that pass behind them, and they are what a detector must not report. */
export type PropKind =
  | 'tree'
  | 'bush'
  | 'pole'
  | 'bench'
  | 'bin'
  | 'sign'
  | 'crate'
  | 'cone'
  | 'hydrant'
  | 'plant'
  | 'table'
  | 'chair'
  | 'shelf';

type Draw = (pen: Pen, random: Random, materials: Materials) => void;

const DRAW: Readonly<Record<PropKind, Draw>> = {
  tree: drawTree,
  bush: drawBush,
  pole: drawPole,
  bench: drawBench,
  bin: drawBin,
  sign: drawSign,
  crate: drawCrate,
  cone: drawCone,
  hydrant: drawHydrant,
  plant: drawPlant,
  table: drawTable,
  chair: drawChair,
  shelf: drawShelf,
};

/** Draws a prop at the pen's place. */
export function drawProp(kind: PropKind, pen: Pen, random: Random, materials: Materials): void {
  DRAW[kind](pen, random, materials);
}

function foliage(random: Random, materials: Materials): { dark: Ink; light: Ink } {
  const green = vary(
    random,
    random.pick([
      [62, 96, 48],
      [84, 112, 52],
      [48, 80, 56],
      [150, 108, 44],
    ] as const),
    12,
  );
  const grain = { tile: materials.leaf, amplitude: 26, texelsPerM: 60 };
  return { dark: { color: tone(green, 0.68), grain }, light: { color: tone(green, 1.12), grain } };
}

function drawTree(pen: Pen, random: Random, materials: Materials): void {
  const height = random.range(3.2, 6);
  const crown = random.range(0.9, 1.6);
  const bark: Ink = {
    color: [96, 74, 56],
    shade: [52, 40, 32],
    along: [-0.15, 0, 0.15, 0],
    grain: { tile: materials.grain, amplitude: 18, texelsPerM: 90 },
  };
  pen.limb(0, 0, 0.17, random.range(-0.2, 0.2), height * 0.72, 0.09, bark);
  const { dark, light } = foliage(random, materials);
  for (let i = 0; i < 16; i++) {
    const t = random.range(0, 2 * Math.PI);
    const d = Math.sqrt(random.next()) * crown;
    const r = random.range(0.35, 0.6) * crown;
    pen.ellipse(Math.cos(t) * d, height * 0.8 + Math.sin(t) * d * 0.8, r, r * 0.85, i < 7 ? dark : light);
  }
}

function drawBush(pen: Pen, random: Random, materials: Materials): void {
  const { dark, light } = foliage(random, materials);
  const width = random.range(0.6, 1.3);
  const height = random.range(0.5, 1.1);
  for (let i = 0; i < 10; i++) {
    const x = random.range(-width, width) * 0.7;
    const r = random.range(0.35, 0.6) * height;
    pen.ellipse(x, r * 0.8 + random.range(0, 0.45) * height, r * 1.2, r, i < 5 ? dark : light);
  }
}

function drawPole(pen: Pen, random: Random): void {
  const color: Rgb = random.pick([
    [70, 74, 78],
    [46, 60, 52],
    [130, 132, 134],
  ] as const);
  const r = random.range(0.05, 0.11);
  const ink: Ink = { color: tone(color, 1.2), shade: tone(color, 0.6), along: [-r, 0, r, 0] };
  pen.rect(-r, 0, 2 * r, 4.6, ink);
  pen.rect(-r * 1.9, 0, r * 3.8, 0.35, ink);
  if (random.chance(0.7)) {
    pen.limb(0, 4.5, 0.04, 0.7, 4.7, 0.04, ink);
    pen.limb(0.6, 4.66, 0.09, 1, 4.68, 0.08, { color: [250, 240, 205] });
  }
}

function drawBench(pen: Pen, random: Random): void {
  const wood = vary(random, [132, 92, 56], 16);
  const iron: Ink = { color: [44, 46, 48] };
  for (const x of [-0.75, 0.7]) pen.rect(x, 0, 0.07, 0.82, iron);
  for (const y of [0.42, 0.55, 0.68, 0.8]) pen.rect(-0.9, y, 1.8, 0.085, { color: tone(wood, y > 0.45 ? 1 : 0.75) });
}

function drawBin(pen: Pen, random: Random): void {
  const color = random.pick([
    [48, 74, 56],
    [70, 72, 76],
    [44, 62, 100],
    [120, 54, 40],
  ] as const);
  const w = random.range(0.22, 0.36);
  const h = random.range(0.75, 1.1);
  pen.polygon([-w * 0.85, 0, w * 0.85, 0, w, h, -w, h], {
    color: tone(color, 1.25),
    shade: tone(color, 0.6),
    along: [-w, 0, w, 0],
  });
  pen.rect(-w * 1.1, h, w * 2.2, 0.09, { color: tone(color, 0.55) });
}

function drawSign(pen: Pen, random: Random): void {
  const h = random.range(1.9, 2.6);
  pen.rect(-0.03, 0, 0.06, h, { color: [128, 130, 132] });
  const face = random.pick([
    [186, 36, 36],
    [36, 78, 150],
    [228, 196, 60],
    [220, 222, 222],
  ] as const);
  if (random.chance(0.5)) pen.ellipse(0, h, 0.3, 0.3, { color: face });
  else pen.rect(-0.3, h - 0.2, 0.6, 0.6, { color: face });
  pen.rect(-0.16, h - 0.04, 0.32, 0.1, { color: [236, 236, 230] });
}

function drawCrate(pen: Pen, random: Random, materials: Materials): void {
  const w = random.range(0.25, 0.6);
  const h = random.range(0.3, 1.1);
  const color = vary(random, [164, 126, 82], 26);
  pen.rect(-w, 0, 2 * w, h, { color, grain: { tile: materials.streak, amplitude: 16, texelsPerM: 110 } });
  for (const y of [0, h * 0.5, h - 0.06]) pen.rect(-w, y, 2 * w, 0.05, { color: tone(color, 0.7) });
}

function drawCone(pen: Pen): void {
  pen.rect(-0.2, 0, 0.4, 0.05, { color: [30, 30, 32] });
  pen.polygon([-0.15, 0.05, 0.15, 0.05, 0.03, 0.62, -0.03, 0.62], { color: [232, 104, 36] });
  pen.polygon([-0.1, 0.26, 0.1, 0.26, 0.075, 0.4, -0.075, 0.4], { color: [238, 238, 232] });
}

function drawHydrant(pen: Pen, random: Random): void {
  const color = random.pick([
    [190, 44, 36],
    [214, 178, 44],
    [60, 96, 160],
  ] as const);
  const ink: Ink = { color: tone(color, 1.1), shade: tone(color, 0.6), along: [-0.15, 0, 0.15, 0] };
  pen.rect(-0.13, 0, 0.26, 0.62, ink);
  pen.ellipse(0, 0.64, 0.13, 0.12, ink);
  pen.rect(-0.22, 0.38, 0.44, 0.13, ink);
}

function drawPlant(pen: Pen, random: Random, materials: Materials): void {
  const { dark, light } = foliage(random, materials);
  pen.polygon([-0.16, 0, 0.16, 0, 0.22, 0.36, -0.22, 0.36], { color: vary(random, [168, 92, 62], 20) });
  const height = random.range(0.5, 1.3);
  for (let i = 0; i < 9; i++) {
    const t = random.range(-0.8, 0.8);
    pen.limb(0, 0.34, 0.04, Math.sin(t) * height * 0.6, 0.36 + Math.cos(t) * height, 0.07, i < 4 ? dark : light);
  }
}

function drawTable(pen: Pen, random: Random, materials: Materials): void {
  const wood = vary(random, [142, 104, 68], 26);
  const w = random.range(0.6, 1.1);
  for (const x of [-w * 0.9, w * 0.84]) pen.rect(x, 0, 0.07, 0.72, { color: tone(wood, 0.66) });
  pen.polygon([-w, 0.7, w, 0.7, w * 0.92, 0.86, -w * 0.92, 0.86], {
    color: wood,
    grain: { tile: materials.streak, amplitude: 14, texelsPerM: 90 },
  });
  pen.rect(-w, 0.66, 2 * w, 0.06, { color: tone(wood, 0.75) });
  if (random.chance(0.5)) pen.rect(random.range(-0.5, 0.2) * w, 0.8, 0.24, 0.2, { color: clothColor(random) });
}

function drawChair(pen: Pen, random: Random): void {
  const color = clothColor(random);
  const leg: Ink = { color: tone(color, 0.55) };
  for (const x of [-0.2, 0.16]) pen.rect(x, 0, 0.045, 0.45, leg);
  pen.rect(-0.22, 0.42, 0.44, 0.07, { color: tone(color, 0.8) });
  pen.rect(-0.21, 0.5, 0.42, 0.45, { color, shade: tone(color, 0.75), along: [-0.2, 0, 0.2, 0] });
}

function drawShelf(pen: Pen, random: Random, materials: Materials): void {
  const wood = vary(random, [120, 88, 62], 24);
  const w = random.range(0.4, 0.8);
  const h = random.range(0.9, 2);
  pen.rect(-w, 0, 2 * w, h, { color: wood, grain: { tile: materials.streak, amplitude: 12, texelsPerM: 80 } });
  for (let y = 0.1; y + 0.3 < h; y += 0.38) {
    pen.rect(-w + 0.05, y, 2 * w - 0.1, 0.31, { color: tone(wood, 0.45) });
    for (let x = -w + 0.07; x + 0.09 < w - 0.05; x += 0.09) {
      if (random.chance(0.75)) {
        pen.rect(x, y, 0.075, random.range(0.17, 0.29), { color: mix(clothColor(random), wood, 0.25) });
      }
    }
  }
}
