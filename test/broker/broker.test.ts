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
});
