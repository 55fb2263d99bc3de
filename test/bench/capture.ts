import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../base/clock.js';
import { bindModel, createSession } from '../../edge/vision/detect/load-detector.js';
import { resolveModel } from '../../edge/vision/model/resolve-model.js';
import { type BenchResult, buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { readFrames } from './capture-drivers.js';
import { watchNode } from './capture-node.js';
import { compareDetectors, type SweepParts, sweepCameras, sweepSizes } from './capture-sweeps.js';

// npm run bench:capture -- [--json] [--only PART,PART] [--model FILE] [--seconds S] [--runs N] [--plots FOLDER]
// drivers: frames/s and processor time per frame of each way a picture gets in.
// full:    a real node on a video as fast as it goes, every frame through the model, against bare `session.run`.
// still:   a real node on a picture in which nothing happens, at 5 frames/s.
// live:    a real node on the simulated camera: capture to `mosquitto_sub`, lag, memory.
// Only where they are named:
// detectors: two of one thread against one of two.
// cameras, sizes: how the cost of a node grows with its cameras and the size of its picture; one run.

const PARTS = ['drivers', 'full', 'still', 'live'];
const MORE_PARTS = ['detectors', 'cameras', 'sizes'];

const { values: args } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: PARTS.join(',') },
    model: { type: 'string' },
    seconds: { type: 'string', default: '20' },
    runs: { type: 'string', default: '3' },
    plots: { type: 'string' },
  },
});

const fixtures = resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
const builtIn = resolve('edge/models/vedette-sim.onnx');
const video = `${fixtures}/videos/one-person-room.mp4`;
const hasFixtures = existsSync(video);
const modelPath = args.model ?? (hasFixtures ? `${fixtures}/models/yolox_nano.onnx` : builtIn);
const measureMs = Number(args.seconds) * 1000;
const runs = Number(args.runs);
const parts = args.only.split(',');
const simCommand = [process.execPath, resolve('dist/cli/vedette.js'), 'sim', 'camera'];
const folder = mkdtempSync(join(tmpdir(), 'vedette-bench-'));
const results: BenchResult[] = [];
/** What runs five times a second is compiled by then; a node runs for months. */
const STILL_SETTLE_MS = 30_000;
const allParts = [...PARTS, ...MORE_PARTS];
const unknown = parts.filter((part) => !allParts.includes(part));
if (unknown.length > 0) throw new Error(`--only ${unknown.join(',')}: any of ${allParts.join(',')}`);

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

/** Bare `session.run`, for half as long as the node is watched. */
async function bareRun(path: string): Promise<{ readonly fps: number; readonly cpuMs: number }> {
  const clock = new SystemClock();
  const model = await resolveModel(path);
  const session = await createSession(model, 1);
  const { inputs, decoder } = bindModel(model, session);
  for (let i = 0; i < 10; i++) await session.run(inputs.feeds, decoder.outputNames);
  const startedMs = clock.monoMs();
  const before = process.cpuUsage();
  let done = 0;
  for (; clock.monoMs() - startedMs < measureMs / 2; done++) await session.run(inputs.feeds, decoder.outputNames);
  const fps = (done * 1000) / (clock.monoMs() - startedMs);
  const { user, system } = process.cpuUsage(before);
  await session.release();
  return { fps, cpuMs: (user + system) / 1000 / done };
}

async function measureFull(): Promise<void> {
  if (!hasFixtures) return void process.stderr.write('full: skipped, the fixtures are not there\n');
  const camera = {
    source: { driver: 'file', path: video, fps: 'max' },
    motion: { enabled: false },
    regions: { mode: 'whole' },
    snapshot: { enabled: false },
  };
  const rounds = await repeat(async () => ({
    bare: await bareRun(modelPath),
    node: await watchNode({ camera, modelPath, measureMs }),
  }));
  const bare = rounds.map((round) => round.bare.fps);
  const node = rounds.map((round) => round.node.fps);
  const base = summarise('bare session.run', 'frames/s', bare);
  // Holds on a loaded machine, where frames/s do not.
  const bareCpu = rounds.map((round) => round.bare.cpuMs);
  const nodeCpu = rounds.map((round) => round.node.cpuMsPerFrame);
  const baseCpu = summarise('bare session.run: processor time', 'ms/frame', bareCpu);
  results.push(
    base,
    withRatio(summarise('node: raw frames in to record appended', 'frames/s', node), node, base, bare),
    baseCpu,
    withRatio(summarise('node: processor time without ffmpeg', 'ms/frame', nodeCpu), nodeCpu, baseCpu, bareCpu),
    summarise(
      'node at full load: lag of its main process, p99',
      'ms',
      rounds.map((round) => p(99, round.node.lagsMs)),
    ),
    summarise(
      'node at full load: both processes',
      'MiB',
      rounds.map((round) => round.node.rssMiB),
    ),
  );
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

const sweep: SweepParts = {
  measureMs,
  modelPath,
  stillVideo,
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
  process.stderr.write('\n');
  const settings = {
    model: modelPath.split('/').at(-1) ?? modelPath,
    seconds: measureMs / 1000,
    parts: parts.join(','),
  };
  printReport(buildReport('capture', settings, ['onnxruntime-node', 'sharp'], results), args.json);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
