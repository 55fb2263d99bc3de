import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { CameraConfig } from '../../edge/camera-config.js';
import { JpegSplitter } from '../../edge/capture/file/jpeg-splitter.js';
import { routes } from '../../protocol/routes.js';
import { numberOption, numbersOption, scriptOptions } from '../script-options.js';
import { jainIndex, measureScale } from '../sim/offers/offer-scale.js';
import { Site } from '../system/site.js';
import { type BenchResult, buildReport, printReport, summarise } from './bench-report.js';
import { CentralQueue } from './central-queue.js';
import { drawPlot } from './plot.js';
import { SharingNode } from './sharing-node.js';

const WORDS = {
  call: 'npm run bench:sharing',
  about: `A node with cameras for three quarters of what the whole fleet can look at, the others idle; of eight nodes two have such
cameras. Four ways: sharing off, sharing on, cameras spread evenly by hand, a central queue that hands out frames. Real
vision processes, links and broker; each board is slow because its detectors may work a small share of the time, so that
the machine is not the limit. At the end the same for fleets of up to 1,000 nodes by simulation.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  nodes: { type: 'string', default: '1,2,4,8' },
  seconds: { type: 'string', default: '25' },
  runs: { type: 'string', default: '1' },
  share: { type: 'string', default: '0.03' },
  scale: { type: 'string', default: '1000' },
  plots: { type: 'string' },
});
const sizes = numbersOption('--nodes', args.nodes, 1);
const seconds = numberOption('--seconds', args.seconds, 1);
const runs = numberOption('--runs', args.runs, 1);
const share = numberOption('--share', args.share, 0);
const scaleMax = numberOption('--scale', args.scale, 1);
const clock = new SystemClock();

/** Load is judged, peers are found and windows grow before anything is counted. */
const WARM_UP_MS = 15_000;
const SIZE_PX = { widthPx: 640, heightPx: 480 };
/** Of what all boards together can look at, so much is asked. */
const LOAD = 0.75;
/** Cameras of a board that has three times too many. */
const CAMERAS = 9;

const WAYS = ['sharing off', 'sharing', 'spread by hand', 'central queue'] as const;
type Way = (typeof WAYS)[number];
type Measured = {
  readonly fps: number;
  readonly fairness: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of pictures and boxes on the wire, per frame looked at. */
  readonly bytesPerFrame: number;
  readonly counters: Readonly<Record<string, number>>;
};

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

class Bench {
  readonly #site: Site;
  readonly #clip: string;
  readonly #frames: readonly Uint8Array<ArrayBuffer>[];
  readonly #passwords = new Map<string, string>();

  private constructor(site: Site, clip: string, frames: readonly Uint8Array<ArrayBuffer>[]) {
    this.#site = site;
    this.#clip = clip;
    this.#frames = frames;
  }

  static async open(nodesMax: number): Promise<Bench> {
    const site = new Site();
    const clip = site.path('clip.mjpeg');
    await site.run('sim', 'camera', '--seed', '7', '--frames', '100', '--out', clip);
    const splitter = new JpegSplitter(1 << 20);
    const frames: Uint8Array<ArrayBuffer>[] = [];
    splitter.push(await readFile(clip));
    for (let next = splitter.next(); next !== undefined; next = splitter.next()) frames.push(new Uint8Array(next));
    const bench = new Bench(site, clip, frames);
    const names = ['centre', ...Array.from({ length: nodesMax }, (_, i) => `cam${i + 1}`)];
    for (const name of names) bench.#passwords.set(name, await site.addUser(name, 'node'));
    await site.startBroker();
    return bench;
  }

  /** What one board does with more cameras than it can take, frames/s. */
  async capacityFps(): Promise<number> {
    const nodes = [this.#node('cam1', CAMERAS, 2, false)];
    return this.#running(nodes, async () => {
      const before = lookedBy(nodes);
      await clock.sleep(seconds * 1_000);
      return (sum(lookedBy(nodes)) - sum(before)) / seconds;
    });
  }

  async measure(way: Way, size: number, capacityFps: number): Promise<Measured> {
    const overloaded = Math.max(1, Math.floor(size / 4));
    const cameras = overloaded * CAMERAS;
    const fps = (LOAD * size * capacityFps) / cameras;
    if (way === 'central queue') return this.#central(size, cameras, fps);
    const camerasOf = (node: number) => {
      if (way !== 'spread by hand') return node < overloaded ? CAMERAS : 0;
      return Math.floor(cameras / size) + (node < cameras % size ? 1 : 0);
    };
    const nodes = Array.from({ length: size }, (_, i) =>
      this.#node(`cam${i + 1}`, camerasOf(i), fps, way === 'sharing'),
    );
    return this.#running(nodes, async () => {
      const before = lookedBy(nodes);
      const countersBefore = added(nodes);
      for (const { latenciesMs } of nodes) latenciesMs.length = 0;
      const wire = this.#listen();
      await clock.sleep(seconds * 1_000);
      const rates = lookedBy(nodes).map((count, i) => (count - (before[i] ?? 0)) / seconds);
      const bytes = await wire.close();
      const latenciesMs = nodes.flatMap((node) => node.latenciesMs);
      const after = added(nodes);
      const counters = Object.fromEntries(
        Object.entries(after).map(([name, count]) => [name, count - (countersBefore[name] ?? 0)]),
      );
      return measured(rates, latenciesMs, bytes, counters);
    });
  }

  async close(): Promise<void> {
    await this.#site.close();
  }

  async #central(size: number, cameras: number, fps: number): Promise<Measured> {
    const workers = Array.from({ length: size }, (_, i) => this.#node(`cam${i + 1}`, 0, fps, false, true));
    const [source] = workers;
    if (source === undefined) throw new RangeError('a fleet needs a node');
    const centre = new Link({
      ...{ url: this.#site.brokerUrl, root: 'vedette', clientId: 'centre', username: 'centre', clock, log: silentLog },
      ...{ password: this.#passwords.get('centre') ?? '', random: new Random('centre') },
    });
    centre.open();
    const queue = new CentralQueue({
      ...{ centre, workers, source, cameras, frames: this.#frames, clock, ...SIZE_PX },
      periodMs: 1_000 / fps,
    });
    try {
      return await this.#running(
        workers,
        async () => {
          const before = [...queue.looked];
          queue.latenciesMs.length = 0;
          const wire = this.#listen();
          await clock.sleep(seconds * 1_000);
          const rates = queue.looked.map((count, i) => (count - (before[i] ?? 0)) / seconds);
          return measured(rates, queue.latenciesMs, await wire.close(), {});
        },
        queue,
      );
    } finally {
      queue.close();
      await centre.close();
    }
  }

  async #running<T>(nodes: readonly SharingNode[], work: () => Promise<T>, queue?: CentralQueue): Promise<T> {
    try {
      await Promise.all(nodes.map((node) => node.open()));
      queue?.open();
      await clock.sleep(WARM_UP_MS);
      return await work();
    } finally {
      await Promise.all(nodes.map((node) => node.close()));
    }
  }

  #node(name: string, cameras: number, fps: number, isSharing: boolean, isWorker = false): SharingNode {
    const source = { driver: 'file', path: this.#clip, fps: Math.max(0.01, Math.round(fps * 100) / 100) };
    // Every frame is looked at, still scenes too.
    const config = CameraConfig.parse({ source, motion: { enabled: false } });
    return new SharingNode({
      ...{
        name,
        url: this.#site.brokerUrl,
        password: this.#passwords.get(name) ?? '',
        share,
        isSharing,
        isWorker,
        clock,
      },
      cameras: Object.fromEntries(Array.from({ length: cameras }, (_, i) => [`c${i}`, config])),
    });
  }

  #listen(): { close: () => Promise<number> } {
    const link = new Link({
      ...{ url: this.#site.brokerUrl, root: 'vedette', clientId: 'bench', clock, log: silentLog },
      random: new Random('bench'),
    });
    let bytes = 0;
    const add = ({ raw, topic }: { raw: Uint8Array; topic: string }) => {
      bytes += raw.length + topic.length;
    };
    link.subscribe(routes.offer, {}, add);
    link.subscribe(routes.boxes, {}, add);
    link.open();
    return {
      close: async () => {
        await link.close();
        return bytes;
      },
    };
  }
}

const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);

function lookedBy(nodes: readonly SharingNode[]): number[] {
  return nodes.flatMap((node) => [...node.looked().values()]);
}

function added(nodes: readonly SharingNode[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [name, count] of nodes.flatMap((node) => Object.entries(node.counters()))) {
    sums[name] = (sums[name] ?? 0) + count;
  }
  return sums;
}

function measured(
  rates: readonly number[],
  latenciesMs: readonly number[],
  bytes: number,
  counters: Readonly<Record<string, number>>,
): Measured {
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const quantile = (part: number) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))] ?? 0;
  const fps = sum(rates);
  const bytesPerFrame = bytes / Math.max(1, fps * seconds);
  return { fps, fairness: jainIndex(rates), p50Ms: quantile(0.5), p99Ms: quantile(0.99), bytesPerFrame, counters };
}

/** By way, then by size. */
type Findings = Map<Way, Map<number, Measured[]>>;

function resultsOf(findings: Findings, capacitiesFps: readonly number[]): BenchResult[] {
  const results: BenchResult[] = [summarise('one board', 'frames/s', capacitiesFps)];
  for (const size of sizes) {
    for (const way of WAYS) {
      const list = findings.get(way)?.get(size) ?? [];
      const of = (name: string, unit: string, value: (one: Measured) => number) =>
        summarise(`${size} nodes, ${way}: ${name}`, unit, list.map(value));
      const even = findings.get('spread by hand')?.get(size) ?? [];
      results.push(
        of('frames/s', 'frames/s', ({ fps }) => fps),
        summarise(
          `${size} nodes, ${way}: of the even spread`,
          '%',
          list.map(({ fps }, i) => (100 * fps) / (even[i]?.fps ?? Number.NaN)),
        ),
        of('fairness of cameras', '', ({ fairness }) => fairness),
        of('latency p50', 'ms', ({ p50Ms }) => p50Ms),
        of('latency p99', 'ms', ({ p99Ms }) => p99Ms),
        of('bytes a frame', 'B', ({ bytesPerFrame }) => bytesPerFrame),
      );
    }
    const counters = findings.get('sharing')?.get(size) ?? [];
    for (const name of ['offer-sent', 'offer-done', 'offer-busy', 'offer-late', 'offer-none']) {
      results.push(
        summarise(
          `${size} nodes, sharing: ${name}`,
          'times',
          counters.map((one) => one.counters[name] ?? 0),
        ),
      );
    }
  }
  return results;
}

async function writePlots(folder: string, findings: Findings, results: readonly BenchResult[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  const median = (name: string) => results.find((result) => result.name === name)?.median ?? 0;
  const lines = (what: string) =>
    WAYS.filter((way) => findings.has(way)).map((way) => ({
      name: way,
      points: sizes.map((size): [number, number] => [size, median(`${size} nodes, ${way}: ${what}`)]),
    }));
  const plot = async (file: string, title: string, yLabel: string, what: string) =>
    writeFile(join(folder, file), drawPlot({ title, xLabel: 'nodes', yLabel, lines: lines(what) }));
  await plot(
    'sharing-rate.svg',
    'Frames looked at by a fleet with its cameras at a quarter of it',
    'frames/s',
    'frames/s',
  );
  await plot('sharing-latency.svg', 'From capture to track event, 99th percentile', 'ms', 'latency p99');
  await plot('sharing-bytes.svg', 'Pictures and boxes on the wire', 'bytes a frame', 'bytes a frame');
  await plot('sharing-fairness.svg', "Jain's index of the cameras' rates", '1: all alike', 'fairness of cameras');
  const rows = SCALES.filter((nodes) => nodes <= scaleMax).map((nodes) => measureScale(1, nodes, 60_000));
  const scale = [
    { name: 'sharing', points: rows.map(({ nodes, sharedFps }): [number, number] => [nodes, sharedFps]) },
    { name: 'sharing off', points: rows.map(({ nodes, aloneFps }): [number, number] => [nodes, aloneFps]) },
    { name: 'spread by hand', points: rows.map(({ nodes, evenFps }): [number, number] => [nodes, evenFps]) },
  ];
  const drawn = drawPlot({
    ...{ title: 'The same by simulation', xLabel: 'nodes', yLabel: 'frames/s', lines: scale, xLog: true, yLog: true },
  });
  await writeFile(join(folder, 'sharing-scale.svg'), drawn);
}

const SCALES = [4, 8, 32, 100, 320, 1_000];
const bench = await Bench.open(Math.max(...sizes));
try {
  const findings: Findings = new Map();
  const capacitiesFps: number[] = [];
  for (let run = 0; run < runs; run++) {
    progress('what one board can do');
    const capacityFps = await bench.capacityFps();
    capacitiesFps.push(capacityFps);
    for (const size of sizes) {
      for (const way of WAYS) {
        progress(`run ${run + 1} of ${runs}: ${size} nodes, ${way}`);
        const bySize = findings.get(way) ?? new Map<number, Measured[]>();
        findings.set(way, bySize);
        bySize.set(size, [...(bySize.get(size) ?? []), await bench.measure(way, size, capacityFps)]);
      }
    }
  }
  progress('');
  const results = resultsOf(findings, capacitiesFps);
  printReport(
    buildReport('sharing', { seconds, runs, share, load: LOAD, cameras: CAMERAS }, ['onnxruntime-node'], results),
    args.json,
  );
  if (args.plots !== undefined) await writePlots(args.plots, findings, results);
} finally {
  await bench.close();
}
