import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { QueryClient } from '../../../base/query/query-client.js';
import { Random } from '../../../base/random.js';
import { OwnLogReader } from '../../../edge/query/own-log-reader.js';
import { QueryServer } from '../../../edge/query/query-server.js';
import { RecordStore } from '../../../edge/records/record-store.js';
import { CopyLogReader } from '../../../edge/replica/copy-log-reader.js';
import type { ReplicaLimits } from '../../../edge/replica/core/replica-limits.js';
import { LogFiles } from '../../../edge/replica/log-files.js';
import { Replica } from '../../../edge/replica/replica.js';
import { type Answer, type Cut, QuerySpec } from '../../../protocol/query.js';
import { routes } from '../../../protocol/routes.js';
import { compiledUrl } from '../../compiled.js';
import { eventually } from '../../eventually.js';
import { PlainBroker } from '../../plain-broker.js';

const track = (id: number) => ({ k: 'track', c: 'front', ev: 'new', id, l: 'person', p: 870, b: [120, 221, 310, 780] });

/** A node without eyes: link, log and replica, as edge/node.ts puts them together. */
class BlindNode {
  readonly name: string;
  readonly link: Link;
  readonly store: RecordStore;
  replica: Replica | undefined;
  queries: QueryServer | undefined;
  /** The states its replica told, in order. */
  readonly told: string[] = [];

  constructor(name: string, url: string, dir: string) {
    this.name = name;
    const clock = new SystemClock();
    const random = new Random(`${name} ${dir}`);
    const shared = { clock, random, log: silentLog };
    this.link = new Link({
      ...shared,
      ...{ url, clientId: name, root: 'vedette' },
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 50, stableMs: 50, endTimeoutMs: 200 },
    });
    this.store = new RecordStore({
      ...shared,
      ...{ stateDir: join(dir, name), node: name, link: this.link, indexDocumentsMax: 0 },
      opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
      onLogChanged: () => this.replica?.noteOwn(),
      copies: {
        length: (epoch) => this.replica?.ownLength(epoch) ?? 0,
        isSealed: (epoch) => this.replica?.isSealed(epoch) ?? false,
      },
      limits: { fsyncMs: 20, fsyncRefillMs: 0, headMs: 500 },
    });
    this.link.onUp(() => this.tell('online'));
  }

  async open(dir: string, limits: Partial<ReplicaLimits> = {}, clock = new SystemClock()): Promise<void> {
    await this.store.open();
    this.replica = new Replica({
      ...{ node: this.name, stateDir: join(dir, this.name), publicKey: this.store.publicKey },
      ...{ records: this.store.records, link: this.link, clock, log: silentLog },
      random: new Random(`${this.name} replica`),
      limits: {
        frontierMs: 100,
        syncMs: 50,
        syncRefillMs: 0,
        pageQuietMs: 300,
        pollMs: 1_000,
        pageFrom: 50,
        adoptAfterMs: 1_000,
        ...limits,
      },
      onState: (state) => {
        this.told.push(state.state);
        this.link.publish(routes.replica, { node: this.name }, state).catch(() => {});
      },
    });
    await this.replica.open();
    this.link.open();
  }

  tell(state: 'online' | 'stopped'): void {
    const status = { v: 1, state, gen: 1, sid: 'aaaaaaaa', inv: 'i', boot: 'b', version: '0' };
    this.link.publish(routes.status, { node: this.name }, status).catch(() => {});
  }

  async append(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.store.append(track(i + 1));
  }

  async close(): Promise<void> {
    this.tell('stopped');
    await this.queries?.close();
    await this.replica?.close();
    await this.store.close();
    await this.link.close();
  }

  /** Answers queries from now on. */
  serveQueries(): void {
    const { replica, store, name, link } = this;
    if (replica === undefined) throw new Error('not open');
    const clock = new SystemClock();
    const own = new OwnLogReader(store.records, name, clock);
    const shared = { clock, log: silentLog };
    this.queries = new QueryServer({
      ...shared,
      ...{ link, node: name, reader: new CopyLogReader(replica, name, own), state: () => replica.state().state },
      workerUrl: compiledUrl('edge/query/scan-worker'),
    });
    this.queries.open();
  }

  /** Every log with the text of all its records, as it would be given to others. */
  async content(): Promise<Record<string, string>> {
    const { replica } = this;
    if (replica === undefined) return {};
    const files = new LogFiles({
      ...{ node: this.name, core: replica.core, records: this.store.records, store: replica.store },
      onRot: () => {},
      onOwnRot: () => {},
    });
    const content: Record<string, string> = {};
    for (const { node, epoch, known } of replica.core.copies()) {
      const lines = await files.readLines(node, epoch, 1, known);
      content[`${node}/${epoch}`] = lines.map(({ text }) => text).join('\n');
    }
    return content;
  }
}

