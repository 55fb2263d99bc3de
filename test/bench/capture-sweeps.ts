import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../base/errors.js';
import type { Site } from '../system/site.js';
import { type BenchResult, summarise, withRatio } from './bench-report.js';
import { type NodeCost, type NodeRun, watchNode } from './capture-node.js';
import { drawPlot, type Line } from './plot.js';
import { cpuMs } from './process-cost.js';
import { FleetNode, withFleet } from './replication-fleet.js';

/** What a sweep varies around. */
export type SweepParts = {
  readonly measureMs: number;
  readonly modelPath: string;
  /** A video of a scene in which nothing happens, 5 frames/s, made in this size. */
  readonly stillVideo: (widthPx: number, heightPx: number) => string;
  /** A video of so many people who sway, 5 frames/s. */
  readonly crowdVideo: (people: number) => string;
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
const PEOPLE = [0, 1, 4, 8, 16, 32];
/** Records a second, each with a message unless several fit into one. */
const RATES = [1, 5, 20, 50, 100, 200];
const FPS = 5;
/** Connected and known, its first segments begun. */
const RATE_SETTLE_S = 5;
/** A picture in which people move keeps the compiler busier, and it is done sooner. */
const CROWD_WARM_MS = 20_000;
/** The compiler is done with what runs five times a second after about so long. */
const WARM_MS = 30_000;
const SIM = { driver: 'sim', seed: '7', fps: FPS };

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

/** The same of one camera with the people in its picture, by process. */
export async function sweepObjects(parts: SweepParts): Promise<BenchResult[]> {
  const results: BenchResult[] = [];
  const vision: (readonly [number, number])[] = [];
  const main: (readonly [number, number])[] = [];
  for (const people of PEOPLE) {
    const cost = await watched(parts, {
      camera: { source: { driver: 'file', path: parts.crowdVideo(people) } },
      settleMs: CROWD_WARM_MS,
    });
    if (cost === undefined) continue;
    const mainMs = (cost.mainCpu * 1000) / FPS;
    const visionMs = (cost.cpu * 1000) / FPS - mainMs;
    vision.push([people, visionMs]);
    main.push([people, mainMs]);
    results.push(
      summarise(`${people} people at 5 frames/s: vision process`, 'ms/frame', [visionMs]),
      summarise(`${people} people at 5 frames/s: main process`, 'ms/frame', [mainMs]),
    );
  }
  const lines = [
    { name: 'vision process', points: vision },
    { name: 'main process', points: main },
  ];
  const title = 'Processor time of a frame, by objects in it';
  plot(parts, 'node-objects-cpu.svg', title, 'people in the picture', 'ms of processor time a frame', lines);
  return results;
}

/** Records of one node without cameras, evenly at a rate, heard by one listener: its processor time and the broker's. */
export async function sweepRates(parts: SweepParts): Promise<BenchResult[]> {
  const seconds = parts.measureMs / 1000;
  const results: BenchResult[] = [];
  const byWho = { node: [] as (readonly [number, number])[], broker: [] as (readonly [number, number])[] };
  for (const perS of RATES) {
    const cpu = await withFleet(['cam1'], (site, nodes) => costOfRate(site, nodes, perS, seconds));
    for (const who of ['node', 'broker'] as const) {
      byWho[who].push([perS, cpu[who] * 100]);
      results.push(summarise(`${perS} records a second: ${who}`, '% of a core', [cpu[who] * 100]));
    }
    parts.progress();
  }
  const lines = Object.entries(byWho).map(([name, points]) => ({ name, points }));
  plot(parts, 'node-rate-cpu.svg', 'A node and its broker, by records', 'records a second', '% of a core', lines);
  return results;
}

async function costOfRate(site: Site, nodes: FleetNode[], perS: number, seconds: number) {
  const node = await FleetNode.start(site, 'cam1', site.port);
  nodes.push(node);
  site.listen();
  await node.tell({ do: 'open' });
  const append = async (forS: number) => void (await node.tell({ do: 'append', perS, seconds: forS }));
  await append(RATE_SETTLE_S);
  const pids = { node: node.pid, broker: site.broker?.child.pid ?? 0 };
  const used = () => ({ node: cpuMs(pids.node) ?? 0, broker: cpuMs(pids.broker) ?? 0 });
  const [before, startedMs] = [used(), performance.now()];
  await append(seconds);
  const [after, elapsedMs] = [used(), performance.now() - startedMs];
  await node.stop();
  return { node: (after.node - before.node) / elapsedMs, broker: (after.broker - before.broker) / elapsedMs };
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
  const frameMs = { one: [] as number[], two: [] as number[] };
  for (let i = 0; i < runs; i++) {
    const one = await watchNode({ camera, cameras: 2, modelPath, threads: 2, instances: 1, measureMs });
    const two = await watchNode({ camera, cameras: 2, modelPath, threads: 1, instances: 2, measureMs });
    fps.one.push(one.fps);
    fps.two.push(two.fps);
    frameMs.one.push(one.cpuMsPerFrame);
    frameMs.two.push(two.cpuMsPerFrame);
    parts.progress();
  }
  const base = summarise('one detector of two threads, two cameras', 'frames/s', fps.one);
  const baseCpu = summarise('one detector of two threads: processor time without ffmpeg', 'ms/frame', frameMs.one);
  return [
    base,
    withRatio(summarise('two detectors of one thread, two cameras', 'frames/s', fps.two), fps.two, base, fps.one),
    baseCpu,
    withRatio(
      summarise('two detectors of one thread: processor time without ffmpeg', 'ms/frame', frameMs.two),
      frameMs.two,
      baseCpu,
      frameMs.one,
    ),
  ];
}

// A machine that is too small for a point loses that point, not those before it.
async function watched(
  { measureMs, progress }: SweepParts,
  run: Pick<NodeRun, 'camera' | 'cameras' | 'modelPath' | 'settleMs'>,
): Promise<NodeCost | undefined> {
  try {
    return await watchNode({ settleMs: WARM_MS, ...run, measureMs, isAsShipped: true });
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
