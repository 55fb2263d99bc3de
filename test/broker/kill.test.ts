import type { MqttClient } from 'mqtt';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import { collect, connectAs, sensorPayload, temporaryFolder, until, writeTestUsers } from './broker-fixture.js';
import { spawnBroker } from './broker-process.js';

const R = 'vedette/1';
const TOPICS = 12;

const topicOf = (node: string, i: number) => `${R}/node/${node}/sensor/s${i}`;

/** Publishes ever larger values on all topics of one node, as fast as PUBACKs come, until its connection ends. */
async function publishOn(
  client: MqttClient,
  node: string,
  random: Random,
  next: () => number,
  acked: Map<string, number>,
) {
  let ended = false;
  client.once('close', () => {
    ended = true;
    // Without this MQTT.js keeps what was not acknowledged, and its promises, for a reconnect that never comes.
    client.end(true);
  });
  const lane = async () => {
    while (!ended) {
      const topic = topicOf(node, random.int(TOPICS));
      const value = next();
      const done = await client.publishAsync(topic, sensorPayload(value), { qos: 1, retain: true }).then(
        () => true,
        () => false,
      );
      // Lanes finish out of turn: what counts is the largest value of the topic that was acknowledged.
      if (done && !ended) acked.set(topic, Math.max(value, acked.get(topic) ?? 0));
    }
  };
  await Promise.all(Array.from({ length: 8 }, lane));
}

/** The retained value of every topic asked for. Fails if one does not come. */
async function retainedValues(url: string, topics: Iterable<string>): Promise<Map<string, number>> {
  const reader = await connectAs(url, 'alice');
  const received = collect(reader);
  await reader.subscribeAsync(`${R}/node/+/sensor/+`, { qos: 1 });
  const missing = new Set(topics);
  await until(() => {
    for (const { topic } of received) missing.delete(topic);
    return missing.size === 0;
  }, `every acknowledged topic`).catch((error: Error) => {
    throw new Error(`${error.message}; missing: ${[...missing].join(', ')}`);
  });
  return new Map(received.map(({ topic, payload }) => [topic, JSON.parse(payload).value]));
}

describe('a broker that is killed at any moment', () => {
  it.each([
    ['interval', 12],
    ['always', 4],
  ] as const)(
    'has everything it acknowledged in its next life, fsync %s',
    { timeout: 120_000 },
    async (fsync, rounds) => {
      const seed = Date.now();
      console.log(`kill test, fsync ${fsync}: seed ${seed}`);
      const random = new Random(seed);
      const stateDir = await temporaryFolder();
      await writeTestUsers(stateDir);
      const acked = new Map<string, number>();
      let value = 0;
      for (let round = 0; round < rounds; round++) {
        // Small enough that journals are rotated and snapshots written several times a second.
        const { child, url } = await spawnBroker(stateDir, { fsync, compactBytes: 16_384 });
        const values = await retainedValues(url, acked.keys());
        for (const [topic, least] of acked) {
          expect(values.get(topic), `${topic} after kill ${round}, seed ${seed}`).toBeGreaterThanOrEqual(least);
        }
        const clients = await Promise.all(['cam1', 'cam2'].map((node) => connectAs(url, node)));
        const publishing = clients.map((client, i) => publishOn(client, `cam${i + 1}`, random, () => ++value, acked));
        await new Promise((done) => setTimeout(done, 50 + random.int(400)));
        child.kill('SIGKILL');
        await Promise.all(publishing);
      }
      console.log(`kill test, fsync ${fsync}: ${value} published in ${rounds} lives`);
      expect(acked.size).toBe(2 * TOPICS);
    },
  );
});
