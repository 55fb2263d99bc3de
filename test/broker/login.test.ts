import { describe, expect, it } from 'vitest';
import { removeUser, setUser } from '../../broker/password-command.js';
import { collect, connectAs, passwordOf, sensorPayload, startBroker, statusPayload, until } from './broker-fixture.js';
import { RawClient } from './raw-client.js';

const R = 'vedette/1';
const will = (topic: string, payload = statusPayload('lost'), retain = true) => ({
  will: { topic, payload: Buffer.from(payload), qos: 1 as const, retain },
});

describe('a login', () => {
  it('needs the right password', async () => {
    const { port, broker } = await startBroker();
    const login = (user: string, password: string) => new RawClient(port).connect({ clientId: user, user, password });
    expect(await login('cam1', passwordOf('cam1'))).toBe(0);
    expect(await login('cam1', passwordOf('cam2'))).toBe(4);
    expect(await login('cam1', '')).toBe(4);
    expect(await login('nobody', 'x')).toBe(4);
    expect(await login('constructor', 'x')).toBe(4);
    expect(broker.counters()['bad-passwords']).toBe(4);
  });

  it('without a password is refused, unless anonymous reading is on', async () => {
    const { port } = await startBroker();
    expect(await new RawClient(port).connect({ clientId: 'x' })).toBe(5);
  });

  it('with a wrong password is answered later each time; a right one is not', async () => {
    const { port } = await startBroker();
    const took = async (password: string) => {
      const before = performance.now();
      await new RawClient(port).connect({ clientId: 'cam1', user: 'cam1', password });
      return performance.now() - before;
    };
    expect(await took('wrong-1')).toBeGreaterThan(245);
    expect(await took('wrong-2')).toBeGreaterThan(495);
    // Timers may fire a little early, never by a quarter of a second; a right password waits for none.
    expect(await took(passwordOf('cam1'))).toBeLessThan(490);
  });

  it('keeps a user out within seconds of its removal, and ends its sessions', async () => {
    const { url, stateDir, broker } = await startBroker();
    const node = await connectAs(url, 'cam1');
    const other = await connectAs(url, 'cam2');
    await removeUser(`${stateDir}/passwords`, 'cam1');
    await until(() => !node.connected, 'the end of the session');
    await expect(connectAs(url, 'cam1')).rejects.toThrow();
    expect(other.connected).toBe(true);
    expect(broker.counters()['identities-revoked']).toBe(1);
  });

  it('takes a changed password, and the old one no more, although it was remembered', async () => {
    const { url, stateDir } = await startBroker();
    const node = await connectAs(url, 'cam1');
    await setUser({ path: `${stateDir}/passwords`, name: 'cam1', password: 'another password' });
    await until(() => !node.connected, 'the end of the session');
    await expect(connectAs(url, 'cam1')).rejects.toThrow();
    await connectAs(url, 'cam1', { password: 'another password' });
  });
});

