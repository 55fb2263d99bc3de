import { describe, expect, it } from 'vitest';
import { collect, connectAs, passwordOf, sensorPayload, startBroker, until } from './broker-fixture.js';
import { publishPacket, RawClient, subscribePacket, TYPE } from './raw-client.js';

const R = 'vedette/1';

/** One batch of `live` of about `bytes` bytes. */
function livePayload(seq: number, bytes = 200): string {
  const record = { s: seq, t: 1_789_000_000_000, k: 'note', pad: 'x'.repeat(Math.max(0, bytes - 90)) };
  return JSON.stringify({ v: 1, e: 'abcdefghijkl', r: [record] });
}

function seqOf(payload: string): number {
  return JSON.parse(payload).r[0].s;
}

describe('a reader that stops reading', () => {
  it('holds up neither other readers nor publishers, and is cut off and counted when its queue is full', async () => {
    // Only the full queue may end the frozen reader here: whatever waited for it would wait for the whole test.
    const queuedBytesPerClient = 8 * 1024 * 1024;
    const { url, port, broker } = await startBroker({ limits: { drainTimeoutMs: 60_000, queuedBytesPerClient } });
    const frozen = new RawClient(port);
    expect(await frozen.connect({ clientId: 'bob', user: 'bob', password: passwordOf('bob') })).toBe(0);
    frozen.send(subscribePacket([`${R}/node/cam1/live`], 1));
    await frozen.next(TYPE.suback);
    frozen.socket.pause();

    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/node/cam1/live`, { qos: 1 });
    const node = await connectAs(url, 'cam1');
    let sent = 0;
    let batchesWhileFrozen = 0;
    // Up to 80 MB, far beyond what the kernel holds for one loopback connection.
    while (broker.counters()['slow-readers'] === 0 && sent < 8000) {
      const batch = Array.from({ length: 20 }, () =>
        node.publishAsync(`${R}/node/cam1/live`, livePayload(++sent, 10_000), { qos: 1 }),
      );
      await Promise.all(batch);
      await until(() => received.length >= sent, `message ${sent} at the good reader`);
      batchesWhileFrozen++;
    }
    expect(broker.counters()['slow-readers']).toBe(1);
    // Its queue alone is 40 batches: all those were delivered to the good reader while the frozen one lay there.
    expect(batchesWhileFrozen).toBeGreaterThan(40);
    expect(received.map(({ payload }) => seqOf(payload))).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
  });

  it('is cut off by the drain timeout when little is sent to it', async () => {
    const { url, port, broker } = await startBroker({ limits: { drainTimeoutMs: 300 } });
    const frozen = new RawClient(port);
    expect(await frozen.connect({ clientId: 'bob', user: 'bob', password: passwordOf('bob') })).toBe(0);
    frozen.send(subscribePacket([`${R}/node/cam1/live`], 1));
    await frozen.next(TYPE.suback);
    frozen.socket.pause();
    const node = await connectAs(url, 'cam1');
    for (let i = 1; i <= 4000 && broker.counters()['slow-readers'] === 0; i++) {
      await node.publishAsync(`${R}/node/cam1/live`, livePayload(i, 10_000), { qos: 1 });
    }
    await until(() => broker.counters()['slow-readers'] === 1, 'the frozen reader to be cut off');
  });
});

describe('messages next to each other', () => {
  it('all arrive when retained and not retained ones alternate', async () => {
    const { url } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/node/cam1/#`, { qos: 1 });
    const node = await connectAs(url, 'cam1');
    const sent: Promise<unknown>[] = [];
    for (let i = 1; i <= 300; i++) {
      sent.push(node.publishAsync(`${R}/node/cam1/sensor/heat`, sensorPayload(i), { qos: 1, retain: true }));
      sent.push(node.publishAsync(`${R}/node/cam1/live`, livePayload(i), { qos: 1 }));
    }
    await Promise.all(sent);
    await until(() => received.length >= 600, 'all 600');
    const live = received.filter(({ topic }) => topic.endsWith('/live')).map(({ payload }) => seqOf(payload));
    const heat = received
      .filter(({ topic }) => topic.endsWith('/heat'))
      .map(({ payload }) => JSON.parse(payload).value);
    expect(live).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
    expect(heat).toEqual(live);
  });

  it('all arrive when QoS 0 and QoS 1 come in one read, retained and not, each topic in order', async () => {
    const { url, port } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/node/cam1/#`, { qos: 1 });
    const raw = new RawClient(port);
    expect(await raw.connect({ clientId: 'cam1', user: 'cam1', password: passwordOf('cam1') })).toBe(0);
    for (let i = 1; i <= 250; i++) {
      raw.send(
        publishPacket(`${R}/node/cam1/sensor/zero`, sensorPayload(i), 0, 0, true),
        publishPacket(`${R}/node/cam1/live`, livePayload(i), 1, 2 * i),
        publishPacket(`${R}/node/cam1/sensor/one`, sensorPayload(i), 1, 2 * i + 1, true),
      );
    }
    await until(() => received.length >= 750, 'all 750');
    for (const name of ['zero', 'one']) {
      const values = received
        .filter(({ topic }) => topic.endsWith(name))
        .map(({ payload }) => JSON.parse(payload).value);
      expect(values, name).toEqual(Array.from({ length: 250 }, (_, i) => i + 1));
    }
  });

  it('never arrive as a retained copy older than a live one before it', async () => {
    const { url } = await startBroker();
    const node = await connectAs(url, 'cam1');
    for (let i = 0; i < 60; i++) {
      await node.publishAsync(`${R}/node/cam1/sensor/s${i}`, sensorPayload(0), { qos: 1, retain: true });
    }
    for (let round = 1; round <= 20; round++) {
      const reader = await connectAs(url, 'alice', { clientId: `alice.${round}` });
      const received = collect(reader);
      const writing = Array.from({ length: 60 }, (_, i) =>
        node.publishAsync(`${R}/node/cam1/sensor/s${i}`, sensorPayload(round), { qos: 1, retain: true }),
      );
      await reader.subscribeAsync(`${R}/node/cam1/sensor/+`, { qos: 1 });
      await Promise.all(writing);
      const newest = new Map<string, number>();
      await until(() => received.length >= 60, 'all topics');
      for (const { topic, payload } of received) {
        const value: number = JSON.parse(payload).value;
        expect(value, `${topic} in round ${round}`).toBeGreaterThanOrEqual(newest.get(topic) ?? 0);
        newest.set(topic, value);
      }
      await reader.endAsync();
    }
  });
});

