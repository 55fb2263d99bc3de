import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { numberOption, scriptOptions } from '../script-options.js';
import { type BenchResult, buildReport, printReport, summarise, withRatio } from './bench-report.js';
import { BrokerPair, loginOf, type RunningBroker } from './broker-pair.js';
import { bootstrapMs, fillRetained, stuckReader } from './broker-scenes.js';
import { livePayload, readingPayload } from './fleet-messages.js';
import { runLoad } from './mqtt-load.js';

const WORDS = {
  call: 'npm run bench:broker',
  about: `Our broker (journal on, every payload checked, every right asked) and, where it is installed, Mosquitto in turn:
QoS 1 messages a second as live to one and to four readers and as retained readings; how soon a newcomer has
everything that is retained; what a reader that does not read costs the others.`,
};

const args = scriptOptions(WORDS, {
  json: { type: 'boolean', default: false },
  runs: { type: 'string', default: '5' },
  messages: { type: 'string', default: '60000' },
  topics: { type: 'string', default: '50000' },
  stuck: { type: 'string', default: '20' },
  fsync: { type: 'string', default: 'interval' },
});
const runs = numberOption('--runs', args.runs, 1);
const messages = numberOption('--messages', args.messages, 1);
const topics = numberOption('--topics', args.topics, 1);
const stuckS = numberOption('--stuck', args.stuck, 0);
const nodes = Array.from({ length: Math.max(1, Math.ceil(topics / 1000)) }, (_, i) => `cam${i + 1}`);
const folder = await mkdtemp(join(tmpdir(), 'vedette-bench-'));
const pair = new BrokerPair(folder);

type Scene = {
  readonly name: string;
  readonly unit: string;
  readonly runs: number;
  readonly measure: (broker: RunningBroker, run: number) => Promise<number>;
};

function throughput(name: string, readers: number, retain: boolean): Scene {
  const topic = `vedette/1/node/cam1/${retain ? 'sensor/heat' : 'live'}`;
  return {
    name,
    unit: 'messages/s',
    runs,
    measure: ({ port }, run) =>
      runLoad({
        port,
        publisher: loginOf('cam1'),
        readers: Array.from({ length: readers }, (_, i) => loginOf('alice', `alice.${i}`)),
        topic,
        retain,
        messages,
        // The readings of a run differ from those of the last: the same value again is not written again.
        payload: (i) => (retain ? readingPayload(run * messages + i) : livePayload(i + 1)),
      }),
  };
}

const lostBeside = new Map<string, number>();
const scenes: Scene[] = [
  throughput('live, 1 reader', 1, false),
  throughput('live, 4 readers', 4, false),
  throughput('retained reading, 1 reader', 1, true),
  {
    name: `newcomer, ${topics} retained topics`,
    unit: 'ms',
    runs,
    async measure({ port }, run) {
      if (run === 0) await fillRetained(port, nodes, topics);
      return bootstrapMs(port, topics);
    },
  },
  {
    name: 'worst delay beside a stuck reader',
    unit: 'ms',
    runs: 1,
    async measure({ name, port }) {
      const { worstMs, lost } = await stuckReader(port, 'cam1', stuckS);
      lostBeside.set(name, lost);
      return worstMs;
    },
  },
];

/** One scene at every broker in turn, run by run. */
async function compare(scene: Scene, brokers: readonly RunningBroker[]): Promise<BenchResult[]> {
  const values = brokers.map((): number[] => []);
  for (let run = 0; run < scene.runs; run++) {
    for (const [i, broker] of brokers.entries()) values[i]?.push(await scene.measure(broker, run));
  }
  const results = brokers.map(({ name }, i) => summarise(`${name}: ${scene.name}`, scene.unit, values[i] ?? []));
  const [ours, theirs] = results;
  if (ours === undefined || theirs === undefined) return results;
  return [withRatio(ours, values[0] ?? [], theirs, values[1] ?? []), theirs];
}

try {
  const brokers = await pair.start(nodes, args.fsync);
  const results: BenchResult[] = [];
  for (const scene of scenes) results.push(...(await compare(scene, brokers)));
  for (const [name, lost] of lostBeside) results.push(summarise(`${name}: lost beside it`, 'messages', [lost]));
  const settings = { messages, inFlight: 200, payloadBytes: 200, qos: 1, fsync: args.fsync, topics, stuckS };
  printReport(buildReport('broker', settings, ['aedes'], results), args.json);
} finally {
  pair.stop();
  await rm(folder, { recursive: true, force: true });
}
