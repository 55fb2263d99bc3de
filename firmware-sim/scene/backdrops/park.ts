import type { Rgb } from '../canvas.js';
import { tone, vary } from '../palette.js';
import { groundX, groundY } from '../view.js';
import { ellipse, type Stage, type StageOptions, StagePainter } from './stage.js';
import { paintSky } from './street.js';

/** Sky, tree line, grass with a path, trees and benches. */
export function paintPark(options: StageOptions): Stage {
  const { random } = options;
  const p = new StagePainter(options, random.range(0.16, 0.32), random.range(2.4, 3.2));
  paintSky(p);
  const edgeZ = p.zOf(random.range(22, 32));
  const base = groundY(p.view, edgeZ);
  paintTreeLine(p, base);
  const grass = vary(
    random,
    random.pick([
      [104, 134, 66],
      [122, 138, 78],
      [86, 118, 66],
      [150, 140, 86],
    ] as const),
    14,
  );
  p.rect(0, base, p.view.widthPx, p.view.heightPx, {
    from: tone(grass, 0.82),
    to: tone(grass, 1.12),
    alongPx: [0, base, 0, p.view.heightPx],
    ...p.grain('leaf', 15, 1.6, 3),
  });
  p.rect(0, base, p.view.widthPx, p.view.heightPx, { from: grass, alpha: 0.4, ...p.grain('cloud', 46, 0.4, 1.4) });
  paintPath(p, edgeZ);
  for (let i = 0; i < 3; i++) {
    const z = p.zOf(random.range(38, 44));
    p.prop(random.pick(['tree', 'tree', 'bush', 'bench', 'pole'] as const), random.range(-1, 1) * p.halfWidthAt(z), z);
  }
  p.occluders.sort((a, b) => b.zM - a.zM);
  for (const share of [0.2, 0.8]) p.lamp(p.view.widthPx * share, p.rowOf(60), 220 * p.unit, [1, 0.86, 0.58]);
  p.scatter(['tree', 'bench', 'bush', 'bin', 'bush', 'sign'], 62, 120);
  return p.finish('park', false, [
    { kinds: ['person', 'person', 'rider', 'rider'], scaleFar: 58, scaleNear: 64, way: 'across', everyS: 11 },
    { kinds: ['person', 'rider', 'bicycle', 'person'], scaleFar: 70, scaleNear: 84, way: 'across', everyS: 15 },
    { kinds: ['dog', 'dog', 'person'], scaleFar: 96, scaleNear: 118, way: 'across', everyS: 12 },
    { kinds: ['person', 'rider'], scaleFar: 56, scaleNear: 118, way: 'along', everyS: 26 },
  ]);
}

function paintTreeLine(p: StagePainter, base: number): void {
  const { random } = p;
  for (let layer = 0; layer < 3; layer++) {
    const green: Rgb = vary(random, [70 + 16 * layer, 98 + 12 * layer, 60 + 6 * layer], 10);
    const height = (120 - 34 * layer) * p.unit * p.zoom;
    const leaf = p.grain('leaf', 20, 1.4);
    for (let x = -30 * p.unit; x < p.view.widthPx + 30 * p.unit; x += random.range(16, 38) * p.unit) {
      const r = random.range(22, 46) * p.unit;
      p.polygon(ellipse(x, base - random.range(0.2, 0.9) * height, r, r * 1.1), {
        from: tone(green, random.range(0.8, 1.15)),
        ...leaf,
      });
    }
    p.rect(0, base - height * 0.35, p.view.widthPx, base + 2, { from: tone(green, 0.72), ...leaf });
  }
}

function paintPath(p: StagePainter, edgeZ: number): void {
  const { random } = p;
  const sand = vary(random, [186, 168, 136], 16);
  const z1 = p.zOf(55);
  const z2 = p.zOf(67);
  p.ground(-60, z1, 60, z2, { from: sand, ...p.grain('grain', 14, 1.6, 3) });
  if (random.chance(0.7)) {
    const x = random.range(-2, 2);
    const nearZ = p.zOf(230);
    const far = x + random.range(-3, 3);
    p.polygon(
      [
        groundX(p.view, far - 0.8, edgeZ),
        groundY(p.view, edgeZ),
        groundX(p.view, far + 0.8, edgeZ),
        groundY(p.view, edgeZ),
        groundX(p.view, x + 0.9, nearZ),
        groundY(p.view, nearZ),
        groundX(p.view, x - 0.9, nearZ),
        groundY(p.view, nearZ),
      ],
      { from: tone(sand, 0.97), ...p.grain('grain', 14, 1.6, 3) },
    );
  }
}
