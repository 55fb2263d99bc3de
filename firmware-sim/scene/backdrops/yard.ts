import type { Rgb } from '../canvas.js';
import { tone, vary } from '../palette.js';
import { groundX, groundY, pxPerM } from '../view.js';
import { type Stage, type StageOptions, StagePainter } from './stage.js';
import { paintSky } from './street.js';

/** A yard: a facade with a garage door or a fence with a gate, gravel or concrete ground. */
export function paintYard(options: StageOptions): Stage {
  const { random } = options;
  const p = new StagePainter(options, random.range(0.14, 0.28), random.range(2.6, 3.3));
  const wallZ = p.zOf(random.range(42, 48));
  const base = groundY(p.view, wallZ);
  paintSky(p);
  if (random.chance(0.5)) paintFacade(p, wallZ);
  else paintFence(p, wallZ);
  const ground = vary(
    random,
    random.pick([
      [150, 142, 128],
      [128, 126, 124],
      [164, 150, 120],
      [116, 108, 98],
    ] as const),
    16,
  );
  p.rect(0, base, p.view.widthPx, p.view.heightPx, {
    from: tone(ground, 0.86),
    to: tone(ground, 1.1),
    alongPx: [0, base, 0, p.view.heightPx],
    ...p.grain(random.chance(0.5) ? 'leaf' : 'grain', 12, 1.8, 3.4),
  });
  p.rect(0, base, p.view.widthPx, p.view.heightPx, { from: ground, alpha: 0.45, ...p.grain('cloud', 44, 0.4, 1.3) });
  if (random.chance(0.5)) {
    for (let x = -8; x < 8; x += 2.7)
      p.ground(x, wallZ * 0.96, x + 0.1, p.zOf(72), { from: [220, 216, 200], alpha: 0.7 });
  }
  p.lamp(p.view.widthPx * random.range(0.2, 0.8), p.rowOf(58), 280 * p.unit, [1, 0.9, 0.7]);
  for (let i = 0; i < 2; i++) {
    const z = wallZ * (0.97 - 0.03 * i);
    p.prop(random.pick(['bin', 'crate', 'bush', 'plant', 'pole'] as const), random.range(-1, 1) * p.halfWidthAt(z), z);
  }
  p.scatter(['bush', 'crate', 'bin', 'cone', 'tree', 'plant', 'bench'], 60, 118);
  return p.finish('yard', false, [
    { kinds: ['car'], scaleFar: 60, scaleNear: 63, way: 'parked', everyS: 60 },
    { kinds: ['person', 'person', 'person', 'bicycle'], scaleFar: 52, scaleNear: 56, way: 'across', everyS: 14 },
    { kinds: ['car', 'person', 'rider'], scaleFar: 70, scaleNear: 76, way: 'across', everyS: 18 },
    { kinds: ['dog', 'dog', 'person'], scaleFar: 98, scaleNear: 118, way: 'across', everyS: 13 },
    { kinds: ['person', 'car'], scaleFar: 52, scaleNear: 112, way: 'along', everyS: 30 },
  ]);
}

function paintFacade(p: StagePainter, z: number): void {
  const { random, pen } = p;
  const half = p.halfWidthAt(z) + 1;
  const wall = vary(
    random,
    random.pick([
      [188, 176, 156],
      [162, 110, 84],
      [160, 166, 170],
      [204, 196, 170],
    ] as const),
    16,
  );
  pen.place(0, groundX(p.view, 0, z), groundY(p.view, z), pxPerM(p.view, z));
  pen.rect(-half, 0, 2 * half, 6.5, {
    color: wall,
    shade: tone(wall, 0.82),
    along: [0, 5, 0, 0],
    grain: { tile: p.materials.grain, amplitude: 12, texelsPerM: 34 },
  });
  pen.rect(-half, 0, 2 * half, 6.5, {
    color: wall,
    alpha: 0.4,
    grain: { tile: p.materials.cloud, amplitude: 44, texelsPerM: 16 },
  });
  for (let y = 0.25; y < 5; y += 0.25) pen.rect(-half, y, 2 * half, 0.03, { color: tone(wall, 0.82), alpha: 0.45 });
  for (let x = -half + random.range(0.6, 1.6); x < half; ) {
    const garage = random.chance(0.4);
    const w = garage ? 2.6 : 1.1;
    const color: Rgb = garage ? vary(random, [170, 172, 170], 34) : [80, 94, 106];
    const y = garage ? 0 : 1;
    const h = garage ? 2.3 : 1.4;
    pen.rect(x - 0.1, y, w + 0.2, h + 0.1, { color: tone(wall, 1.18) });
    pen.rect(x, y, w, h, { color, shade: tone(color, 1.2), along: [0, y, 0, y + h] });
    for (let i = 1; garage && i < 6; i++) pen.rect(x, (i * h) / 6, w, 0.035, { color: tone(color, 0.72) });
    if (!garage) pen.rect(x + w / 2 - 0.03, y, 0.06, h, { color: tone(wall, 1.15) });
    x += w + random.range(0.9, 2.4);
  }
}

function paintFence(p: StagePainter, z: number): void {
  const { random, pen } = p;
  const half = p.halfWidthAt(z) + 1;
  const behind = vary(random, [86, 110, 66], 14);
  const base = groundY(p.view, z);
  const height = 190 * p.unit * p.zoom;
  p.rect(0, base - height, p.view.widthPx, base, {
    from: tone(behind, 1.1),
    to: tone(behind, 0.7),
    alongPx: [0, base - height, 0, base],
    ...p.grain('leaf', 34, 1.2),
  });
  const wood = vary(random, [146, 112, 78], 22);
  pen.place(0, groundX(p.view, 0, z), base, pxPerM(p.view, z));
  const step = random.range(0.18, 0.34);
  const board = step * random.range(0.6, 0.95);
  for (let x = -half; x < half; x += step) {
    const c = tone(wood, random.range(0.86, 1.1));
    pen.rect(x, 0, board, 1.6, {
      color: c,
      shade: tone(c, 0.84),
      along: [x, 0, x + board, 0],
      grain: { tile: p.materials.streak, amplitude: 12, texelsPerM: 40 },
    });
  }
  for (const y of [0.35, 1.25]) pen.rect(-half, y, 2 * half, 0.1, { color: tone(wood, 0.78) });
}
