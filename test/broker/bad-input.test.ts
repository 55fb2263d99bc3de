import { describe, expect, it } from 'vitest';
import { collect, connectAs, passwordOf, sensorPayload, startBroker, statusPayload, until } from './broker-fixture.js';
import { connectPacket, PINGREQ, packet, publishPacket, RawClient, subscribePacket, TYPE } from './raw-client.js';

const R = 'vedette/1';
const cam1 = { clientId: 'cam1', user: 'cam1', password: passwordOf('cam1') };
const LIMITS = { limits: { connectTimeoutMs: 300 } };

/** A logged-in raw node, a reader of everything, and what the reader gets. */
async function scene(overrides: Record<string, unknown> = {}) {
  const started = await startBroker(overrides);
  const reader = await connectAs(started.url, 'alice');
  const received = collect(reader);
  await reader.subscribeAsync('vedette/#', { qos: 1 });
  const raw = new RawClient(started.port);
  expect(await raw.connect(cam1)).toBe(0);
  const quarantined = () =>
    received
      .filter(({ topic }) => topic === `${R}/broker/main/quarantine`)
      .map(({ payload }): { topic: string; reason: string; client: string } => JSON.parse(payload));
  return { ...started, reader, received, raw, quarantined, count: (name: string) => started.broker.counters()[name] };
}

describe('a connection before login', () => {
  it('is closed when it announces a packet above 4 KiB, before any of it is gathered', async () => {
    const { port, broker } = await startBroker();
    const raw = new RawClient(port);
    raw.send(Buffer.from([0x10, 0xff, 0xff, 0xff, 0x7f]), Buffer.alloc(64));
    await raw.ended();
    expect(broker.counters()['packets-too-big']).toBe(1);
    expect(raw.packets).toEqual([]);
  });

  it('is closed when the CONNECT comes byte by byte and too late', async () => {
    const { port, broker } = await startBroker(LIMITS);
    const raw = new RawClient(port);
    const bytes = connectPacket(cam1);
    let at = 0;
    const timer = setInterval(() => raw.closed || raw.send(bytes.subarray(at, ++at)), 50);
    await raw.ended();
    clearInterval(timer);
    expect(broker.counters()['connect-timeouts']).toBe(1);
  });

  it('is closed when it says nothing at all', async () => {
    const { port, broker } = await startBroker(LIMITS);
    await new RawClient(port).ended();
    expect(broker.counters()['connect-timeouts']).toBe(1);
  });

  it('is refused with code 2 without a client id and without a clean session [MQTT-3.1.3-8]', async () => {
    const { port } = await startBroker();
    const raw = new RawClient(port);
    const fields = { clientId: '', clean: false, user: 'alice', password: passwordOf('alice') };
    expect(await raw.connect(fields)).toBe(2);
    await raw.ended();
  });

  it('is refused with keep alive 0, and with one above the limit', async () => {
    const { port } = await startBroker();
    for (const keepaliveS of [0, 61]) {
      expect(await new RawClient(port).connect({ ...cam1, keepaliveS })).not.toBe(0);
    }
    expect(await new RawClient(port).connect({ ...cam1, keepaliveS: 60 })).toBe(0);
  });

  it('may send its SUBSCRIBE and PUBLISH right behind the CONNECT, however large', async () => {
    const { port } = await startBroker();
    const raw = new RawClient(port);
    const big = 'x'.repeat(30_000);
    raw.send(
      connectPacket(cam1),
      subscribePacket([`${R}/node/cam1/#`], 1),
      publishPacket(
        `${R}/node/cam1/sensor/heat`,
        sensorPayload(1).replace('"C"', `"C","pad":"${'y'.repeat(3000)}"`),
        1,
        2,
        true,
      ),
      publishPacket(`${R}/node/cam1/camera/front/snapshot/person`, big, 1, 3, true),
    );
    expect((await raw.next(TYPE.connack)).body[1]).toBe(0);
    await raw.next(TYPE.suback);
    await raw.next(TYPE.puback);
    await raw.next(TYPE.puback);
    await raw.next(TYPE.publish);
    await raw.next(TYPE.publish);
  });

  it('finds no place beyond the limits, and those who are in are served on', async () => {
    const { port, url, broker } = await startBroker({ limits: { connectionsBeforeLoginPerAddress: 4 } });
    const node = await connectAs(url, 'cam1');
    const silent = Array.from({ length: 20 }, () => new RawClient(port));
    await until(() => silent.filter((raw) => raw.closed).length === 16, 'the excess to be closed');
    expect(broker.counters()['connections-refused']).toBe(16);
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
  });
});

