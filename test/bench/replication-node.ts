import { readFileSync } from 'node:fs';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RetainedDocuments } from '../../base/link/retained-documents.js';
import { SideLinks } from '../../base/link/side-links.js';
import { openLog } from '../../base/log.js';
import { Presence } from '../../base/presence/presence.js';
import { Random } from '../../base/random.js';
import { EdgeConfig } from '../../edge/config.js';
import { NodeRecords } from '../../edge/node-records.js';
import { routes } from '../../protocol/routes.js';
import { machineMs, Order, type Said } from './replication-words.js';

// A node without cameras, as a process: its log, its replica, its answers. It does what its parent tells it, and notes when
// what reached it, by looking every 2 ms.

const LOOK_MS = 2;
const MIB = 1024 * 1024;
const [url = '', node = '', passwordFile = '', stateDir = ''] = process.argv.slice(2);
const clock = new SystemClock();
const random = new Random(`${node}/${process.pid}`);
const log = openLog(node, 'warn');
const password = readFileSync(passwordFile, 'utf8').trim();
const common = { url, username: node, password, root: 'vedette', clock, random, log };
const link = new Link({ ...common, clientId: node });
const second = { ...common, clientId: `${node}-bulk` };
const bulk = new Link({ ...second, follows: link });
const sides = new SideLinks({ link: second, main: link });
const presence = new Presence({
  ...{ link, stateDir, clock, random, log, version: '0.1.0' },
  identity: { kind: 'node', node },
});
const documents = new RetainedDocuments(link, clock, log);
const config = EdgeConfig.parse({ node, cameras: {} });
const records = new NodeRecords({
  ...{ stateDir, node, link, bulk, sides, clock, random, log, records: config.records, replica: config.replica },
  opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
  isClockSynchronised: () => true,
  onDisk: () => {},
  onReplicaState: (state) => documents.set(routes.replica, { node }, state),
});

async function open(): Promise<void> {
  await presence.open();
  await records.open();
  const info = { v: 1, version: '0.1.0', cameras: {}, sensors: {}, labels: [], configSha256: '0'.repeat(64) };
  const { publicKey } = records;
  const schemas = { major: 1, minor: 1 };
  documents.set(routes.info, { node }, { ...info, capabilities: ['records', 'need'], schemas, publicKey });
  presence.onRepublish(() => {
    documents.republishAll();
    records.republish();
  });
  link.open();
  bulk.open();
  sides.open();
  isOpen = true;
}

async function close(): Promise<void> {
  await records.close();
  await Promise.all([bulk.close(), sides.close()]);
  await presence.close('sigterm');
}

type Log = { readonly node: string; readonly epoch: string; held: number; durable: number };
const watched: Log[] = [];
const seen = { appended: [] as Said['appended'], held: [] as Said['held'], durable: [] as Said['durable'] };
const newest = { id: 0, seq: 0 };
let isOpen = false;

async function append(): Promise<void> {
  const x = random.int(500);
  const y = random.int(500);
  const id = ++newest.id;
  const fields = { k: 'track', c: 'front', ev: 'update', id, l: 'person', p: random.int(1000) };
  const startedMs = machineMs();
  const { s } = await records.append({ ...fields, b: [x, y, x + 200, y + 400] });
  newest.seq = Math.max(newest.seq, s);
  if (watched.length > 0) seen.appended.push([s, startedMs]);
}

async function appendSteadily(perS: number, seconds: number): Promise<void> {
  const periodMs = 1000 / perS;
  // The nodes of a fleet are not in step.
  await clock.sleep(random.next() * periodMs);
  const stop = clock.every(periodMs, () => void append());
  await clock.sleep(seconds * 1000);
  stop();
}

async function fill(count: number): Promise<void> {
  for (let left = count; left > 0; left -= 64) {
    await Promise.all(Array.from({ length: Math.min(64, left) }, () => append()));
  }
}

function look(): void {
  for (const one of watched) {
    const { held, durable } = records.copyExtent(one.node, one.epoch);
    if (held > one.held) seen.held.push([one.node, held, machineMs()]);
    if (durable > one.durable) seen.durable.push([one.node, durable, machineMs()]);
    one.held = held;
    one.durable = durable;
  }
}

/** Numbers of what the answer to an order adds to the usual. */
async function carryOut(order: Order): Promise<Partial<Said>> {
  switch (order.do) {
    case 'open':
      await open();
      return {};
    case 'append':
      await appendSteadily(order.perS, order.seconds);
      return {};
    case 'fill':
      await fill(order.records);
      return {};
    case 'watch':
      watched.push(...order.logs.map(([of, epoch]) => ({ node: of, epoch, held: 0, durable: 0 })));
      look();
      for (const kind of Object.values(seen)) kind.splice(0);
      clock.every(LOOK_MS, look);
      return {};
    case 'extents':
      return { extents: order.logs.map(([of, epoch]) => records.copyExtent(of, epoch)) };
    case 'report':
      return { ...seen, counters: { ...(records.replicaState?.counters ?? {}) } };
    case 'close':
      await close();
      return {};
  }
}

process.on('message', async (message) => {
  const order = Order.parse(message);
  const added = await carryOut(order);
  const rssMiB = process.memoryUsage().rss / MIB;
  const rssMaxMiB = process.resourceUsage().maxRSS / 1024;
  process.send?.({ epoch: (isOpen ? records.epoch : undefined) ?? '', seq: newest.seq, rssMiB, rssMaxMiB, ...added });
  if (order.do === 'close') process.exit(0);
});
process.on('disconnect', () => process.exit(0));
process.send?.({});
