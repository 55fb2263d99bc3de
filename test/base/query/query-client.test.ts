import { afterEach, beforeEach, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { silentLog } from '../../../base/log.js';
import { QueryClient } from '../../../base/query/query-client.js';
import { Random } from '../../../base/random.js';
import { buildTopic, routes } from '../../../protocol/routes.js';
import { PlainBroker } from '../../plain-broker.js';

let broker: PlainBroker;
let link: Link;

beforeEach(async () => {
  broker = await PlainBroker.open();
  const common = { clock: new SystemClock(), random: new Random('asker'), log: silentLog };
  link = new Link({ ...common, url: broker.url, clientId: 'asker', root: 'vedette' });
});

afterEach(async () => {
  await link.close();
  await broker.close();
});

async function retain(topic: string, payload: object): Promise<void> {
  const message = {
    cmd: 'publish',
    topic,
    payload: JSON.stringify(payload),
    qos: 1,
    retain: true,
    dup: false,
  } as const;
  await new Promise<void>((done) => broker.aedes.publish(message, () => done()));
}

it('knows what a broker has retained that takes half a second for a subscription', async () => {
  const counts = { logs: 0, records: 0, bytes: 0, missing: 0, unacked: 0, unackedMs: 0, mended: 0 };
  const replica = { v: 1, state: 'active', ...counts, lagMs: 0, counters: {} };
  for (const node of ['cam1', 'cam2']) {
    const status = { v: 1, state: 'online', gen: 1, sid: 's', inv: 'i', boot: 'b', version: '0' };
    await retain(buildTopic('vedette', routes.status, { node }), status);
    await retain(buildTopic('vedette', routes.replica, { node }), replica);
  }
  broker.aedes.authorizeSubscribe = (_client, subscription, callback) => {
    const delayMs = subscription.topic.endsWith('/replica') ? 500 : 0;
    setTimeout(() => callback(null, subscription), delayMs);
  };
  const options = { link, me: 'asker', clock: new SystemClock(), random: new Random(1), log: silentLog };
  const client = new QueryClient(options);
  client.open();
  link.open();
  await client.settle(new AbortController().signal);
  expect(client.knowledge.nodes.toSorted()).toEqual(['cam1', 'cam2']);
  expect(client.knowledge.keepers().toSorted()).toEqual(['cam1', 'cam2']);
  client.close();
});