describe('a packet that is not MQTT', () => {
  it('closes the connection: U+0000 and bytes that are not UTF-8 in a topic [MQTT-1.5.3]', async () => {
    for (const topic of [
      Buffer.from(`${R}/node/cam1/a\0b`),
      Buffer.concat([Buffer.from(`${R}/node/cam1/`), Buffer.from([0xc3, 0x28])]),
    ]) {
      const { raw, count } = await scene();
      raw.send(publishPacket(topic, 'x', 1));
      await raw.ended();
      expect(raw.packets.filter(({ type }) => type === TYPE.puback)).toEqual([]);
      expect(count('malformed')).toBe(1);
    }
  });

  it('closes the connection: U+0000 in a topic filter', async () => {
    const { raw, count } = await scene();
    raw.send(subscribePacket([`${R}/node/cam1/a\0`], 1));
    await raw.ended();
    expect(count('malformed')).toBe(1);
  });

  it('closes the connection: more than the packet limit after login', async () => {
    const { raw, count } = await scene();
    raw.send(Buffer.from([0x30, 0xff, 0xff, 0x7f]));
    await raw.ended();
    expect(count('packets-too-big')).toBe(1);
  });

  it('closes the connection: a topic of 101 levels; the broker lives', async () => {
    const { raw, url } = await scene();
    raw.send(publishPacket(`${R}/node/cam1${'/a'.repeat(100)}`, 'x', 1));
    await raw.ended();
    await connectAs(url, 'cam2');
  });
});

describe('a message that cannot be taken', () => {
  const bad: readonly [string, string, string | Buffer, boolean, RegExp][] = [
    ['payload that is not JSON', `${R}/node/cam1/status`, 'hello', true, /not JSON/],
    ['payload of the wrong shape', `${R}/node/cam1/status`, '{"v":1}', true, /state/],
    ['payload that is not UTF-8', `${R}/node/cam1/status`, Buffer.from([0xff, 0xfe]), true, /UTF-8/],
    ['payload nested without end', `${R}/node/cam1/status`, '['.repeat(2000), true, /nested/],
    ['payload above the limit of its route', `${R}/node/cam1/status`, ' '.repeat(5000), true, /5000 bytes/],
    ['empty payload where nothing is retained', `${R}/node/cam1/live`, '', false, /not JSON/],
    ['retain flag on live', `${R}/node/cam1/live`, '{}', true, /must not be retained/],
    ['missing retain flag on status', `${R}/node/cam1/status`, statusPayload(), false, /must be retained/],
    ['topic that is none', `${R}/node/cam1/nonsense`, '{}', false, /no such topic/],
    ['id outside the grammar', `${R}/node/cam1/camera/FRONT/motion`, 'ON', true, /grammar/],
    ['topic of 65,000 bytes', `${R}/node/cam1/${'a'.repeat(65_000)}`, 'x', false, /longer than/],
    ['empty level', `${R}/node/cam1//status`, 'x', false, /empty level/],
  ];
  it.each(bad)('is acknowledged, told and not passed on: %s', async (_name, topic, payload, retain, reason) => {
    const { raw, received, quarantined, count } = await scene();
    raw.send(publishPacket(topic, payload, 1, 7, retain));
    const { body } = await raw.next(TYPE.puback);
    expect(body.readUInt16BE(0)).toBe(7);
    await until(() => quarantined().length === 1, 'the report');
    expect(quarantined()[0]).toMatchObject({ client: 'cam1', topic: topic.slice(0, 512) });
    expect(quarantined()[0]?.reason).toMatch(reason);
    expect(received.filter((message) => message.topic === topic)).toEqual([]);
    expect(count('diverted')).toBe(1);
    // The connection lives, and so does what comes after.
    raw.send(publishPacket(`${R}/node/cam1/sensor/heat`, sensorPayload(4), 1, 8, true));
    expect((await raw.next(TYPE.puback)).body.readUInt16BE(0)).toBe(8);
  });

  it('is diverted with QoS 2 as well, and the handshake ends', async () => {
    const { url, quarantined } = await scene();
    const node = await connectAs(url, 'cam2');
    await node.publishAsync(`${R}/node/cam2/status`, statusPayload(), { qos: 2, retain: true });
    await until(() => quarantined().some(({ reason }) => /QoS 2/.test(reason)), 'the report');
  });

  it('is a retained command, from an operator too', async () => {
    const { url, quarantined } = await scene();
    const operator = await connectAs(url, 'ops');
    const command = JSON.stringify({ v: 1, id: 'c1', sid: 's1', args: {} });
    await operator.publishAsync(`${R}/to/cam1/cmd/restart/ops`, command, { qos: 1, retain: true });
    await until(() => quarantined().some(({ reason }) => /must not be retained/.test(reason)), 'the report');
  });
});

