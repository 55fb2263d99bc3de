import type { Rgb } from '../canvas.js';
import { clothColor, mix, tone, vary } from '../palette.js';
import { groundX, groundY, pxPerM } from '../view.js';
import { type Stage, type StageOptions, StagePainter } from './stage.js';

/** A room or corridor: papered wall with doors, pictures and a window, tiled or wooden floor. */
export function paintRoom(options: StageOptions): Stage {
  const { random } = options;
  const p = new StagePainter(options, random.range(0.2, 0.36), random.range(2, 2.5));
  const wallZ = p.zOf(random.range(54, 64));
  const wall = vary(
    random,
    random.pick([
      [206, 198, 180],
      [170, 184, 186],
      [190, 176, 150],
      [164, 172, 148],
      [198, 180, 178],
      [132, 142, 156],
    ] as const),
    18,
  );
  const base = groundY(p.view, wallZ);
  p.rect(0, 0, p.view.widthPx, base, {
    from: tone(wall, 1.08),
    to: tone(wall, 0.84),
    alongPx: [0, 0, p.view.widthPx, base],
    ...p.grain('grain', 7, 1),
  });
  p.rect(0, 0, p.view.widthPx, base, { from: wall, alpha: 0.3, ...p.grain('cloud', 30, 0.3) });
  if (random.chance(0.5)) paintWallpaper(p, wall, base);
  paintFloor(p, wallZ);
  paintWallThings(p, wallZ, wall);
  p.rect(0, base - 8 * p.unit * p.zoom, p.view.widthPx, base, { from: tone(wall, 0.66) });
  for (const share of [0.25, 0.75]) {
    p.lamp(p.view.widthPx * (share + random.range(-0.1, 0.1)), base - 20 * p.unit, 260 * p.unit, [1, 0.88, 0.66]);
  }
  if (random.chance(0.6)) p.prop('shelf', random.range(-1, 1) * p.halfWidthAt(wallZ) * 0.8, wallZ * 0.98);
  p.scatter(['plant', 'table', 'chair', 'crate', 'bin', 'chair', 'plant'], 66, 135);
  return p.finish('room', true, [
    {
      kinds: ['person', 'person', 'person', 'person', 'bicycle'],
      scaleFar: 68,
      scaleNear: 84,
      way: 'across',
      everyS: 13,
    },
    { kinds: ['person', 'dog', 'dog'], scaleFar: 100, scaleNear: 125, way: 'across', everyS: 15 },
    { kinds: ['person'], scaleFar: 64, scaleNear: 130, way: 'along', everyS: 22 },
  ]);
}

function paintWallpaper(p: StagePainter, wall: Rgb, base: number): void {
  const step = p.random.range(18, 44) * p.unit;
  const accent = tone(wall, p.random.chance(0.5) ? 0.88 : 1.12);
  for (let x = p.random.range(0, step); x < p.view.widthPx; x += step) {
    p.rect(x, 0, x + step * 0.4, base, { from: accent, alpha: 0.5 });
  }
}

function paintFloor(p: StagePainter, wallZ: number): void {
  const { random } = p;
  const floor = vary(
    random,
    random.pick([
      [148, 112, 78],
      [168, 164, 156],
      [112, 108, 104],
      [126, 82, 58],
    ] as const),
    18,
  );
  const base = groundY(p.view, wallZ);
  p.rect(0, base, p.view.widthPx, p.view.heightPx, {
    from: tone(floor, 0.86),
    to: tone(floor, 1.1),
    alongPx: [0, base, 0, p.view.heightPx],
    ...p.grain('streak', 14, 0.7, 2.2),
  });
  const line = tone(floor, 0.72);
  const nearZ = p.zOf(260);
  const half = p.halfWidthAt(wallZ) + 1;
  const board = random.range(0.3, 0.7);
  const tiles = random.chance(0.55);
  for (let x = -half; x < half; x += board) p.ground(x, wallZ, x + 0.025, nearZ, { from: line, alpha: 0.6 });
  if (tiles) {
    for (let z = wallZ; z > nearZ; z -= board) p.ground(-half, z, half, z - 0.025, { from: line, alpha: 0.6 });
    if (random.chance(0.4)) {
      for (let i = 0, z = wallZ; z > nearZ; z -= board, i++) {
        for (let x = -half + (i % 2) * board; x < half; x += 2 * board) {
          p.ground(x, z, x + board, z - board, { from: line, alpha: 0.35 });
        }
      }
    }
  }
  if (random.chance(0.5)) {
    const carpet = clothColor(random);
    const z1 = p.zOf(random.range(74, 84));
    const z2 = p.zOf(random.range(100, 125));
    const x = random.range(-1.2, 1.2);
    p.ground(x - 1.5, z1, x + 1.5, z2, { from: mix(carpet, floor, 0.35), ...p.grain('grain', 22, 2) });
    p.ground(x - 1.35, z1 * 0.98, x + 1.35, z2 * 1.02, { from: mix(carpet, floor, 0.2), ...p.grain('grain', 18, 2) });
  }
}

function paintWallThings(p: StagePainter, z: number, wall: Rgb): void {
  const { random, pen } = p;
  const scale = pxPerM(p.view, z);
  const half = p.halfWidthAt(z);
  pen.place(0, groundX(p.view, 0, z), groundY(p.view, z), scale);
  for (let x = -half + random.range(0.2, 1); x < half; x += random.range(1.5, 2.6)) {
    const what = random.pick(['door', 'window', 'picture', 'picture', 'none'] as const);
    if (what === 'door') {
      const color = vary(random, [150, 116, 84], 30);
      pen.rect(x - 0.53, 0, 1.06, 2.12, { color: tone(wall, 1.15) });
      pen.rect(x - 0.45, 0, 0.9, 2.04, { color, grain: { tile: p.materials.streak, amplitude: 10, texelsPerM: 60 } });
      pen.rect(x - 0.33, 1.15, 0.66, 0.7, { color: tone(color, 0.86) });
      pen.rect(x - 0.33, 0.2, 0.66, 0.75, { color: tone(color, 0.86) });
      pen.ellipse(x + 0.36, 1.02, 0.04, 0.04, { color: [200, 190, 150] });
    } else if (what === 'window') {
      pen.rect(x - 0.66, 0.85, 1.32, 1.35, { color: [226, 224, 218] });
      pen.rect(x - 0.58, 0.93, 1.16, 1.2, { color: [206, 222, 236], shade: [150, 176, 152], along: [0, 2.1, 0, 0.9] });
      pen.rect(x - 0.03, 0.93, 0.06, 1.2, { color: [226, 224, 218] });
    } else if (what === 'picture') {
      const w = random.range(0.25, 0.55);
      const h = random.range(0.2, 0.45);
      pen.rect(x - w, 1.5 - h, 2 * w, 2 * h, { color: [58, 46, 36] });
      pen.rect(x - w * 0.86, 1.5 - h * 0.84, 1.72 * w, 1.68 * h, {
        color: clothColor(random),
        shade: clothColor(random),
        along: [0, 1.5 - h, 0, 1.5 + h],
        grain: { tile: p.materials.cloud, amplitude: 50, texelsPerM: 60 },
      });
    }
  }
}