describe('a client id', () => {
  it('cannot be taken over with the password of somebody else, and its owner stays', async () => {
    const { url, port, broker } = await startBroker();
    const owner = await connectAs(url, 'cam1', { reconnectPeriod: 10 });
    let closed = 0;
    owner.on('close', () => closed++);
    for (const user of ['cam2', 'mon1', 'ops', 'alice', 'pi']) {
      for (const clientId of ['cam1', 'cam1-bulk', 'cam1.tool']) {
        const thief = new RawClient(port);
        expect(await thief.connect({ clientId, user, password: passwordOf(user) }), `${user} as ${clientId}`).toBe(5);
        await thief.ended();
      }
    }
    expect(broker.counters()['ids-refused']).toBe(15);
    await owner.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    expect(closed).toBe(0);
  });

  it('of a node is its own or its bulk twin, and nothing else', async () => {
    const { url, port } = await startBroker();
    const flow = await connectAs(url, 'cam1');
    const bulk = await connectAs(url, 'cam1', { clientId: 'cam1-bulk' });
    expect([flow.connected, bulk.connected]).toEqual([true, true]);
    for (const clientId of ['cam1-bulk2', 'free', 'CAM1', 'cam1.x', '']) {
      const code = await new RawClient(port).connect({ clientId, user: 'cam1', password: passwordOf('cam1') });
      expect(code, clientId).toBe(5);
    }
  });

  it('of a person is free, several at once, but not one that another person holds', async () => {
    const { url, port } = await startBroker();
    for (const clientId of ['alice', 'alice.phone', 'mosq-Xy12', 'mqttjs_ab12', ''])
      await connectAs(url, 'alice', { clientId });
    expect(await new RawClient(port).connect({ clientId: 'mosq-Xy12', user: 'bob', password: passwordOf('bob') })).toBe(
      5,
    );
    expect(await new RawClient(port).connect({ clientId: 'alice.x', user: 'bob', password: passwordOf('bob') })).toBe(
      5,
    );
  });

  it('that two programs fight for stays with the one that is there', async () => {
    const { url, broker } = await startBroker();
    const clone = () => connectAs(url, 'cam1');
    for (let i = 0; i < 6; i++) await clone();
    const last = await clone().catch(() => undefined);
    expect(last).toBeUndefined();
    expect(broker.counters().takeovers).toBe(5);
  });
});