describe('a message its sender may not write', () => {
  const forbidden = [
    `${R}/node/cam2/status`,
    `${R}/broker/main/epoch`,
    `${R}/monitor/cam1/status`,
    `${R}/maintenance/cam1`,
    `${R}/to/cam2/cmd/restart/cam1`,
    `${R}/to/cam2/need/cam2`,
    '$SYS/x/new/clients',
    'elsewhere/a',
  ];
  it.each(forbidden)('is acknowledged, dropped and told, then the connection is closed: %s', async (topic) => {
    const { raw, received, quarantined, count } = await scene();
    raw.send(publishPacket(topic, statusPayload(), 1, 9, true), publishPacket(`${R}/node/cam1/nonsense`, 'x', 1, 10));
    expect((await raw.next(TYPE.puback)).body.readUInt16BE(0)).toBe(9);
    await raw.ended();
    // What came behind it is not acknowledged: its sender keeps it.
    expect(raw.packets.filter(({ type }) => type === TYPE.puback)).toEqual([]);
    await until(() => quarantined().length === 1, 'the report');
    expect(quarantined()[0]?.reason).toMatch(/may not write|reserved/);
    expect(received.filter((message) => message.topic === topic && !message.topic.includes('/broker/'))).toEqual([]);
    expect(count('violations')).toBe(1);
  });

  it('holds nothing up: MQTT.js comes back and its later messages arrive', async () => {
    const { url, received, count } = await scene();
    const node = await connectAs(url, 'cam2', { reconnectPeriod: 50 });
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    for (let i = 0; i < 5; i++) {
      await node.publishAsync(`${R}/node/cam2/sensor/heat`, sensorPayload(i), { qos: 1, retain: true });
    }
    await until(() => received.some(({ payload }) => payload === sensorPayload(4)), 'the later messages');
    expect(count('violations')).toBe(1);
  });
});

describe('a subscription', () => {
  it('with one filter that is not allowed grants none and stores none, also for the next session', async () => {
    const { port, url } = await startBroker();
    const bob = { clientId: 'bob', user: 'bob', password: passwordOf('bob'), clean: false };
    const first = new RawClient(port);
    expect(await first.connect(bob)).toBe(0);
    first.send(subscribePacket([`${R}/node/cam1/live`, '#', `${R}/node/+/status`], 1));
    expect([...(await first.next(TYPE.suback)).body.subarray(2)]).toEqual([0x80, 0x80, 0x80]);
    first.socket.destroy();
    const node = await connectAs(url, 'cam1');
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    const second = new RawClient(port);
    expect(await second.connect(bob)).toBe(0);
    second.send(PINGREQ);
    await second.next(TYPE.pingresp);
    expect(second.packets).toEqual([]);
  });

  it('is decided packet by packet, even when several come in one read', async () => {
    const { port } = await startBroker();
    const raw = new RawClient(port);
    expect(await raw.connect(cam1)).toBe(0);
    const filters = [`${R}/node/+/status`, '#', `${R}/to/cam1/#`, '$SYS/#', `${R}/node/+/live`];
    raw.send(...filters.map((filter, i) => subscribePacket([filter], 1, i + 1)));
    const granted = new Map<number, number>();
    for (const _ of filters) {
      const { body } = await raw.next(TYPE.suback);
      granted.set(body.readUInt16BE(0), body[2] ?? -1);
    }
    expect([...granted].sort(([a], [b]) => a - b)).toEqual([
      [1, 1],
      [2, 0x80],
      [3, 1],
      [4, 0x80],
      [5, 1],
    ]);
  });

  it('of a node reaches no pictures of others, no inbox of others and not everything', async () => {
    const { url } = await startBroker();
    const node = await connectAs(url, 'cam1');
    for (const filter of [
      '#',
      '+/+/status',
      `${R}/#`,
      `${R}/node/#`,
      `${R}/node/+/camera/#`,
      `${R}/to/+/#`,
      `${R}/to/cam2/#`,
      '$SYS/#',
      `${R}/+/cam1/#`,
    ]) {
      await expect(node.subscribeAsync(filter, { qos: 1 }), filter).rejects.toThrow();
    }
  });

  it('is refused beyond the limit of a client', async () => {
    const { url, broker } = await startBroker({ limits: { subscriptionsPerClient: 3 } });
    const reader = await connectAs(url, 'alice');
    for (const name of ['a', 'b', 'c']) await reader.subscribeAsync(`${R}/node/${name}/status`);
    await reader.subscribeAsync(`${R}/node/a/status`);
    await expect(reader.subscribeAsync(`${R}/node/d/status`)).rejects.toThrow();
    await reader.unsubscribeAsync(`${R}/node/a/status`);
    await reader.subscribeAsync(`${R}/node/d/status`);
    expect(broker.counters()['subscribes-refused']).toBe(1);
  });
});

describe('hostile bytes', () => {
  it('never end the broker: random packets after login', async () => {
    const { url, port, broker } = await startBroker();
    const bytes = (n: number) => Buffer.from(Array.from({ length: n }, () => Math.floor(Math.random() * 256)));
    for (let i = 0; i < 60; i++) {
      const raw = new RawClient(port);
      expect(
        await raw.connect({ clientId: 'cam1', user: 'cam1', password: passwordOf('cam1') }).catch(() => 3),
      ).toBeTypeOf('number');
      raw.send(packet(Math.floor(Math.random() * 256), bytes(1 + Math.floor(Math.random() * 40))), bytes(50));
      raw.socket.end();
    }
    await connectAs(url, 'cam2');
    expect(broker.counters()['hook-failures']).toBe(0);
  });
});
