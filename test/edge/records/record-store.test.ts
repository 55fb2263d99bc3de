import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { isHeadSigned } from '../../../base/listener/head-signature.js';
import { RecordListener, type RecordListenerOptions } from '../../../base/listener/record-listener.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { RecordStore, type RecordStoreOptions } from '../../../edge/records/record-store.js';
import { decodePayload } from '../../../protocol/codec.js';
import type { Head } from '../../../protocol/record.js';
import { routes } from '../../../protocol/routes.js';
import { eventually } from '../../eventually.js';
import { PlainBroker } from '../../plain-broker.js';
import { FlakyDisk } from './flaky-disk.js';

const track = (id: number) => ({ k: 'track', c: 'front', ev: 'new', id, l: 'person', p: 870, b: [120, 221, 310, 780] });

describe('RecordStore', () => {
  let broker: PlainBroker;
  let stateDir: string;
  let live: { readonly topic: string; readonly payload: Buffer }[];
  const closers: (() => Promise<void> | void)[] = [];

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), 'vedette-store-'));
    await openBroker();
  });

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    await broker.close();
    await rm(stateDir, { recursive: true, force: true });
  });

  async function openBroker(port = 0): Promise<void> {
    broker = await PlainBroker.open(port);
    live = [];
    broker.aedes.subscribe(
      'vedette/1/node/#',
      (packet, done) => {
        live.push({ topic: packet.topic, payload: Buffer.from(packet.payload) });
        done();
      },
      () => {},
    );
  }

  function openLink(clientId: string): Link {
    const link = new Link({
      url: broker.url,
      clientId,
      root: 'vedette',
      clock: new SystemClock(),
      random: new Random(clientId),
      log: silentLog,
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 50, stableMs: 50, endTimeoutMs: 200 },
    });
    link.open();
    closers.push(() => link.close());
    return link;
  }

  async function openStore(options: Partial<RecordStoreOptions> = {}): Promise<RecordStore> {
    const link = options.link ?? openLink('cam1');
    const store = new RecordStore({
      stateDir,
      node: 'cam1',
      link,
      clock: new SystemClock(),
      random: new Random('store'),
      log: silentLog,
      opening: () => ({ sw: '0.1.0', model: null, labels: ['person'], cameras: ['front'] }),
      indexDocumentsMax: 0,
      ...options,
      limits: { fsyncMs: 20, headMs: 100, fillPauseMs: 1, ...options.limits },
    });
    await store.open();
    closers.push(() => store.close());
    return store;
  }

  function openListener(options: Partial<RecordListenerOptions> = {}): RecordListener {
    const listener = new RecordListener({
      link: openLink('listener'),
      clock: new SystemClock(),
      log: silentLog,
      wantHistory: true,
      ...options,
    });
    listener.open();
    closers.push(() => listener.close());
    return listener;
  }

  const heads = (): Head[] =>
    live.filter(({ topic }) => topic.endsWith('/head')).map(({ payload }) => decodePayload(routes.head, payload));

  it('delivers every record once, in order, to a listener', async () => {
    const listener = openListener();
    const store = await openStore();
    await Promise.all(Array.from({ length: 500 }, (_, i) => store.append(track(i + 1))));
    const epoch = store.epoch ?? '';
    await eventually(() => listener.recordsOf('cam1', epoch).length === 501, 'all records');
    expect(listener.recordsOf('cam1', epoch).map(({ s }) => s)).toEqual(Array.from({ length: 501 }, (_, i) => i + 1));
    expect(listener.counts()).toMatchObject({ duplicates: 0, received: 501 });
  });

  it('sends a lone record at once and gathers a burst into few messages', async () => {
    const store = await openStore();
    const lives = () => live.filter(({ topic }) => topic.endsWith('/live'));
    await store.append(track(1));
    await eventually(() => lives().length === 1, 'first batch');
    await Promise.all(Array.from({ length: 320 }, (_, i) => store.append(track(i + 2))));
    await eventually(() => store.stats().queues.recordsUnpublished === 0, 'published');
    expect(lives().length).toBeLessThanOrEqual(1 + 320 / 32 + 2);
  });

  it('keeps what was recorded without a broker, and sends it when there is one', async () => {
    const { port } = broker;
    await broker.close();
    const store = await openStore();
    await Promise.all(Array.from({ length: 300 }, (_, i) => store.append(track(i + 1))));
    expect(store.stats().queues.recordsUnpublished).toBe(301);
    await openBroker(port);
    const listener = openListener();
    await eventually(() => listener.counts().received === 301, 'all records');
    // The last PUBACK may come after the last record.
    await eventually(() => store.stats().queues.recordsUnpublished === 0, 'confirmed');
  });

  it('sends again what an earlier life of the process did not, and nothing of what it did', async () => {
    const { port } = broker;
    const link = openLink('cam1');
    const first = await openStore({ link });
    await Promise.all(Array.from({ length: 10 }, (_, i) => first.append(track(i + 1))));
    await eventually(() => first.stats().queues.recordsUnpublished === 0, 'published');
    const firstEpoch = first.epoch;
    await broker.close();
    await Promise.all(Array.from({ length: 5 }, (_, i) => first.append(track(i + 11))));
    await first.close();
    await openBroker(port);
    const second = await openStore({ link });
    await second.append(track(1));
    const sent = () =>
      live
        .filter(({ topic }) => topic.endsWith('/live'))
        .map(({ payload }) => decodePayload(routes.live, payload))
        .filter(({ e }) => e === firstEpoch)
        .flatMap(({ r }) => r.map(({ s }) => s));
    await eventually(() => sent().length >= 5, 'the rest');
    await eventually(() => second.stats().queues.recordsUnpublished === 0, 'all published');
    expect(sent()).toEqual([12, 13, 14, 15, 16]);
  });

  it('answers for what a listener has missed', async () => {
    const store = await openStore();
    await Promise.all(Array.from({ length: 700 }, (_, i) => store.append(track(i + 1))));
    await store.flush();
    await eventually(() => store.stats().queues.recordsUnpublished === 0, 'published');
    const listener = openListener();
    await eventually(() => listener.counts().received === 701, 'history by need and fill');
    expect(listener.counts()).toMatchObject({ gaps: 701, filled: 701, unavailable: 0 });
  });

  it('says which records it has no more', async () => {
    const store = await openStore({ limits: { retentionBytes: 4_000 } });
    for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 256 }, (_, n) => store.append(track(n + 1))));
    await store.flush();
    await eventually(() => store.stats().queues.recordsUnpublished === 0, 'published');
    const listener = openListener();
    await eventually(() => listener.logs().some(({ missing }) => missing === 0), 'settled');
    const { received, expired } = listener.counts();
    expect(expired).toBeGreaterThan(0);
    expect(received + expired).toBeGreaterThanOrEqual(8 * 256 + 1);
  });

  it('tells by a record what expired before it could be sent', async () => {
    await broker.close();
    const store = await openStore({ limits: { retentionBytes: 4_000 } });
    for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 256 }, (_, n) => store.append(track(n + 1))));
    await eventually(() => (store.stats().drops.recordsExpiredUnsent ?? 0) > 0, 'expired');
    await store.flush();
    const answer = await store.query({ kind: 'loss', limit: 100 });
    await openBroker();
    const epoch = store.epoch;
    await store.close();
    const again = await openStore();
    const found = [...answer.records, ...(await again.query({ kind: 'loss', limit: 100 })).records];
    expect(found[0]?.record).toMatchObject({ k: 'loss', why: 'expired', e: epoch });
  });

  describe('segments at the broker', () => {
    const quick = { segmentSpreadMs: 0, segmentGapMs: 1, segmentHoldMs: 50 };

    // What a newcomer reads: topic by topic, empty ones gone.
    async function retained(): Promise<Map<string, Buffer>> {
      const found = new Map<string, Buffer>();
      const link = openLink(`reader${closers.length}`);
      link.subscribe(
        routes.segment,
        {},
        ({ params, payload }) => found.set(`${params.epoch}/${params.n}`, Buffer.from(payload)),
        ({ params }) => found.delete(`${params.epoch}/${params.n}`),
      );
      await eventually(() => link.isUp, 'reader up');
      await new Promise((resolve) => setTimeout(resolve, 300));
      await link.close();
      return found;
    }

    const linesOf = (gz: Buffer) => gunzipSync(gz).toString().trimEnd().split('\n');

    it('are published as they close, the open one at a stop: the broker alone tells the whole log', async () => {
      const store = await openStore({ limits: quick });
      await Promise.all(Array.from({ length: 600 }, (_, i) => store.append(track(i + 1))));
      await store.flush();
      await eventually(() => (store.stats().counters['segment.published'] ?? 0) === 2, 'two segments');
      expect(store.stats().queues.segmentsUnpublished).toBe(0);
      const epoch = store.epoch ?? '';
      await store.close();
      const found = await retained();
      expect([...found.keys()].sort()).toEqual([0, 1, 2].map((n) => `${epoch}/0000000${n}`));
      const records = [...found].sort().flatMap(([, gz]) => linesOf(gz).slice(1));
      expect(records.map((line) => JSON.parse(line).s)).toEqual(Array.from({ length: 601 }, (_, i) => i + 1));
    });

    it('are given to a broker that was wiped, and are not sent again to one that has them', async () => {
      const { port } = broker;
      const link = openLink('cam1');
      const store = await openStore({ link, limits: quick });
      await Promise.all(Array.from({ length: 600 }, (_, i) => store.append(track(i + 1))));
      await store.flush();
      const published = () => store.stats().counters['segment.published'];
      await eventually(() => published() === 2, 'two segments');
      broker.cut();
      await eventually(() => store.stats().counters['segment.found'] === 2, 'both found again');
      await new Promise((resolve) => setTimeout(resolve, 100));
      expect(published()).toBe(2);
      await broker.close();
      await openBroker(port);
      await eventually(() => published() === 4, 'both again');
      expect((await retained()).size).toBe(2);
    });

    it('are cleared when retention gives them up, and so is what an earlier life left', async () => {
      const stranger = openLink('stranger');
      await eventually(() => stranger.isUp, 'stranger up');
      const left = { node: 'cam1', epoch: 'zzzzzzzzzzzz', n: '00000007' };
      await stranger.publishEncoded(routes.segment, left, Buffer.from('old'));
      const store = await openStore({ limits: { ...quick, retentionBytes: 4_000 } });
      for (let i = 0; i < 8; i++) await Promise.all(Array.from({ length: 256 }, (_, n) => store.append(track(n + 1))));
      await store.flush();
      const kept = () => [...live.filter(({ topic }) => topic.endsWith('/head'))].length > 0;
      await eventually(kept, 'heads');
      await eventually(async () => {
        const { first = 0 } = heads().at(-1)?.logs.at(-1) ?? {};
        const found = await retained();
        if (found.has('zzzzzzzzzzzz/00000007') || found.size === 0) return false;
        return [...found.values()].every((gz) => JSON.parse(linesOf(gz)[0] ?? '').first >= first);
      }, 'only what is kept');
    });
  });

  it('publishes a retained head signed by the key of its folder', async () => {
    const store = await openStore();
    await store.append(track(1));
    await store.flush();
    await eventually(() => heads().some(({ logs }) => logs[0]?.seq === 2), 'head');
    const head = heads().find(({ logs }) => logs[0]?.seq === 2);
    if (head === undefined) throw new Error('no head');
    expect(head.logs).toMatchObject([{ e: store.epoch, st: 'live', first: 1, seq: 2 }]);
    expect(isHeadSigned(head, store.publicKey)).toBe(true);
    expect(isHeadSigned({ ...head, logs: [] }, store.publicKey)).toBe(false);
    expect(isHeadSigned(head, Buffer.alloc(32).toString('base64'))).toBe(false);
    expect((await stat(join(stateDir, 'node-key.pem'))).mode & 0o777).toBe(0o600);
  });

  it('keeps its key over restarts and refuses one that is none', async () => {
    const first = await openStore();
    const { publicKey } = first;
    await first.close();
    const second = await openStore();
    expect(second.publicKey).toBe(publicKey);
    await second.close();
    await writeFile(join(stateDir, 'node-key.pem'), 'not a key');
    await expect(openStore()).rejects.toMatchObject({ code: 'credentials-invalid' });
  });

  it('refuses a folder that another store uses', async () => {
    const store = await openStore();
    await expect(openStore({ link: openLink('other') })).rejects.toMatchObject({ code: 'state-locked' });
    await store.close();
    await openStore();
  });

  it('refuses a first start on a full disk, but starts again on one', async () => {
    const disk = new FlakyDisk();
    disk.bytesLeft = 0;
    await expect(openStore({ disk, link: openLink('early') })).rejects.toMatchObject({
      code: 'disk-full',
      hint: 'free some space',
    });
    disk.bytesLeft = undefined;
    const link = openLink('cam1');
    const first = await openStore({ disk, link });
    await Promise.all(Array.from({ length: 9 }, (_, i) => first.append(track(i + 1))));
    await first.close();
    disk.bytesLeft = 0;
    const listener = openListener();
    const second = await openStore({ disk, link });
    await eventually(() => listener.counts().received === 10, 'the epoch that could not be closed');
    await second.append(track(1));
    await eventually(() => listener.counts().received === 12, 'both epochs');
    expect(second.stats().disk.ok).toBe(false);
  });

  it('goes on publishing when the disk fills up, and says so', async () => {
    const disk = new FlakyDisk();
    const states: boolean[] = [];
    const listener = openListener();
    const store = await openStore({ disk, onDisk: ({ ok }) => states.push(ok), limits: { diskRetryMs: 50 } });
    await store.append(track(1));
    disk.bytesLeft = 10;
    for (let i = 0; i < 5; i++) await store.append(track(i + 2));
    await eventually(() => listener.counts().received === 7, 'published from memory');
    expect(store.stats().disk.ok).toBe(false);
    disk.bytesLeft = undefined;
    await eventually(() => states.at(-1) === true, 'disk is back');
    await store.close();
    const text = await readFile(join(stateDir, 'records', 'published'), 'utf8');
    expect(text).toMatch(/^[a-z2-7]{12} 7$/m);
  });
});
