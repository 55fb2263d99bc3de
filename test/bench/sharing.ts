import { readFile } from 'node:fs/promises';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { renderTable } from '../../base/terminal/table.js';
import { Terminal } from '../../base/terminal/terminal.js';
import { CameraConfig } from '../../edge/camera-config.js';
import { JpegSplitter } from '../../edge/capture/file/jpeg-splitter.js';
import { routes } from '../../protocol/routes.js';
import { numberOption, numbersOption, partsOption, scriptOptions } from '../script-options.js';
import { measureScale, scaleColumns } from '../sim/offers/offer-scale.js';
import { Site } from '../system/site.js';
import { buildReport, printReport, readReport } from './bench-report.js';
import { CentralQueue } from './central-queue.js';
import { SharingNode } from './sharing-node.js';
import { COLUMNS, type Counted, resultsOf, rowsOf, WAYS, type Way, writePlots } from './sharing-report.js';

const WORDS = {
  call: 'npm run bench:sharing',
  about: `A node with cameras for three quarters of what the whole fleet can look at, the others idle; of eight nodes two have such
cameras. Four ways: sharing off, sharing on, cameras spread evenly by hand, a central queue that hands out frames. Real
vision processes, links and broker; each board is slow because its detectors may work a small share of the time, so that
the machine is not the limit. At the end the same for fleets of up to 1,000 nodes by simulation (--scale 0: none).
--join a.json,b.json measures nothing and shows together what was measured in parts (--ways, --nodes, --json; --capacity
says what one board can do, so that all are asked for the same frames/s).`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  nodes: { type: 'string', default: '1,2,4,8' },
  seconds: { type: 'string', default: '25' },
  runs: { type: 'string', default: '1' },
  share: { type: 'string', default: '0.03' },
  ways: { type: 'string', default: WAYS.join() },
  scale: { type: 'string', default: '1000' },
  capacity: { type: 'string' },
  join: { type: 'string' },
  plots: { type: 'string' },
});
const sizes = numbersOption('--nodes', args.nodes, 1);
const seconds = numberOption('--seconds', args.seconds, 1);
const runs = numberOption('--runs', args.runs, 1);
const share = numberOption('--share', args.share, 0);
const askedWays = partsOption('--ways', args.ways, WAYS);
const scaleMax = numberOption('--scale', args.scale, 0);
const knownFps = args.capacity === undefined ? undefined : numberOption('--capacity', args.capacity, 0.1);
const clock = new SystemClock();

/** Load is judged, peers are found and windows grow before anything is counted. */
const WARM_UP_MS = 15_000;
const SIZE_PX = { widthPx: 640, heightPx: 480 };
/** Of what all boards together can look at, so much is asked. */
const LOAD = 0.75;
/** Cameras of a board that has three times too many. */
const CAMERAS = 9;

/** Fleets of which a simulation tells, and for how long. */
const SCALES = [4, 8, 32, 100, 320, 1_000];
const SCALE_MS = 60_000;

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

  async measure(way: Way, size: number, capacityFps: number): Promise<Counted> {
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
      const before = { looked: lookedBy(nodes), worked: workedBy(nodes), counters: added(nodes) };
      for (const { latenciesMs } of nodes) latenciesMs.length = 0;
      const wire = this.#listen();
      await clock.sleep(seconds * 1_000);
      const cameraFps = ratesOf(lookedBy(nodes), before.looked);
      const nodeFps = ratesOf(workedBy(nodes), before.worked);
      const bytes = await wire.close();
      const counters = Object.fromEntries(
        Object.entries(added(nodes)).map(([name, count]) => [name, count - (before.counters[name] ?? 0)]),
      );
      const latenciesMs = nodes.flatMap((node) => node.latenciesMs);
      return { cameraFps, nodeFps, latenciesMs, bytesPerFrame: perFrame(bytes, cameraFps), counters };
    });
  }

  async close(): Promise<void> {
    await this.#site.close();
  }

  async #central(size: number, cameras: number, fps: number): Promise<Counted> {
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
          const before = { looked: [...queue.looked], worked: [...queue.worked] };
          queue.latenciesMs.length = 0;
          const wire = this.#listen();
          await clock.sleep(seconds * 1_000);
          const cameraFps = ratesOf(queue.looked, before.looked);
          const nodeFps = ratesOf(queue.worked, before.worked);
          const bytesPerFrame = perFrame(await wire.close(), cameraFps);
          return { cameraFps, nodeFps, latenciesMs: [...queue.latenciesMs], bytesPerFrame, counters: {} };
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

function workedBy(nodes: readonly SharingNode[]): number[] {
  return nodes.map((node) => node.worked());
}

function ratesOf(after: readonly number[], before: readonly number[]): number[] {
  return after.map((count, i) => (count - (before[i] ?? 0)) / seconds);
}

function perFrame(bytes: number, cameraFps: readonly number[]): number {
  return bytes / Math.max(1, sum(cameraFps) * seconds);
}

async function measureAll() {
  const findings = new Map<Way, Map<number, Counted[]>>();
  const capacitiesFps: number[] = [];
  const bench = await Bench.open(Math.max(...sizes));
  try {
    for (let run = 0; run < runs; run++) {
      progress('what one board can do');
      const capacityFps = knownFps ?? (await bench.capacityFps());
      capacitiesFps.push(capacityFps);
      for (const size of sizes) {
        for (const way of WAYS.filter((one) => askedWays.includes(one))) {
          progress(`run ${run + 1} of ${runs}: ${size} nodes, ${way}`);
          const bySize = findings.get(way) ?? new Map<number, Counted[]>();
          findings.set(way, bySize);
          bySize.set(size, [...(bySize.get(size) ?? []), await bench.measure(way, size, capacityFps)]);
        }
      }
    }
  } finally {
    await bench.close();
  }
  progress('');
  const settings = { seconds, runs, share, load: LOAD, cameras: CAMERAS };
  return buildReport('sharing', settings, ['onnxruntime-node'], resultsOf(findings, capacitiesFps));
}

/** Reports of parts as one, with the settings of the first. */
async function joined(files: readonly string[]) {
  const [first, ...others] = await Promise.all(files.map(async (file) => readReport(await readFile(file, 'utf8'))));
  if (first === undefined) throw new RangeError('there is no report to join');
  return { ...first, results: [first, ...others].flatMap(({ results }) => results) };
}

const report = await (args.join === undefined ? measureAll() : joined(args.join.split(',')));
const scale = SCALES.filter((nodes) => nodes <= scaleMax).map((nodes) => measureScale(1, nodes, SCALE_MS));
if (args.json) console.log(JSON.stringify({ ...report, scale }));
else {
  const terminal = new Terminal(process.stdout, process.env);
  printReport(report, false);
  terminal.writeLine(renderTable(terminal, COLUMNS, rowsOf(report.results)));
  if (scale.length > 0) terminal.writeLine(renderTable(terminal, scaleColumns(), scale));
}
if (args.plots !== undefined) await writePlots(args.plots, report.results, scale);