describe('a will', () => {
  it('on a topic its client may not write is refused at CONNECT', async () => {
    const { url, broker } = await startBroker();
    const topics = [`${R}/node/cam2/status`, `${R}/monitor/mon1/status`, `${R}/broker/main/epoch`, '$SYS/x', 'a'];
    for (const topic of topics)
      await expect(connectAs(url, 'cam1', will(topic)), topic).rejects.toThrow(/[Nn]ot authorized/);
    expect(broker.counters()['wills-refused']).toBe(topics.length);
  });

  it('must be a retained status, whole and valid', async () => {
    const { url } = await startBroker();
    const own = `${R}/node/cam1/status`;
    await expect(connectAs(url, 'cam1', will(`${R}/node/cam1/sensor/heat`, sensorPayload(1)))).rejects.toThrow();
    await expect(connectAs(url, 'cam1', will(own, statusPayload('lost'), false))).rejects.toThrow();
    await expect(connectAs(url, 'cam1', will(own, 'not json'))).rejects.toThrow();
    await expect(connectAs(url, 'ops', will(`${R}/maintenance/cam1`, '{}'))).rejects.toThrow();
    await connectAs(url, 'cam1', will(own));
  });

  it('of Home Assistant is the word it is known by', async () => {
    const { url } = await startBroker();
    const word = (topic: string, payload: string) => ({
      will: { topic, payload: Buffer.from(payload), qos: 0 as const },
    });
    await connectAs(url, 'ha', word('homeassistant/status', 'offline'));
    await expect(connectAs(url, 'ha', word('homeassistant/status', 'gone'))).rejects.toThrow();
    await expect(connectAs(url, 'alice', word('homeassistant/status', 'offline'))).rejects.toThrow();
    await expect(connectAs(url, 'ha', word('homeassistant/device/vedette/cam1/config', ''))).rejects.toThrow();
  });

  it('is published when its client vanishes, and not when it says goodbye', async () => {
    const { url } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/node/+/status`, { qos: 1 });
    const polite = await connectAs(url, 'cam2', will(`${R}/node/cam2/status`));
    await polite.endAsync();
    const node = await connectAs(url, 'cam1', will(`${R}/node/cam1/status`));
    node.stream.destroy();
    await until(() => received.length > 0, 'the will');
    expect(received.map(({ topic }) => topic)).toEqual([`${R}/node/cam1/status`]);
  });

  it('of a session that was taken over never follows the birth of the next', async () => {
    const { url } = await startBroker();
    const reader = await connectAs(url, 'alice');
    const received = collect(reader);
    await reader.subscribeAsync(`${R}/node/cam1/status`, { qos: 1 });
    for (let gen = 1; gen <= 5; gen++) {
      const node = await connectAs(url, 'cam1', will(`${R}/node/cam1/status`, statusPayload('lost', gen)));
      await node.publishAsync(`${R}/node/cam1/status`, statusPayload('online', gen), { qos: 1, retain: true });
    }
    await until(() => received.length >= 9, 'births and wills');
    const seen = received.map(({ payload }): string => {
      const { state, gen } = JSON.parse(payload);
      return `${state} ${gen}`;
    });
    expect(seen).toEqual([
      'online 1',
      'lost 1',
      'online 2',
      'lost 2',
      'online 3',
      'lost 3',
      'online 4',
      'lost 4',
      'online 5',
    ]);
    const late = await connectAs(url, 'bob');
    const retained = collect(late);
    await late.subscribeAsync(`${R}/node/cam1/status`);
    await until(() => retained.length === 1, 'the retained status');
    expect(retained[0]?.payload).toBe(statusPayload('online', 5));
  });
});

describe('a session', () => {
  it('of a node is clean, always', async () => {
    const { port } = await startBroker();
    const raw = new RawClient(port);
    expect(await raw.connect({ clientId: 'cam1', user: 'cam1', password: passwordOf('cam1'), clean: false })).toBe(2);
  });

  it('of an absent reader keeps the newest messages in order, and counts those that gave way', async () => {
    const { url, broker } = await startBroker({ limits: { sessionMessages: 40 } });
    const options = { clientId: 'alice.logger', clean: false };
    const first = await connectAs(url, 'alice', options);
    await first.subscribeAsync(`${R}/node/cam1/sensor/heat`, { qos: 1 });
    await first.endAsync();
    const node = await connectAs(url, 'cam1');
    for (let i = 0; i < 100; i++) {
      await node.publishAsync(`${R}/node/cam1/sensor/heat`, sensorPayload(i), { qos: 1, retain: true });
    }
    const received: string[] = [];
    await connectAs(url, 'alice', options, (payload) => received.push(payload));
    await until(() => received.length === 40, 'the queued messages');
    expect(received).toEqual(Array.from({ length: 40 }, (_, i) => sensorPayload(60 + i)));
    expect(broker.counters()['session-messages-dropped']).toBe(60);
  });

  it('that was stored is not given to another person', async () => {
    const { url, port } = await startBroker();
    const first = await connectAs(url, 'alice', { clientId: 'mine', clean: false });
    await first.subscribeAsync(`${R}/node/cam1/status`, { qos: 1 });
    await first.endAsync();
    expect(
      await new RawClient(port).connect({ clientId: 'mine', user: 'bob', password: passwordOf('bob'), clean: false }),
    ).toBe(5);
  });
});

describe('a client without a password, where reading is free', () => {
  it('reads everything below the root and writes nothing', async () => {
    const { url, broker } = await startBroker({ anonymousRead: true });
    const guest = await connectAs(url, undefined);
    const received = collect(guest);
    await guest.subscribeAsync('vedette/#', { qos: 1 });
    await expect(guest.subscribeAsync('#')).rejects.toThrow();
    const node = await connectAs(url, 'cam1');
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    await until(() => received.some(({ topic }) => topic.endsWith('cam1/status')), 'the status');
    await guest.publishAsync(`${R}/node/cam1/status`, statusPayload('stopped'), { qos: 1, retain: true });
    await until(() => !guest.connected, 'the end of the connection');
    expect(broker.counters().violations).toBe(1);
    const late = await connectAs(url, undefined);
    const seen = collect(late);
    await late.subscribeAsync(`${R}/node/cam1/status`);
    await until(() => seen.length === 1, 'the retained status');
    expect(seen[0]?.payload).toBe(statusPayload());
  });

  it('cannot be somebody: an id of a user, a will or a wrong password', async () => {
    const { url, port } = await startBroker({ anonymousRead: true });
    for (const clientId of ['cam1', 'cam1-bulk', 'alice', 'alice.x']) {
      expect(await new RawClient(port).connect({ clientId }), clientId).toBe(5);
    }
    await expect(connectAs(url, undefined, will(`${R}/node/cam1/status`))).rejects.toThrow();
    expect(await new RawClient(port).connect({ clientId: 'x', user: 'cam1', password: 'wrong' })).toBe(4);
  });
});