describe('retained messages', () => {
  it('stop at the cap of one writer; the others write on, and what is known may still change and go', async () => {
    const { url, broker } = await startBroker({ limits: { retainedTopicsPerWriter: 50 } });
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/broker/main/quarantine`, { qos: 1 });
    const flood = await connectAs(url, 'cam1');
    const put = (i: number, value: number) =>
      flood.publishAsync(`${R}/node/cam1/sensor/s${i}`, sensorPayload(value), { qos: 1, retain: true });
    for (let i = 0; i < 80; i++) await put(i, 1);
    expect(broker.counters()['retained-full']).toBe(30);
    await until(() => received.length === 30, 'the reports');
    expect(received[0]?.payload).toMatch(/too many retained/);
    const other = await connectAs(url, 'cam2');
    await other.publishAsync(`${R}/node/cam2/sensor/heat`, sensorPayload(5), { qos: 1, retain: true });
    await put(3, 2);
    await flood.publishAsync(`${R}/node/cam1/sensor/s0`, '', { qos: 1, retain: true });
    await put(79, 3);
    expect(broker.counters()['retained-full']).toBe(30);
    const late = collect(reader);
    await reader.subscribeAsync(`${R}/node/+/sensor/+`, { qos: 1 });
    await until(() => late.length === 51, 'what is retained');
    const values = new Map(
      late.map(({ topic, payload }) => [topic.split('/').slice(3).join('/'), JSON.parse(payload).value]),
    );
    expect(values.get('cam2/sensor/heat')).toBe(5);
    expect([values.has('cam1/sensor/s0'), values.get('cam1/sensor/s3'), values.get('cam1/sensor/s79')]).toEqual([
      false,
      2,
      3,
    ]);
  });
});
