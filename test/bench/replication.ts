import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import type { Site } from '../system/site.js';
import { type BenchResult, summarise } from './bench-report.js';
import { FleetNode, withFleet } from './replication-fleet.js';
import { machineMs, type Said } from './replication-words.js';

export type ReplicationSettings = {
  /** Records a second of each node, one after the other. */
  readonly rates: readonly number[];
  readonly seconds: number;
};

/** A batch as it was on the wire. */
type Batch = {
  readonly node: string;
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
  readonly atMs: number;
};
type Reports = ReadonlyMap<string, Said>;

const NODES = ['cam1', 'cam2', 'cam3'];
/** One fsync in 15 s once the budget of a card is spent, and a second to do it. */
const DURABLE_WITHIN_MS = 17_000;
/** Fixed header, length of the topic, packet identifier. */
const PUBLISH_BYTES = 2 + 2 + 2;

/**
 * Time from an append at its writer to the copy at another node, three nodes and a broker as processes. Each rate has
 * processes of its own, so that none pays for the fsyncs of the one before.
 */
export async function measureReplication(settings: ReplicationSettings): Promise<BenchResult[]> {
  return withFleet(NODES, async (site, nodes) => {
    const results: BenchResult[] = [];
    for (const rate of settings.rates) results.push(...(await measureRate(site, nodes, rate, settings.seconds)));
    return results;
  });
}

async function measureRate(site: Site, nodes: FleetNode[], rate: number, seconds: number): Promise<BenchResult[]> {
  const clock = new SystemClock();
  nodes.push(...(await Promise.all(NODES.map((name) => FleetNode.start(site, name, site.port)))));
  await Promise.all(nodes.map((node) => node.tell({ do: 'open' })));
  const firsts = await Promise.all(nodes.map((node) => node.tell({ do: 'fill', records: 1 })));
  const logs = NODES.map((name, i): [string, string] => [name, firsts[i]?.epoch ?? '']);
  const ear = listen(site, new Map(logs), clock);
  await clock.sleep(1_000);
  for (const node of nodes) await node.tell({ do: 'watch', logs: logs.filter(([name]) => name !== node.name) });
  await Promise.all(nodes.map((node) => node.tell({ do: 'append', perS: rate, seconds })));
  const reports = await untilDurable(nodes, clock);
  await ear.link.close();
  for (const node of nodes.splice(0)) await node.stop();
  return [...latencies(rate, reports, ear.batches), ...wire(rate, ear.batches)];
}

/** Hears `live` as a fourth party, for its sizes and for which records travelled together. */
function listen(site: Site, epochs: ReadonlyMap<string, string>, clock: SystemClock) {
  const batches: Batch[] = [];
  const link = new Link({
    ...{ url: site.brokerUrl, root: 'vedette', clientId: 'bench', clock, log: silentLog },
    random: new Random('bench'),
  });
  link.subscribe(routes.live, {}, ({ params, payload, raw, topic }) => {
    const first = payload.r[0]?.s;
    const last = payload.r.at(-1)?.s;
    if (first === undefined || last === undefined || payload.e !== epochs.get(params.node)) return;
    const bytes = PUBLISH_BYTES + (raw.length > 120 ? 1 : 0) + topic.length + raw.length;
    batches.push({ node: params.node, first, last, bytes, atMs: machineMs() });
  });
  link.open();
  return { link, batches };
}

async function untilDurable(nodes: readonly FleetNode[], clock: SystemClock): Promise<Reports> {
  const untilMs = machineMs() + DURABLE_WITHIN_MS;
  for (;;) {
    const said = await Promise.all(nodes.map((node) => node.tell({ do: 'report' })));
    const reports = new Map(nodes.map((node, i) => [node.name, said[i]] as const).flatMap(known));
    if (isDurable(reports) || machineMs() > untilMs) return reports;
    await clock.sleep(500);
  }
}

function known([name, said]: readonly [string, Said | undefined]): [string, Said][] {
  return said === undefined ? [] : [[name, said]];
}

function isDurable(reports: Reports): boolean {
  return [...reports].every(([holder, { durable }]) =>
    [...reports].every(
      ([writer, { seq }]) => writer === holder || durable.some(([of, s]) => of === writer && s >= seq),
    ),
  );
}

function latencies(rate: number, reports: Reports, batches: readonly Batch[]): BenchResult[] {
  const held: number[] = [];
  const beyond: number[] = [];
  const durable: number[] = [];
  const heard: number[] = [];
  for (const [writer, { appended }] of reports) {
    const startedMs = new Map(appended);
    for (const [seq, fromMs] of appended) {
      const batch = batches.find((one) => one.node === writer && one.first <= seq && seq <= one.last);
      if (batch !== undefined) heard.push(batch.atMs - fromMs);
      for (const [holder, report] of reports) {
        if (holder === writer) continue;
        const heldMs = reached(report.held, writer, seq);
        // A batch is on its way when its newest record is there: what the older ones waited for it is batching.
        held.push(heldMs - fromMs);
        beyond.push(heldMs - (startedMs.get(batch?.last ?? seq) ?? fromMs));
        durable.push(reached(report.durable, writer, seq) - fromMs);
      }
    }
  }
  const at = `${rate} a second`;
  return [
    ...percentiles(`${at}: append to copy`, held),
    ...percentiles(`${at}: the same, from the newest of its batch`, beyond),
    ...percentiles(`${at}: append to durable copy`, durable),
    summarise(`${at}: append to live message`, 'ms', heard),
  ];
}

function wire(rate: number, batches: readonly Batch[]): BenchResult[] {
  const records = batches.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  const bytes = batches.reduce((sum, one) => sum + one.bytes, 0);
  return [
    summarise(`${rate} a second: records of a live message`, 'records', [records / batches.length]),
    summarise(`${rate} a second: bytes of a record in live`, 'B', [bytes / records]),
  ];
}

/** When a log reached a seq; infinity: not while it was looked at. */
function reached(steps: Said['held'], writer: string, seq: number): number {
  const step = steps.find(([of, s]) => of === writer && s >= seq);
  return step?.[2] ?? Number.POSITIVE_INFINITY;
}

function percentiles(name: string, values: readonly number[]): BenchResult[] {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return [summarise(`${name}, p50`, 'ms', [at(0.5)]), summarise(`${name}, p99`, 'ms', [at(0.99)])];
}
