import { describe, expect, it } from 'vitest';
import { collect, connectAs, sensorPayload, startBroker, statusPayload, until } from './broker-fixture.js';

const R = 'vedette/1';

describe('a broker', () => {
  it('passes a QoS 1 message from a node to a reader and keeps a retained one for the next', async () => {
    const { url, broker } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync('vedette/#', { qos: 1 });
    const node = await connectAs(url, 'cam1');
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    await until(() => received.some(({ topic }) => topic.endsWith('cam1/status')), 'the status');
    const late = await connectAs(url, 'bob');
    const seen = collect(late);
    await late.subscribeAsync(`${R}/node/+/status`, { qos: 1 });
    await until(() => seen.length === 1, 'the retained status');
    expect(seen[0]).toEqual({ topic: `${R}/node/cam1/status`, payload: statusPayload(), retain: true });
    expect(broker.counters()['hook-failures']).toBe(0);
  });

  it('has its epoch retained before anybody can connect', async () => {
    const { url, broker } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/broker/main/epoch`);
    await until(() => received.length === 1, 'the epoch');
    expect(JSON.parse(received[0]?.payload ?? '')).toMatchObject({ epoch: broker.epoch, state: 'up' });
  });

  it('says stopping before it ends connections, and finds retained messages again in its next life', async () => {
    const first = await startBroker();
    const reader = await connectAs(first.url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/broker/+/epoch`);
    await until(() => received.length === 1, 'the epoch');
    const node = await connectAs(first.url, 'cam1');
    await node.publishAsync(`${R}/node/cam1/sensor/heat`, sensorPayload(21), { qos: 1, retain: true });
    await first.broker.close();
    await until(() => received.length === 2, 'the news');
    expect(JSON.parse(received[1]?.payload ?? '')).toMatchObject({ epoch: first.broker.epoch, state: 'stopping' });
    const second = await startBroker({ stateDir: first.stateDir });
    expect(second.broker.epoch).not.toBe(first.broker.epoch);
    const again = await connectAs(second.url, 'alice');
    const seen = collect(again);
    await again.subscribeAsync(`${R}/node/cam1/sensor/+`);
    await until(() => seen.length === 1, 'the reading');
    expect(seen[0]?.payload).toBe(sensorPayload(21));
  });

  it('writes no pictures to its journal, and keeps them over a graceful stop', async () => {
    const first = await startBroker();
    const node = await connectAs(first.url, 'cam1');
    const topic = `${R}/node/cam1/camera/front/snapshot/person`;
    for (let i = 0; i < 20; i++) await node.publishAsync(topic, `${i}`.padEnd(50_000), { qos: 1, retain: true });
    expect(first.broker.counters()['journal-bytes']).toBe(0);
    await first.broker.close();
    const second = await startBroker({ stateDir: first.stateDir });
    const reader = await connectAs(second.url, 'alice');
    const seen = collect(reader);
    await reader.subscribeAsync(topic);
    await until(() => seen.length === 1, 'the picture');
    expect(seen[0]?.payload.trim()).toBe('19');
  });

  it('does not write the same value twice', async () => {
    const { url, broker } = await startBroker();
    const node = await connectAs(url, 'cam1');
    for (let i = 0; i < 20; i++) {
      await node.publishAsync(`${R}/node/cam1/camera/front/count/person`, '2', { qos: 1, retain: true });
    }
    expect(broker.counters()).toMatchObject({ 'journal-entries': 1, 'journal-bytes': 57, published: 20 });
  });
});
