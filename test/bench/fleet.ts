import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberOption, numbersOption, scriptOptions } from '../script-options.js';
import { type BenchResult, buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { BrokerPair, type RunningBroker } from './broker-pair.js';
import { SimulatedBoards } from './fleet-load.js';
import { drawPlot } from './plot.js';

const WORDS = {
  call: 'npm run bench:fleet',
  about: `So many simulated boards at one broker, ours and, where it is installed, Mosquitto: a heartbeat and a record a second
each, heard by one listener (--sizes) or records heard by all boards, as replicas are (--all): delay from when a
record was due, messages a second at full speed, time of all logins, memory.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  sizes: { type: 'string', default: '1,10,100,1000' },
  all: { type: 'string', default: '10,30,100,200' },
  seconds: { type: 'string', default: '10' },
  messages: { type: 'string', default: '40000' },
  plots: { type: 'string' },
});
const seconds = numberOption('--seconds', args.seconds, 1);
const fullSpeedMessages = numberOption('--messages', args.messages, 1);
const folder = await mkdtemp(join(tmpdir(), 'vedette-bench-'));

type Measured = Readonly<Record<string, { readonly value: number; readonly unit: string }>>;
/** By broker, then by number of boards. */
type Findings = Map<string, Map<number, Measured>>;

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function heardByOne(broker: RunningBroker, boards: SimulatedBoards): Promise<Measured> {
  const loginMs = await boards.connect();
  const memoryMiB = broker.rssMiB();
  const { p50Ms, p99Ms, share } = await boards.heardByOne(seconds);
  const rate = await boards.atFullSpeed(fullSpeedMessages);
  return {
    'logins of all': { value: loginMs / 1000, unit: 's' },
    'memory, all connected': { value: memoryMiB, unit: 'MiB' },
    'delay p50': { value: p50Ms, unit: 'ms' },
    'delay p99': { value: p99Ms, unit: 'ms' },
    'records that arrived': { value: share * 100, unit: '%' },
    'at full speed': { value: rate, unit: 'messages/s' },
    'memory, at the end': { value: broker.rssMiB(), unit: 'MiB' },
  };
}

async function heardByAll(broker: RunningBroker, boards: SimulatedBoards): Promise<Measured> {
  await boards.connect();
  const { p50Ms, p99Ms, share } = await boards.heardByAll(seconds);
  return {
    'delay p50': { value: p50Ms, unit: 'ms' },
    'delay p99': { value: p99Ms, unit: 'ms' },
    'copies that arrived': { value: share * 100, unit: '%' },
    memory: { value: broker.rssMiB(), unit: 'MiB' },
  };
}

/** One way of listening, at each size, at each broker: brokers of their own for each size. */
async function measure(sizes: readonly number[], listening: 'one' | 'all'): Promise<Findings> {
  const findings: Findings = new Map();
  for (const size of sizes) {
    const names = Array.from({ length: size }, (_, i) => `cam${i + 1}`);
    const pair = new BrokerPair(await mkdtemp(join(folder, 'brokers-')));
    try {
      for (const broker of await pair.start(names, 'interval')) {
        progress(`${size} boards heard by ${listening}, ${broker.name}`);
        const boards = new SimulatedBoards(broker.port, names);
        const found = listening === 'one' ? await heardByOne(broker, boards) : await heardByAll(broker, boards);
        boards.close();
        const bySize = findings.get(broker.name) ?? new Map<number, Measured>();
        findings.set(broker.name, bySize.set(size, found));
      }
    } finally {
      pair.stop();
    }
  }
  return findings;
}

function resultsOf(findings: Findings, listening: string): BenchResult[] {
  const [ours, theirs] = [...findings];
  if (ours === undefined) return [];
  const results: BenchResult[] = [];
  for (const [size, measured] of ours[1]) {
    for (const [what, { value, unit }] of Object.entries(measured)) {
      const name = (broker: string) => `${broker}: ${size} boards heard by ${listening}: ${what}`;
      const result = summarise(name(ours[0]), unit, [value]);
      const other = theirs?.[1].get(size)?.[what];
      if (theirs === undefined || other === undefined) results.push(result);
      else {
        const base = summarise(name(theirs[0]), unit, [other.value]);
        results.push(withRatio(result, [value], base, [other.value]), base);
      }
    }
  }
  return results;
}

async function plot(findings: Findings, file: string, title: string, quantity: string, whats: readonly string[]) {
  if (args.plots === undefined) return;
  const lines = [...findings].flatMap(([broker, bySize]) =>
    whats.map((what) => {
      const points = [...bySize].map(([size, measured]) => [size, measured[what]?.value ?? Number.NaN] as const);
      return { name: whats.length > 1 ? `${broker}, ${what}` : broker, points };
    }),
  );
  const drawn = drawPlot({ title, xLabel: 'boards', yLabel: quantity, lines, xLog: true, yLog: true });
  await mkdir(args.plots, { recursive: true });
  await writeFile(join(args.plots, file), drawn);
}

try {
  const sizes = numbersOption('--sizes', args.sizes, 1);
  const one = await measure(sizes, 'one');
  const all = await measure(args.all.split(',').filter(Boolean).map(Number), 'all');
  progress('');
  const delays = ['delay p50', 'delay p99'];
  await plot(one, 'fleet-delay.svg', 'A record until its listener has it', 'ms', delays);
  await plot(one, 'fleet-rate.svg', 'All boards at full speed, one listener', 'messages/s', ['at full speed']);
  await plot(one, 'fleet-memory.svg', 'Memory of the broker', 'MiB', ['memory, at the end']);
  if (all.size > 0) await plot(all, 'fleet-replicas.svg', 'A record until another board has it', 'ms', delays);
  const settings = {
    seconds,
    recordsPerS: 1,
    qos: 1,
    messagesAtFullSpeed: fullSpeedMessages,
  };
  const results = [...resultsOf(one, 'one'), ...resultsOf(all, 'all')];
  printReport(buildReport('fleet', settings, ['aedes'], results), args.json);
} finally {
  await rm(folder, { recursive: true, force: true });
}
