import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { SystemClock } from '../../base/clock.js';
import { bindModel, createSession } from '../../edge/vision/detect/load-detector.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { numberOption, partsOption, scriptOptions } from '../script-options.js';
import { bareRunOf } from './bare-run.js';
import { type BenchResult, buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { readFrames } from './capture-drivers.js';
import { watchNode } from './capture-node.js';
import {
  compareDetectors,
  type SweepParts,
  sweepCameras,
  sweepObjects,
  sweepRates,
  sweepSizes,
} from './capture-sweeps.js';
import { drawCrowd } from './crowd-picture.js';

const PARTS = ['drivers', 'full', 'still', 'live'];
const MORE_PARTS = ['detectors', 'cameras', 'sizes', 'objects', 'rate'];

const WORDS = {
  call: 'npm run bench:capture',
  about: `drivers: frames/s and processor time per frame of each way a picture gets in.
full:    a real node on raw frames as fast as they go, every frame through the model, against bare session.run; with frames of
         the video's size and of the size the model takes (widthPx of the source), decoded before, so that ffmpeg only hands
         them over. With the fixtures on YOLOX-Nano, FastestDet and the built-in model; the other parts take the first model.
         --model FILE,FILE: on these.
still:   a real node on a picture in which nothing happens, at 5 frames/s.
live:    a real node on the simulated camera: capture to mosquitto_sub, lag, memory.
Only where they are named:
detectors: two of one thread against one of two.
cameras, sizes, objects: how the cost of a node grows with its cameras, the size of its picture, the people in it; one run.
rate: processor time of a node without cameras and of its broker, by records a second; one run.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  only: { type: 'string', default: PARTS.join(',') },
  model: { type: 'string' },
  seconds: { type: 'string', default: '20' },
  runs: { type: 'string', default: '3' },
  plots: { type: 'string' },
});

const fixtures = resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
const builtIn = resolve('edge/models/vedette-sim.onnx');
const video = `${fixtures}/videos/one-person-room.mp4`;
const hasFixtures = existsSync(video);
const fixtureModels = hasFixtures
  ? ['yolox_nano.onnx', 'FastestDet.onnx'].map((name) => `${fixtures}/models/${name}`)
  : [];
const modelPaths = args.model?.split(',') ?? [...fixtureModels, builtIn];
const modelPath = modelPaths[0] ?? builtIn;
const measureMs = numberOption('--seconds', args.seconds, 1) * 1000;
const runs = numberOption('--runs', args.runs, 1);
const parts = partsOption('--only', args.only, [...PARTS, ...MORE_PARTS]);
const simCommand = [process.execPath, resolve('dist/cli/vedette.js'), 'sim', 'camera'];
const folder = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
const results: BenchResult[] = [];
/** What runs five times a second is compiled by then; a node runs for months. */
const STILL_SETTLE_MS = 30_000;
const CLIP_REPEATS = 1000;
/** At full load a third of that is enough. */
const FULL_SETTLE_MS = 10_000;

async function repeat<T>(measure: () => Promise<T>): Promise<T[]> {
  const values: T[] = [];
  for (let i = 0; i < runs; i++) {
    values.push(await measure());
    process.stderr.write('.');
  }
  return values;
}

async function measureDrivers(): Promise<void> {
  const sources: Record<string, { source: unknown; frames: number }> = {
    'simulated camera 640x480, 30 frames/s asked for': { source: { driver: 'sim', seed: '7', fps: 30 }, frames: 150 },
  };
  if (hasFixtures) {
    sources['video through ffmpeg, raw frames'] = { source: { driver: 'file', path: video, fps: 'max' }, frames: 300 };
    const mjpeg = `${fixtures}/videos/one-person-room.mjpeg`;
    sources['.mjpeg, not decoded'] = { source: { driver: 'file', path: mjpeg, fps: 'max' }, frames: 300 };
  }
  for (const [name, { source, frames }] of Object.entries(sources)) {
    const costs = await repeat(() => readFrames(source, frames, simCommand));
    results.push(
      ...[
        summarise(
          `${name}: frames`,
          'frames/s',
          costs.map(({ fps }) => fps),
        ),
        summarise(
          `${name}: node`,
          'CPU ms/frame',
          costs.map(({ ownCpuMs }) => ownCpuMs),
        ),
        summarise(
          `${name}: its program`,
          'CPU ms/frame',
          costs.map(({ programCpuMs }) => programCpuMs),
        ),
      ],
    );
  }
}

type Bare = { readonly fps: number; readonly cpuMs: number };

/** Bare `session.run`, for a quarter of the time a node is watched. */
async function bareRun(path: string, isFreed: boolean): Promise<Bare> {
  const clock = new SystemClock();
  const model = await resolveModel(path);
  const session = await createSession(model, 1);
  const bound = bindModel(model, session);
  const runLeft = () => session.run(bound.inputs.feeds, bound.decoder.outputNames);
  const runOnce = isFreed ? bareRunOf(session, bound) : runLeft;
  for (let i = 0; i < 10; i++) await runOnce();
  const startedMs = clock.monoMs();
  const before = process.cpuUsage();
  let done = 0;
  for (; clock.monoMs() - startedMs < measureMs / 4; done++) await runOnce();
  const fps = (done * 1000) / (clock.monoMs() - startedMs);
  const { user, system } = process.cpuUsage(before);
  await session.release();
  return { fps, cpuMs: (user + system) / 1000 / done };
}

type Size = { readonly widthPx: number; readonly heightPx: number };

/**
 * The size of the video's frames that the model does not have to change, as `widthPx` and `heightPx` of a source give it: its
 * input's own where it stretches, the largest in the video's aspect that it encloses otherwise.
 */
async function sizeTaken(path: string): Promise<Size> {
  const { widthPx, heightPx, resize } = (await resolveModel(path)).manifest.input;
  if (resize === 'stretch') return { widthPx, heightPx };
  const probe = [
    '-v',
    'error',
    '-select_streams',
    'v:0',
    '-show_entries',
    'stream=width,height',
    '-of',
    'csv=p=0',
    video,
  ];
  const [width = 1, height = 1] = execFileSync('ffprobe', probe, { encoding: 'utf8' }).split(',').map(Number);
  const gain = Math.min(1, widthPx / width, heightPx / height);
  const even = (sidePx: number) => 2 * Math.round((sidePx * gain) / 2);
  return { widthPx: even(width), heightPx: even(height) };
}

function cpuOf(costs: readonly Bare[]): number[] {
  return costs.map(({ cpuMs }) => cpuMs);
}

/** A node's ratio is to the bare runs before and after it. */
function mean(one: Bare, other: Bare): Bare {
  return { fps: (one.fps + other.fps) / 2, cpuMs: (one.cpuMs + other.cpuMs) / 2 };
}

async function measureFull(): Promise<void> {
  if (!hasFixtures) return void process.stderr.write('full: skipped, the fixtures are not there\n');
  for (const path of modelPaths) await measureModel(path);
}

async function measureModel(path: string): Promise<void> {
  const camera = (size: Size | undefined) => ({
    source: { driver: 'file', path: rawClip(size), fps: 'max' },
    motion: { enabled: false },
    regions: { mode: 'whole' },
    snapshot: { enabled: false },
  });
  const taken = await sizeTaken(path);
  const watch = (size: Size | undefined) =>
    watchNode({ camera: camera(size), modelPath: path, measureMs, settleMs: FULL_SETTLE_MS });
  const rounds = await repeat(async () => ({
    left: await bareRun(path, false),
    before: await bareRun(path, true),
    node: await watch(undefined),
    between: await bareRun(path, true),
    fitted: await watch(taken),
    after: await bareRun(path, true),
  }));
  const name = path.split('/').at(-1) ?? path;
  const of = (what: string, unit: string, values: readonly number[]) => summarise(`${name}: ${what}`, unit, values);
  const fpsOf = (costs: readonly { readonly fps: number }[]) => costs.map(({ fps }) => fps);
  const bares = rounds.flatMap(({ before, between, after }) => [before, between, after]);
  const base = of('bare session.run', 'frames/s', fpsOf(bares));
  // Holds on a loaded machine, where frames/s do not.
  const baseCpu = of('bare session.run: processor time', 'ms/frame', cpuOf(bares));
  const left = rounds.map((round) => round.left);
  results.push(
    ...[base, baseCpu],
    of('bare, outputs left to the collector', 'frames/s', fpsOf(left)),
    of('bare, outputs left to the collector: processor time', 'ms/frame', cpuOf(left)),
  );
  const sizes = {
    "frames of the video's size": rounds.map(({ before, node, between }) => ({ node, bare: mean(before, between) })),
    [`frames of ${taken.widthPx}x${taken.heightPx}, as the model takes them`]: rounds.map(
      ({ between, fitted, after }) => ({
        ...{ node: fitted, bare: mean(between, after) },
      }),
    ),
  };
  for (const [size, runsOf] of Object.entries(sizes)) {
    const fps = fpsOf(runsOf.map(({ node }) => node));
    const cpu = runsOf.map(({ node }) => node.cpuMsPerFrame);
    const bare = runsOf.map((run) => run.bare);
    results.push(
      withRatio(of(`raw frames in to record appended, ${size}`, 'frames/s', fps), fps, base, fpsOf(bare)),
      withRatio(of(`processor time without ffmpeg, ${size}`, 'ms/frame', cpu), cpu, baseCpu, cpuOf(bare)),
    );
  }
  const lags = rounds.map(({ node }) => p(99, node.lagsMs));
  const memory = rounds.map(({ node }) => node.rssMiB);
  results.push(
    of('lag of the main process at full load, p99', 'ms', lags),
    of('both processes at full load', 'MiB', memory),
  );
}

/**
 * The video's frames, decoded: ffmpeg reads and hands them over, so that its decoder is not what a fast model waits for.
 * A list of the same file again and again: a camera is not started anew every 220 frames.
 */
function rawClip(size: Size | undefined): string {
  const name = `raw-${size === undefined ? 'whole' : `${size.widthPx}x${size.heightPx}`}`;
  const list = join(folder, `${name}.ffconcat`);
  if (existsSync(list)) return list;
  const scale = size === undefined ? [] : ['-vf', `scale=${size.widthPx}:${size.heightPx}:flags=area`];
  const raw = ['-c:v', 'rawvideo', '-pix_fmt', 'rgb24', '-y', join(folder, `${name}.nut`)];
  execFileSync('ffmpeg', ['-v', 'error', '-nostdin', '-i', video, ...scale, ...raw]);
  writeFileSync(list, `ffconcat version 1.0\n${`file ${name}.nut\n`.repeat(CLIP_REPEATS)}`);
  return list;
}

/** Nothing but noise changes in it, for longer than a run takes: a video that begins anew is no still scene. */
function stillVideo(widthPx: number, heightPx: number): string {
  const file = join(folder, `still-${widthPx}.mp4`);
  if (existsSync(file)) return file;
  const picture = hasFixtures
    ? ['-loop', '1', '-i', `${fixtures}/images/people-room.jpg`]
    : ['-f', 'lavfi', '-i', 'smptebars'];
  const filters = `scale=${widthPx}:${heightPx},noise=alls=4:allf=t`;
  const lengthS = String(60 + Math.ceil(measureMs / 1000));
  execFileSync('ffmpeg', [
    ...['-v', 'error', '-nostdin', ...picture, '-t', lengthS, '-r', '5', '-vf', filters],
    ...['-preset', 'ultrafast', '-pix_fmt', 'yuv420p', '-y', file],
  ]);
  return file;
}

/** So many people who sway, in a loop as long as a run, 5 frames/s. */
function crowdVideo(people: number): string {
  const { rgb, widthPx, heightPx } = drawCrowd(people);
  const raw = join(folder, `crowd-${people}.rgb`);
  const file = join(folder, `crowd-${people}.mp4`);
  writeFileSync(raw, rgb);
  const size = `${widthPx}x${heightPx}`;
  const lengthS = String(60 + Math.ceil(measureMs / 1000));
  execFileSync('ffmpeg', [
    ...['-v', 'error', '-nostdin', '-stream_loop', '-1', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-s', size],
    ...['-r', '5', '-i', raw, '-t', lengthS, '-preset', 'ultrafast', '-crf', '12', '-pix_fmt', 'yuv420p', '-y', file],
  ]);
  rmSync(raw);
  return file;
}

const sweep: SweepParts = {
  measureMs,
  modelPath,
  stillVideo,
  crowdVideo,
  plots: args.plots,
  progress: () => process.stderr.write('.'),
};

async function measureDetectors(): Promise<void> {
  if (!hasFixtures) return void process.stderr.write('detectors: skipped, the fixtures are not there\n');
  results.push(...(await compareDetectors(sweep, video, runs)));
}

async function measureStill(): Promise<void> {
  const camera = { source: { driver: 'file', path: stillVideo(640, 480) } };
  const settleMs = STILL_SETTLE_MS;
  const costs = await repeat(() => watchNode({ camera, modelPath, measureMs, settleMs, isAsShipped: true }));
  results.push(
    summarise(
      'still scene, 5 frames/s: node without its capture program',
      '% of a core',
      costs.map(({ cpu }) => cpu * 100),
    ),
    summarise(
      'still scene, 5 frames/s: both processes',
      'MiB',
      costs.map(({ rssMiB }) => rssMiB),
    ),
  );
}

async function measureLive(): Promise<void> {
  const camera = { source: { driver: 'sim', seed: '7', fps: 10 } };
  const costs = await repeat(() => watchNode({ camera, measureMs: measureMs * 2 }));
  const name = 'simulated camera, built-in model';
  results.push(
    summarise(
      `${name}: capture to mosquitto_sub, p50`,
      'ms',
      costs.map(({ latenciesMs }) => p(50, latenciesMs)),
    ),
    summarise(
      `${name}: capture to mosquitto_sub, p99`,
      'ms',
      costs.map(({ latenciesMs }) => p(99, latenciesMs)),
    ),
    summarise(
      `${name}: records`,
      'records',
      costs.map(({ latenciesMs }) => latenciesMs.length),
    ),
    summarise(
      `${name}: lag of the main process, p99`,
      'ms',
      costs.map(({ lagsMs }) => p(99, lagsMs)),
    ),
    summarise(
      `${name}: node without its camera`,
      '% of a core',
      costs.map(({ cpu }) => cpu * 100),
    ),
    summarise(
      `${name}: both processes`,
      'MiB',
      costs.map(({ rssMiB }) => rssMiB),
    ),
  );
}

function p(percent: number, values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN;
}

try {
  if (parts.includes('drivers')) await measureDrivers();
  if (parts.includes('full')) await measureFull();
  if (parts.includes('still')) await measureStill();
  if (parts.includes('live')) await measureLive();
  if (parts.includes('detectors')) await measureDetectors();
  if (parts.includes('cameras')) results.push(...(await sweepCameras(sweep)));
  if (parts.includes('sizes')) results.push(...(await sweepSizes(sweep)));
  if (parts.includes('objects')) results.push(...(await sweepObjects(sweep)));
  if (parts.includes('rate')) results.push(...(await sweepRates(sweep)));
  process.stderr.write('\n');
  const settings = {
    models: modelPaths.map((path) => path.split('/').at(-1) ?? path).join(','),
    seconds: measureMs / 1000,
    parts: parts.join(','),
  };
  printReport(buildReport('capture', settings, ['onnxruntime-node', 'sharp'], results), args.json);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
