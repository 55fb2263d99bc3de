import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.js';
import { type BenchResult, summarise, withRatio } from './bench-report.js';
import { type NodeCost, type NodeRun, watchNode } from './capture-node.js';
import { drawPlot, type Line } from './plot.js';

/** What a sweep varies around. */
export type SweepParts = {
  readonly measureMs: number;
  readonly modelPath: string;
  /** A video of a scene in which nothing happens, 5 frames/s, made in this size. */
  readonly stillVideo: (widthPx: number, heightPx: number) => string;
  /** Where plots are written; undefined: nowhere. */
  readonly plots: string | undefined;
  readonly progress: () => void;
};

const CAMERAS = [1, 2, 4, 8];
const SIZES = [
  [320, 240],
  [640, 480],
  [1280, 960],
  [1920, 1440],
] as const;
/** The compiler is done with what runs five times a second after about so long. */
const WARM_MS = 30_000;
const SIM = { driver: 'sim', seed: '7', fps: 5 };

/** How processor time and memory of a node grow with its cameras: still ones, and ones in front of which people walk. */
export async function sweepCameras(parts: SweepParts): Promise<BenchResult[]> {
  const still = { source: { driver: 'file', path: parts.stillVideo(640, 480) } };
  const { modelPath } = parts;
  const scenes: readonly (readonly [string, Pick<NodeRun, 'camera' | 'modelPath'>])[] = [
    ['still', { camera: still, modelPath }],
    ['walkers, built-in model', { camera: { source: SIM } }],
  ];
  const results: BenchResult[] = [];
  const cpu: Line[] = [];
  const memory: Line[] = [];
  for (const [scene, run] of scenes) {
    const points: (readonly [number, number, number])[] = [];
    for (const cameras of CAMERAS) {
      const cost = await watched(parts, { ...run, cameras });
      if (cost === undefined) continue;
      points.push([cameras, cost.cpu * 100, cost.rssMiB]);
      results.push(
        summarise(`${cameras} x ${scene} at 5 frames/s: node without its capture programs`, '% of a core', [
          cost.cpu * 100,
        ]),
        summarise(`${cameras} x ${scene}: memory`, 'MiB', [cost.rssMiB]),
      );
    }
    cpu.push({ name: scene, points: points.map(([x, y]) => [x, y] as const) });
    memory.push({ name: scene, points: points.map(([x, , y]) => [x, y] as const) });
  }
  plot(parts, 'node-cameras-cpu.svg', 'A node at 5 frames/s, by cameras', 'cameras', '% of a core', cpu);
  plot(parts, 'node-cameras-memory.svg', 'Memory of a node, by cameras', 'cameras', 'MiB', memory);
  return results;
}

/** The same of one still camera with the size of its picture. */
export async function sweepSizes(parts: SweepParts): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  const points: (readonly [number, number])[] = [];
  for (const [widthPx, heightPx] of SIZES) {
    const cost = await watched(parts, {
      camera: { source: { driver: 'file', path: parts.stillVideo(widthPx, heightPx) } },
      modelPath: parts.modelPath,
    });
    if (cost === undefined) continue;
    points.push([(widthPx * heightPx) / 1e6, cost.cpu * 100]);
    results.push(
      summarise(`still ${widthPx}x${heightPx} at 5 frames/s: node without its capture program`, '% of a core', [
        cost.cpu * 100,
      ]),
    );
  }
  const lines = [{ name: 'still', points }];
  plot(
    parts,
    'node-size-cpu.svg',
    'A node at 5 frames/s, by the size of its picture',
    'megapixels',
    '% of a core',
    lines,
  );
  return results;
}

/** Two cameras as fast as they go, every frame through the model: two detectors of one thread against one with two. */
export async function compareDetectors(parts: SweepParts, video: string, runs: number): Promise<BenchResult[]> {
  const { measureMs, modelPath } = parts;
  const camera = {
    source: { driver: 'file', path: video, fps: 'max' },
    motion: { enabled: false },
    regions: { mode: 'whole' },
    snapshot: { enabled: false },
  };
  const fps = { one: [] as number[], two: [] as number[] };
  const cpuMs = { one: [] as number[], two: [] as number[] };
  for (let i = 0; i < runs; i++) {
    const one = await watchNode({ camera, cameras: 2, modelPath, threads: 2, instances: 1, measureMs });
    const two = await watchNode({ camera, cameras: 2, modelPath, threads: 1, instances: 2, measureMs });
    fps.one.push(one.fps);
    fps.two.push(two.fps);
    cpuMs.one.push(one.cpuMsPerFrame);
    cpuMs.two.push(two.cpuMsPerFrame);
    parts.progress();
  }
  const base = summarise('one detector of two threads, two cameras', 'frames/s', fps.one);
  const baseCpu = summarise('one detector of two threads: processor time without ffmpeg', 'ms/frame', cpuMs.one);
  return [
    base,
    withRatio(summarise('two detectors of one thread, two cameras', 'frames/s', fps.two), fps.two, base, fps.one),
    baseCpu,
    withRatio(
      summarise('two detectors of one thread: processor time without ffmpeg', 'ms/frame', cpuMs.two),
      cpuMs.two,
      baseCpu,
      cpuMs.one,
    ),
  ];
}

// A machine that is too small for a point loses that point, not those before it.
async function watched(
  { measureMs, progress }: SweepParts,
  run: Pick<NodeRun, 'camera' | 'cameras' | 'modelPath'>,
): Promise<NodeCost | undefined> {
  try {
    return await watchNode({ ...run, measureMs, settleMs: WARM_MS, isAsShipped: true });
  } catch (error) {
    process.stderr.write(`\nleft out: ${messageOf(error).split('\n', 1)[0]}\n`);
    return undefined;
  } finally {
    progress();
  }
}

function plot(parts: SweepParts, file: string, title: string, xLabel: string, yLabel: string, lines: readonly Line[]) {
  if (parts.plots === undefined || lines.every(({ points }) => points.length === 0)) return;
  mkdirSync(parts.plots, { recursive: true });
  writeFileSync(join(parts.plots, file), drawPlot({ title, xLabel, yLabel, lines }));
}
