import { loginOf } from './broker-pair.js';
import { livePayload, readingPayload, seqOfLive } from './fleet-messages.js';
import { LoadClient, publishPacket } from './load-client.js';
import { paced, publishAll, settled } from './mqtt-load.js';

const TOPICS_PER_NODE = 1000;
const STUCK_RATE_PER_S = 1200;

/** Retains so many readings, of a thousand for each node; the broker has them all when it resolves. */
export async function fillRetained(port: number, nodes: readonly string[], topics: number): Promise<void> {
  for (const [index, node] of nodes.entries()) {
    const count = Math.min(TOPICS_PER_NODE, topics - index * TOPICS_PER_NODE);
    if (count <= 0) return;
    const publisher = new LoadClient(port);
    await publisher.logIn(loginOf(node));
    const topic = (number: number) => `vedette/1/node/${node}/sensor/s${number}`;
    await publishAll(publisher, count, (i) => ({ topic: topic(i), payload: readingPayload(i), retain: true }));
    publisher.close();
  }
}

/** Time from the SUBSCRIBE of a newcomer until it has so many retained messages, ms. */
export async function bootstrapMs(port: number, topics: number): Promise<number> {
  const reader = new LoadClient(port);
  await reader.logIn(loginOf('alice', 'alice.newcomer'));
  let missing = topics;
  const all = new Promise<void>((done) => {
    reader.onMessage = ({ isRetained }) => {
      if (isRetained && --missing === 0) done();
    };
  });
  const before = performance.now();
  const subscribed = reader.subscribe('vedette/1/node/+/sensor/+');
  await Promise.all([subscribed, all]);
  const tookMs = performance.now() - before;
  reader.close();
  return tookMs;
}

export type StuckResult = { readonly worstMs: number; readonly lost: number };

/**
 * A reader that subscribes and then never reads its socket again, beside one that reads: the longest that a message took
 * to the healthy one, from when it was due. 1200 messages a second of 2 kB fill every buffer of the stuck one within seconds.
 */
export async function stuckReader(port: number, node: string, seconds: number): Promise<StuckResult> {
  const topic = `vedette/1/node/${node}/live`;
  const [healthy, stuck, publisher] = [0, 1, 2].map(() => new LoadClient(port));
  if (healthy === undefined || stuck === undefined || publisher === undefined) throw new Error('no clients');
  await healthy.logIn(loginOf('alice', 'alice.healthy'));
  await stuck.logIn(loginOf('alice', 'alice.stuck'));
  await publisher.logIn(loginOf(node));
  await healthy.subscribe(topic);
  await stuck.subscribe(topic);
  stuck.stick();
  const messages = seconds * STUCK_RATE_PER_S;
  const dueMsOf: number[] = [];
  let worstMs = 0;
  let heard = 0;
  healthy.onMessage = ({ body, payloadAt }) => {
    heard++;
    worstMs = Math.max(worstMs, performance.now() - (dueMsOf[seqOfLive(body, payloadAt)] ?? 0));
  };
  await paced(messages, STUCK_RATE_PER_S, (number, dueMs) => {
    dueMsOf[number + 1] = dueMs;
    publisher.send(publishPacket({ topic, payload: livePayload(number + 1, 2000), number }));
  });
  await settled(() => heard === messages, 10_000);
  for (const client of [healthy, stuck, publisher]) client.close();
  return { worstMs, lost: messages - heard };
}
