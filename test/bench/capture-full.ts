import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bindModel, createSession } from '../../edge/vision/detect/load-detector.js';
import { type ResolvedModel, resolveModel } from '../../edge/vision/model/resolve-model.js';
import type { BareTurn } from './bare-child.js';
import { BareProcess } from './bare-process.js';
import { type BenchResult, summarise, withRatio } from './bench-report.js';
import { type NodeCost, watchNode } from './capture-node.js';
import { percentile } from './percentile.js';

export type FullParts = {
  /** Whose frames are looked at. */
  readonly video: string;
  /** For files that are made. */
  readonly folder: string;
  readonly measureMs: number;
  readonly repeat: <T>(measure: () => Promise<T>) => Promise<T[]>;
};

type Size = { readonly widthPx: number; readonly heightPx: number };
/** Bare runs before, between and after the node's turns: one more than those. */
type Turns = { readonly node: NodeCost; readonly bareFps: readonly number[]; readonly bareCpuMs: number };

const CLIP_REPEATS = 1000;
/** What runs hundreds of times a second is compiled by then. */
const SETTLE_MS = 10_000;
const BARE_TURN_MS = 700;

/** A real node on raw frames as fast as they go, every one through the model, against bare `session.run`, in turns. */
export async function compareWithBare(path: string, parts: FullParts): Promise<BenchResult[]> {
  const model = await resolveModel(path);
  const shot = sizeOf(parts.video);
  const taken = sizeTaken(model, shot);
  const rounds = await parts.repeat(async () => ({
    left: await bareLeft(model, parts.measureMs / 4),
    shot: await takeTurns(model, shot, parts),
    taken: await takeTurns(model, taken, parts),
  }));
  const name = path.split('/').at(-1) ?? path;
  const of = (what: string, unit: string, values: readonly number[]) => summarise(`${name}: ${what}`, unit, values);
  const all = rounds.flatMap((round) => [round.shot, round.taken]);
  const bares = all.flatMap(({ bareFps }) => bareFps);
  const base = of('bare session.run', 'frames/s', bares);
  const left = rounds.map((round) => round.left);
  const baseCpu = of(
    'bare session.run: processor time',
    'ms/frame',
    all.map(({ bareCpuMs }) => bareCpuMs),
  );
  const sizes = {
    "frames of the video's size": rounds.map((round) => round.shot),
    [`frames of ${taken.widthPx}x${taken.heightPx}, as the model takes them`]: rounds.map((round) => round.taken),
  };
  return [
    ...[base, baseCpu, of('bare, outputs left to the collector', 'frames/s', left)],
    ...Object.entries(sizes).flatMap(([size, turns]) => [
      withRatio(
        of(
          `raw frames in to record appended, ${size}`,
          'frames/s',
          turns.flatMap(({ node }) => node.turnFps),
        ),
        turns.flatMap(({ node }) => node.turnFps),
        base,
        // A turn's ratio is to the bare runs before and after it.
        turns.flatMap(({ bareFps }) => bareFps.slice(1).map((fps, i) => (fps + (bareFps[i] ?? fps)) / 2)),
      ),
      // Holds on a loaded machine, where frames/s do not.
      withRatio(
        of(
          `processor time without ffmpeg, ${size}`,
          'ms/frame',
          turns.map(({ node }) => node.cpuMsPerFrame),
        ),
        turns.map(({ node }) => node.cpuMsPerFrame),
        baseCpu,
        turns.map(({ bareCpuMs }) => bareCpuMs),
      ),
    ]),
    of(
      'lag of the main process at full load, p99',
      'ms',
      all.map(({ node }) => percentile(99, node.lagsMs)),
    ),
    of(
      'both processes at full load',
      'MiB',
      all.map(({ node }) => node.rssMiB),
    ),
  ];
}

async function takeTurns(model: ResolvedModel, size: Size, { video, folder, measureMs }: FullParts): Promise<Turns> {
  const bare = await BareProcess.start(model.path);
  try {
    const taken: BareTurn[] = [];
    const between = async () => void taken.push(await bare.takeTurn(BARE_TURN_MS));
    await between();
    const camera = {
      source: { driver: 'file', path: rawClip(video, folder, size), fps: 'max' },
      motion: { enabled: false },
      regions: { mode: 'whole' },
      snapshot: { enabled: false },
    };
    const { widthPx, heightPx } = size;
    // As ffmpeg writes it: PPM.
    const frameBytes = `P6\n${widthPx} ${heightPx}\n255\n`.length + widthPx * heightPx * 3;
    const turns = { count: Math.ceil(measureMs / 1000), frameBytes, between };
    const one = { threads: 1, instances: 1 };
    const node = await watchNode({ camera, modelPath: model.path, ...one, measureMs, settleMs: SETTLE_MS, turns });
    const bareCpuMs = taken.reduce((sum, { cpuMsPerRun }) => sum + cpuMsPerRun, 0) / taken.length;
    return { node, bareFps: taken.map(({ fps }) => fps), bareCpuMs };
  } finally {
    await bare.end();
  }
}

/** Bare runs whose outputs are left to the collector, frames/s. */
async function bareLeft(model: ResolvedModel, measureMs: number): Promise<number> {
  const session = await createSession(model, 1);
  const { inputs, decoder } = bindModel(model, session);
  const runOnce = async () => void (await session.run(inputs.feeds, decoder.outputNames));
  for (let i = 0; i < 10; i++) await runOnce();
  const startedMs = performance.now();
  let runs = 0;
  for (; performance.now() - startedMs < measureMs; runs++) await runOnce();
  const fps = (runs * 1000) / (performance.now() - startedMs);
  await session.release();
  return fps;
}

/**
 * The size of the video's frames that the model does not have to change, as `widthPx` and `heightPx` of a source give it: its
 * input's own where it stretches, the largest in the video's aspect that it encloses otherwise.
 */
function sizeTaken({ manifest }: ResolvedModel, shot: Size): Size {
  const { widthPx, heightPx, resize } = manifest.input;
  if (resize === 'stretch') return { widthPx, heightPx };
  const gain = Math.min(1, widthPx / shot.widthPx, heightPx / shot.heightPx);
  const even = (sidePx: number) => 2 * Math.round((sidePx * gain) / 2);
  return { widthPx: even(shot.widthPx), heightPx: even(shot.heightPx) };
}

function sizeOf(video: string): Size {
  const wanted = ['-select_streams', 'v:0', '-show_entries', 'stream=width,height', '-of', 'csv=p=0'];
  const text = execFileSync('ffprobe', ['-v', 'error', ...wanted, video], { encoding: 'utf8' });
  const [widthPx = 1, heightPx = 1] = text.split(',').map(Number);
  return { widthPx, heightPx };
}

/**
 * The video's frames, decoded: ffmpeg reads and hands them over, so that its decoder is not what a fast model waits for.
 * A list of the same file again and again: a camera is not started anew every 220 frames.
 */
function rawClip(video: string, folder: string, { widthPx, heightPx }: Size): string {
  const name = `raw-${widthPx}x${heightPx}`;
  const list = join(folder, `${name}.ffconcat`);
  if (existsSync(list)) return list;
  const scale = ['-vf', `scale=${widthPx}:${heightPx}:flags=area`];
  const raw = ['-c:v', 'rawvideo', '-pix_fmt', 'rgb24', '-y', join(folder, `${name}.nut`)];
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-i', video, ...scale, ...raw]);
  writeFileSync(list, `ffconcat version 1.0\n${`file ${name}.nut\n`.repeat(CLIP_REPEATS)}`);
  return list;
}
