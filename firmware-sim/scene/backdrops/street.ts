import type { Rgb } from '../canvas.js';
import { mix, tone, vary } from '../palette.js';
import { groundX, groundY, pxPerM } from '../view.js';
import { type Stage, type StageOptions, StagePainter } from './stage.js';

/** Houses, far pavement, road with lane marks, near pavement. */
export function paintStreet(options: StageOptions): Stage {
  const { random } = options;
  const p = new StagePainter(options, random.range(0.18, 0.3), random.range(2.6, 3.3));
  paintSky(p);
  const wallZ = p.zOf(random.range(32, 38));
  paintHouses(p, wallZ);
  const kerbFar = p.zOf(random.range(52, 54));
  const kerbNear = p.zOf(random.range(78, 86));
  const w = p.view.widthPx;
  const stone = vary(random, [150, 146, 138], 16);
  const asphalt = vary(random, [84, 84, 88], 14);
  const bottom = p.view.heightPx;
  p.rect(0, groundY(p.view, wallZ), w, bottom, { from: stone, ...p.grain('grain', 14, 1.3, 3) });
  p.rect(0, groundY(p.view, kerbFar), w, groundY(p.view, kerbNear), {
    from: tone(asphalt, 0.9),
    to: tone(asphalt, 1.1),
    alongPx: [0, groundY(p.view, kerbFar), 0, groundY(p.view, kerbNear)],
    ...p.grain('grain', 12, 1.7, 3.4),
  });
  p.rect(0, groundY(p.view, kerbFar), w, groundY(p.view, kerbNear), {
    from: asphalt,
    alpha: 0.4,
    ...p.grain('cloud', 34, 0.4, 1.2),
  });
  for (const z of [kerbFar, kerbNear]) {
    p.rect(0, groundY(p.view, z * 1.006), w, groundY(p.view, z * 0.98), { from: tone(stone, 1.18) });
  }
  paintMarks(p, kerbFar, kerbNear);
  paintSlabs(p, kerbNear);
  const lampZ = p.zOf(50);
  for (let x = random.range(-6, -3); x < p.halfWidthAt(lampZ); x += random.range(5, 8)) {
    p.prop(random.chance(0.7) ? 'pole' : 'tree', x, lampZ);
    p.lamp(groundX(p.view, x + 0.8, lampZ), groundY(p.view, lampZ), 190 * p.unit * p.zoom, [1, 0.82, 0.5]);
  }
  p.scatter(['bin', 'bench', 'sign', 'hydrant', 'cone', 'bush', 'tree', 'pole'], 80, 112);
  return p.finish('street', false, [
    { kinds: ['person'], scaleFar: 45, scaleNear: 50, way: 'across', everyS: 11 },
    { kinds: ['car', 'car', 'car', 'rider'], scaleFar: 58, scaleNear: 61, way: 'across', everyS: 12 },
    { kinds: ['car', 'car', 'rider'], scaleFar: 70, scaleNear: 74, way: 'across', everyS: 15 },
    { kinds: ['person', 'person', 'dog', 'bicycle'], scaleFar: 90, scaleNear: 112, way: 'across', everyS: 14 },
    { kinds: ['person'], scaleFar: 46, scaleNear: 116, way: 'along', everyS: 40 },
  ]);
}

/** Sky with soft clouds down to the horizon and a little below, where things will cover it. */
export function paintSky(p: StagePainter): void {
  const { random } = p;
  const top: Rgb = random.pick([
    [96, 146, 206],
    [130, 164, 200],
    [164, 172, 182],
    [206, 168, 140],
  ] as const);
  const low = mix(top, [238, 236, 230], 0.65);
  const end = p.view.horizonPx + 60 * p.unit;
  if (end <= 0) return;
  p.rect(0, 0, p.view.widthPx, end, { from: top, to: low, alongPx: [0, 0, 0, end] });
  p.rect(0, 0, p.view.widthPx, end, { from: [236, 236, 236], alpha: 0.35, ...p.grain('cloud', 60, 0.25, 0.6) });
}

