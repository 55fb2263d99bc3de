import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { numberOption, partsOption, scriptOptions } from '../script-options.js';
import { type BenchResult, buildReport, printReport, summarise } from './bench-report.js';
import { readFrames } from './capture-drivers.js';
import { compareWithBare } from './capture-full.js';
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
import { percentile } from './percentile.js';

const PARTS = ['drivers', 'full', 'still', 'live'];
const MORE_PARTS = ['detectors', 'cameras', 'sizes', 'objects', 'rate'];

const WORDS = {
  call: 'npm run bench:capture',
  about: `drivers: frames/s and processor time per frame of each way a picture gets in.
full:    a real node on raw frames as fast as they go, every frame through the model, against bare session.run, in turns of a
         second: the node's processes are stopped while the bare model runs. With frames of the video's size and of the size
         the model takes (widthPx of the source), decoded before, so that ffmpeg only hands them over. With
         the fixtures on YOLOX-Nano, FastestDet and the built-in model; the other parts take the first model.
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

async function measureFull(): Promise<void> {
  if (!hasFixtures) return void process.stderr.write('full: skipped, the fixtures are not there\n');
  for (const path of modelPaths) results.push(...(await compareWithBare(path, { video, folder, measureMs, repeat })));
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
      costs.map(({ latenciesMs }) => percentile(50, latenciesMs)),
    ),
    summarise(
      `${name}: capture to mosquitto_sub, p99`,
      'ms',
      costs.map(({ latenciesMs }) => percentile(99, latenciesMs)),
    ),
    summarise(
      `${name}: records`,
      'records',
      costs.map(({ latenciesMs }) => latenciesMs.length),
    ),
    summarise(
      `${name}: lag of the main process, p99`,
      'ms',
      costs.map(({ lagsMs }) => percentile(99, lagsMs)),
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