/** A clock on which nothing comes round that would only every five seconds, or more rarely. */
class WithoutLooks extends SystemClock {
  override every(periodMs: number, callback: () => void): () => void {
    return periodMs >= 5_000 ? () => {} : super.every(periodMs, callback);
  }
}

describe('Replica', { timeout: 120_000 }, () => {
  let broker: PlainBroker;
  let dir: string;
  let nodes: BlindNode[];
  let asker: Link | undefined;

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'vedette-replica-'));
    broker = await PlainBroker.open();
    nodes = [];
  });

  afterEach(async () => {
    await asker?.close();
    asker = undefined;
    for (const node of nodes) await node.close();
    await broker.close();
    await rm(dir, { recursive: true, force: true });
  });

  async function start(name: string, limits: Partial<ReplicaLimits> = {}, clock?: SystemClock): Promise<BlindNode> {
    const node = new BlindNode(name, broker.url, dir);
    await node.open(dir, limits, clock);
    nodes.push(node);
    return node;
  }

  /** The link of somebody who asks. */
  async function operator(): Promise<Link> {
    const clock = new SystemClock();
    const link = new Link({
      ...{ url: broker.url, clientId: 'operator', root: 'vedette', clock, random: new Random(1), log: silentLog },
    });
    asker = link;
    link.open();
    await eventually(() => link.isUp, 'the asker is there');
    await clock.sleep(200);
    return link;
  }

  async function stop(node: BlindNode): Promise<void> {
    nodes = nodes.filter((other) => other !== node);
    await node.close();
  }

  async function equal(count: number, of: readonly BlindNode[]): Promise<void> {
    const isHeld = () => of.every(({ replica }) => replica?.state().records === count);
    await eventually(isHeld, `${count} records everywhere`, 60_000);
    const [first, ...others] = await Promise.all(of.map((node) => node.content()));
    for (const content of others) expect(content).toEqual(first);
  }

  it('holds what the others write, byte for byte, and acknowledges their records', async () => {
    const [a, b, c] = [await start('cam1'), await start('cam2'), await start('cam3')];
    await Promise.all([a.append(300), b.append(40), c.append(5)]);
    await equal(348, nodes);
    await eventually(() => nodes.every((node) => node.replica?.state().unacked === 0), 'all acknowledged', 20_000);
    await eventually(() => a.replica?.state().state === 'active', 'active');
    expect(a.replica?.state()).toMatchObject({ missing: 0, records: 348 });
    expect(a.replica?.core.counters()).toMatchObject({ forks: 0, linesDoubted: 0, segmentsRefused: 0 });
  });

  it('tells that it is ready when it is, not at the next time its state is looked at', async () => {
    const writer = await start('cam1');
    await writer.append(300);
    const newcomer = await start('cam2', {}, new WithoutLooks());
    await equal(301, [writer, newcomer]);
    await eventually(() => newcomer.told.at(-1) === 'active', 'it was told', 20_000);
  });

  it('fills an empty disk from others while the writer is away, and keeps what it had over a restart', async () => {
    const writer = await start('cam1');
    const holder = await start('cam2');
    await writer.append(600);
    await equal(601, [writer, holder]);
    await stop(writer);
    const newcomer = await start('cam3');
    await equal(601, [holder, newcomer]);
    await stop(newcomer);
    await stop(holder);
    const again = await start('cam3');
    expect(again.replica?.state()).toMatchObject({ records: 601 });
  });

  it('brings the log of a node that lost its disk back to it, beside its new one', async () => {
    const writer = await start('cam1');
    const holder = await start('cam2');
    await writer.append(300);
    await equal(301, [writer, holder]);
    await stop(writer);
    await rm(join(dir, 'cam1'), { recursive: true });
    const wiped = await start('cam1');
    await wiped.append(10);
    await equal(312, [wiped, holder]);
  });

  it('mends a rotten segment of its own log from others before it answers a query with it', async () => {
    const writer = await start('cam1');
    const holder = await start('cam2');
    await writer.append(300);
    await equal(301, [writer, holder]);
    await eventually(() => writer.replica?.state().state === 'active', 'active');
    const { records } = writer.store;
    const epoch = records.liveEpoch ?? '';
    const [segment] = records.slice(epoch, 1, 1)?.segments ?? [];
    const bytes = await readFile(segment?.path ?? '');
    bytes.writeUInt8((bytes[100] ?? 0) ^ 1, 100);
    await writeFile(segment?.path ?? '', bytes);
    writer.serveQueries();
    const link = await operator();
    const answers: Answer[] = [];
    link.subscribe(routes.answer, { recipient: 'operator' }, ({ payload }) => void answers.push(payload));
    const query = { v: 1, id: 'q', q: { shape: 'count' }, cut: [['cam1', epoch, 301]] satisfies Cut, waitMs: 20_000 };
    await link.publish(routes.query, { recipient: 'cam1', sender: 'operator' }, { ...query, want: 'full' });
    await eventually(() => answers.length > 0, 'an answer', 30_000);
    expect(answers[0]).toMatchObject({ ok: true, count: 301, missing: [] });
    // What was fetched is answered from before it is saved.
    await eventually(() => writer.replica?.core.counters().mended === 1, 'mended');
    expect(writer.replica?.core.counters().rot).toBe(1);
    await equal(301, [writer, holder]);
  });

  it('withdraws what it kept for a node in an earlier life, when that one is back', async () => {
    const kept = new Set<string>();
    broker.aedes.on('publish', ({ topic, retain, payload }) => {
      if (!retain || !topic.includes('/cam2/kept/cam1/')) return;
      if (payload.length > 0) kept.add(topic);
      else kept.delete(topic);
    });
    const writer = await start('cam1');
    const holder = await start('cam2');
    await writer.append(300);
    await equal(301, [writer, holder]);
    await stop(writer);
    await eventually(() => kept.size === 2, 'a head and a segment kept', 30_000);
    // It dies: nobody empties anything.
    await stop(holder);
    expect(kept.size).toBe(2);
    await start('cam1');
    await start('cam2');
    await eventually(() => kept.size === 0, 'all withdrawn', 30_000);
  });

  it('is passed over by those who ask while it is overloaded', async () => {
    const quick = [await start('cam1'), await start('cam2')];
    const slow = await start('cam3', { overloadLagMs: -1, overloadMs: 300 });
    await quick[0]?.append(20);
    await equal(21, nodes);
    for (const node of nodes) node.serveQueries();
    await eventually(() => slow.replica?.state().state === 'overloaded', 'overloaded');
    const clock = new SystemClock();
    const client = new QueryClient({
      ...{ link: await operator(), me: 'operator', clock, random: new Random(1), log: silentLog },
    });
    client.open();
    await eventually(() => client.knowledge.standing('cam3') === 'overloaded', 'the asker knows', 20_000);
    const ask = () => client.ask({ spec: QuerySpec.parse({ shape: 'count' }) }, AbortSignal.timeout(60_000));
    for (let i = 0; i < 5; i++) expect((await ask()).replicas).not.toContain('cam3');
    // Asked all the same when nobody else is there: it says why it does not answer.
    for (const node of quick) await stop(node);
    await eventually(() => client.knowledge.standing('cam1') === 'offline', 'the others are gone', 20_000);
    expect((await ask()).absent).toContainEqual(expect.objectContaining({ node: 'cam3', why: 'overloaded' }));
    client.close();
  });

  it('converges through a broker that was wiped', async () => {
    const writer = await start('cam1');
    const holder = await start('cam2');
    await writer.append(50);
    await equal(51, [writer, holder]);
    const { port } = broker;
    await broker.close();
    await writer.append(50);
    broker = await PlainBroker.open(port);
    await writer.append(10);
    await equal(111, [writer, holder]);
  });
});