function paintHouses(p: StagePainter, z: number): void {
  const { random, pen } = p;
  const scale = pxPerM(p.view, z);
  const y = groundY(p.view, z);
  const half = p.halfWidthAt(z);
  for (let x = -half - random.range(0, 4); x < half; ) {
    const width = random.range(4.5, 8.5);
    const floors = 2 + random.int(3);
    const wall = vary(
      random,
      random.pick([
        [188, 166, 138],
        [170, 118, 92],
        [206, 200, 188],
        [148, 150, 152],
        [196, 176, 120],
        [150, 166, 178],
      ] as const),
      18,
    );
    pen.place(0, groundX(p.view, x, z), y, scale);
    const height = floors * 2.9 + 0.6;
    pen.rect(0, 0, width, height, {
      color: wall,
      shade: tone(wall, 0.86),
      along: [0, height, 0, 0],
      grain: { tile: p.materials.grain, amplitude: 12, texelsPerM: 30 },
    });
    pen.rect(0, 0, width, height, {
      color: wall,
      alpha: 0.35,
      grain: { tile: p.materials.cloud, amplitude: 40, texelsPerM: 14 },
    });
    pen.rect(0, 0, width, 0.5, { color: tone(wall, 0.62) });
    pen.rect(width - 0.08, 0, 0.08, height, { color: tone(wall, 0.6) });
    pen.rect(0, height, width, 0.7, { color: vary(random, [112, 66, 52], 20) });
    const bays = Math.max(2, Math.round(width / 2.1));
    for (let f = 0; f < floors; f++) {
      for (let b = 0; b < bays; b++) {
        const wx = ((b + 0.5) * width) / bays;
        if (f === 0 && b === 0) paintDoor(p, wx);
        else paintWindow(p, wx, 0.85 + f * 2.9, wall);
      }
    }
    x += width;
  }
}

function paintWindow(p: StagePainter, x: number, y: number, wall: Rgb): void {
  const { random, pen } = p;
  const lit = random.chance(0.25);
  pen.rect(x - 0.58, y - 0.1, 1.16, 1.7, { color: tone(wall, 1.2) });
  const glass: Rgb = lit ? [232, 206, 140] : [78, 92, 106];
  pen.rect(x - 0.48, y, 0.96, 1.5, { color: glass, shade: tone(glass, 1.35), along: [0, y, 0, y + 1.5] });
  pen.rect(x - 0.03, y, 0.06, 1.5, { color: tone(wall, 1.15) });
  pen.rect(x - 0.48, y + 0.9, 0.96, 0.06, { color: tone(wall, 1.15) });
  if (random.chance(0.4)) pen.rect(x - 0.48, y, 0.3, 1.5, { color: [214, 206, 196], alpha: 0.8 });
}

function paintDoor(p: StagePainter, x: number): void {
  const { random, pen } = p;
  const color = vary(
    random,
    random.pick([
      [104, 62, 40],
      [46, 66, 60],
      [60, 62, 92],
    ] as const),
    16,
  );
  pen.rect(x - 0.6, 0, 1.2, 2.3, { color: [196, 190, 180] });
  pen.rect(x - 0.5, 0, 1, 2.15, { color });
  pen.rect(x - 0.36, 1.15, 0.72, 0.8, { color: tone(color, 0.7) });
  pen.ellipse(x + 0.38, 1, 0.05, 0.05, { color: [206, 186, 110] });
}

function paintMarks(p: StagePainter, far: number, near: number): void {
  const z = 2 / (1 / far + 1 / near);
  const half = p.halfWidthAt(z) + 3;
  const white: Rgb = [214, 214, 206];
  for (let x = -half + p.random.range(0, 2); x < half; x += 3.4) {
    p.ground(x, z * 1.012, x + 1.7, z * 0.988, { from: white, alpha: 0.85 });
  }
  if (p.random.chance(0.4)) {
    const x0 = p.random.range(-3, 1);
    for (let i = 0; i < 5; i++) {
      p.ground(x0 + i * 0.9, far * 0.97, x0 + i * 0.9 + 0.5, near * 1.02, { from: white, alpha: 0.8 });
    }
  }
}

function paintSlabs(p: StagePainter, from: number): void {
  const line: Rgb = [96, 92, 86];
  for (let z = from * 0.97; z > p.zOf(190); z *= 0.93) {
    p.rect(0, groundY(p.view, z), p.view.widthPx, groundY(p.view, z) + 1.2 * p.unit, { from: line, alpha: 0.35 });
  }
  const half = p.halfWidthAt(from);
  for (let x = -half; x < half; x += 0.9) {
    p.ground(x, from * 0.97, x + 0.02, p.zOf(190), { from: line, alpha: 0.4 });
  }
}
