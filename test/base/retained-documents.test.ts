import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RetainedDocuments } from '../../base/link/retained-documents.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { eventually } from '../eventually.js';
import { PlainBroker } from '../plain-broker.js';

const maintenance = (by: string) => ({ v: 1, by, reason: 'test', untilMs: 1 });

describe('RetainedDocuments', () => {
  let broker: PlainBroker;
  let link: Link;
  let documents: RetainedDocuments;
  /** What arrived, without repeats: QoS 1 may deliver a message twice, and does where a PUBACK is late. */
  let seen: Set<string>;

  beforeEach(async () => {
    await openBroker();
    link = new Link({
      url: broker.url,
      clientId: 'cam1',
      root: 'vedette',
      clock: new SystemClock(),
      random: new Random('documents'),
      log: silentLog,
      limits: {
        reconnectFirstMs: 20,
        reconnectMaxMs: 50,
        stableMs: 50,
        pubackTimeoutMs: 200,
        inFlightMax: 4,
        waitingMax: 8,
      },
    });
    documents = new RetainedDocuments(link, new SystemClock(), silentLog);
  });

  afterEach(async () => {
    documents.close();
    await link.close();
    await broker.close();
  });

  async function openBroker(port = 0): Promise<void> {
    broker = await PlainBroker.open(port);
    seen = new Set();
    broker.aedes.subscribe(
      'vedette/1/maintenance/#',
      (packet, done) => {
        seen.add(`${packet.topic.split('/').at(-1)} ${/"by":"(\w+)"/.exec(String(packet.payload))?.[1] ?? 'empty'}`);
        done();
      },
      () => {},
    );
  }

  it('sends only the newest value of what changed while the link was down', async () => {
    for (const by of ['ann', 'bob', 'eve']) documents.set(routes.maintenance, { node: 'cam7' }, maintenance(by));
    expect(documents.unconfirmed).toBe(1);
    link.open();
    await eventually(() => documents.unconfirmed === 0, 'confirmed');
    expect([...seen]).toEqual(['cam7 eve']);
  });

  it('does not send again what was confirmed, unless a fresh broker needs it', async () => {
    link.open();
    documents.set(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => seen.size === 1 && documents.unconfirmed === 0, 'confirmed');
    const { port } = broker;
    await broker.close();
    await openBroker(port);
    await eventually(() => link.isUp && link.stats().counters.connects === 2, 'connected again');
    documents.set(routes.maintenance, { node: 'cam8' }, maintenance('bob'));
    await eventually(() => seen.size === 1, 'the new one');
    expect([...seen]).toEqual(['cam8 bob']);
    seen.clear();
    documents.republishAll();
    await eventually(() => seen.size === 2, 'all of them');
    expect([...seen].sort()).toEqual(['cam7 ann', 'cam8 bob']);
  });

  it('empties a topic as reliably as it fills one', async () => {
    documents.set(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    documents.clear(routes.maintenance, { node: 'cam7' });
    link.open();
    await eventually(() => documents.unconfirmed === 0, 'confirmed');
    expect([...seen]).toEqual(['cam7 empty']);
  });

  it('gives up what can never pass', async () => {
    link.open();
    documents.set(routes.maintenance, { node: 'cam7' }, maintenance('x'.repeat(10_000)));
    await eventually(() => link.isUp && documents.unconfirmed === 0, 'given up');
    expect([...seen]).toEqual([]);
  });

  it('sends in time what one window of the link does not take, without a reconnect', async () => {
    link.open();
    await eventually(() => link.isUp, 'link up');
    const nodes = Array.from({ length: 40 }, (_, i) => `cam${i}`);
    for (const node of nodes) documents.set(routes.maintenance, { node }, maintenance('ann'));
    await eventually(() => documents.unconfirmed === 0, 'confirmed');
    expect([...seen].sort()).toEqual(nodes.map((node) => `${node} ann`).sort());
  });

  it('sends again what got no PUBACK, though the session lives on', async () => {
    link.open();
    await eventually(() => link.isUp, 'link up');
    let isStuck = true;
    broker.aedes.authorizePublish = (_client, _packet, done) => {
      if (!isStuck) done(null);
      isStuck = false;
    };
    documents.set(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => documents.unconfirmed === 0, 'confirmed');
    expect(link.stats().counters.connects).toBe(1);
  });
});

/** Everything is taken at once. */
class TakingLink extends Link {
  override get isUp(): boolean {
    return true;
  }

  override async publish(): Promise<void> {}

  override async publishEmpty(): Promise<void> {}
}

describe('topics that come and go', () => {
  it('make room for others once they are emptied', async () => {
    const clock = new SystemClock();
    const link = new TakingLink({
      ...{ url: 'mqtt://127.0.0.1:1', clientId: 'cam1', root: 'vedette' },
      ...{ clock, random: new Random(1), log: silentLog },
    });
    const documents = new RetainedDocuments(link, clock, silentLog);
    const show = (count: number, kind: string) => {
      for (let i = 0; i < count; i++) documents.set(routes.maintenance, { node: `${kind}${i}` }, maintenance('ann'));
    };
    show(4_000, 'old');
    for (let i = 0; i < 4_000; i++) documents.clear(routes.maintenance, { node: `old${i}` });
    await eventually(() => documents.unconfirmed === 0, 'emptied');
    show(4_096, 'new');
    expect(() => show(1, 'more')).toThrow('more than 4096 retained topics');
    documents.close();
  });
});
