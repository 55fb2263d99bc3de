import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { parseBrokerUrl } from '../../base/link/broker-stream.js';
import { Link, type LinkOptions } from '../../base/link/link.js';
import { type Log, silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { eventually } from '../eventually.js';
import { PlainBroker } from '../plain-broker.js';

const maintenance = (by: string) => ({ v: 1, by, reason: 'test', untilMs: 1 });

describe('Link', () => {
  let broker: PlainBroker;
  const links: Link[] = [];
  const servers: Server[] = [];

  beforeEach(async () => {
    broker = await PlainBroker.open();
  });

  afterEach(async () => {
    await Promise.all(links.splice(0).map((link) => link.close()));
    for (const server of servers.splice(0)) server.close();
    await broker.close();
  });

  // Speaks bytes of its own choice after the CONNECT.
  async function openRawServer(answer: (socket: Socket) => void): Promise<number> {
    const server = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => answer(socket));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  function makeLink(options: Partial<LinkOptions> = {}): Link {
    const link = new Link({
      url: broker.url,
      clientId: 'cam1',
      root: 'vedette',
      clock: new SystemClock(),
      random: new Random('link'),
      log: silentLog,
      ...options,
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 100, stableMs: 50, ...options.limits },
    });
    links.push(link);
    return link;
  }

  async function openLink(options: Partial<LinkOptions> = {}): Promise<Link> {
    const link = makeLink(options);
    link.open();
    await eventually(() => link.isUp, 'link up');
    return link;
  }

  it('is down as soon as it begins to end a session: who tries again for as long as it is up lets the end come', async () => {
    const link = await openLink();
    let ups = 0;
    link.onUp(() => ups++);
    link.reconnect('to see');
    let attempts = 0;
    for (; link.isUp && attempts < 1_000; attempts++) {
      await link.publish(routes.maintenance, { node: 'cam1' }, maintenance('me')).catch(() => {});
    }
    expect(attempts).toBe(0);
    await eventually(() => ups === 2 && link.isUp, 'up again');
  });

  it('delivers what is published, decoded, with its params', async () => {
    const link = await openLink();
    const seen: unknown[] = [];
    link.subscribe(routes.maintenance, {}, ({ params, payload, retained }) => seen.push([params, payload, retained]));
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => seen.length > 0, 'message');
    expect(seen[0]).toEqual([{ node: 'cam7' }, maintenance('ann'), false]);
  });

  it('tells retained messages from fresh ones and an emptied topic from both', async () => {
    const link = await openLink();
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    const seen: string[] = [];
    link.subscribe(
      routes.maintenance,
      { node: 'cam7' },
      ({ retained }) => seen.push(retained ? 'retained' : 'fresh'),
      () => seen.push('cleared'),
    );
    await eventually(() => seen.length === 1, 'retained message');
    await link.publishEmpty(routes.maintenance, { node: 'cam7' });
    await eventually(() => seen.length === 2, 'cleared');
    expect(seen).toEqual(['retained', 'cleared']);
  });

  it('refuses to publish while it is down, and keeps nothing for later', async () => {
    const link = makeLink();
    await expect(link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'))).rejects.toMatchObject({
      code: 'unreachable',
      transient: true,
    });
  });

  it('refuses a payload its route does not allow', async () => {
    const link = await openLink();
    const tooLong = maintenance('x'.repeat(10_000));
    await expect(link.publish(routes.maintenance, { node: 'cam7' }, tooLong)).rejects.toMatchObject({
      code: 'payload-invalid',
    });
  });

  it('is not waited for by open, and comes up when the broker does', async () => {
    const { port } = broker;
    await broker.close();
    const link = makeLink({ url: `mqtt://127.0.0.1:${port}` });
    link.open();
    await eventually(() => link.lastError !== undefined, 'a failed attempt');
    expect(link.lastError).toMatchObject({ code: 'unreachable' });
    broker = await PlainBroker.open(port);
    await eventually(() => link.isUp, 'link up');
    expect(link.lastError).toBeUndefined();
  });

  it('subscribes again by itself after the connection was cut', async () => {
    const link = await openLink();
    const seen: string[] = [];
    let downs = 0;
    link.onDown(({ byPeer }) => {
      if (byPeer) downs++;
    });
    link.subscribe(routes.maintenance, {}, ({ payload }) => seen.push(payload.by));
    broker.cut();
    await eventually(() => downs === 1 && link.isUp, 'up again');
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('after'));
    await eventually(() => seen.includes('after'), 'message after the cut');
  });

  it('rejects the publishes under way when the connection is cut', async () => {
    const link = await openLink();
    broker.aedes.authorizePublish = () => {
      // Never calls back: no PUBACK.
    };
    const publishing = link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    const outcome = expect(publishing).rejects.toMatchObject({ code: 'unreachable', transient: true });
    await eventually(() => link.stats().inFlight === 1, 'in flight');
    broker.cut();
    await outcome;
  });

  it('gives up on a publish without PUBACK and goes on', async () => {
    const link = await openLink({ limits: { pubackTimeoutMs: 50 } });
    broker.aedes.authorizePublish = (_client, packet, callback) => {
      if (!packet.topic.includes('stuck')) callback(null);
    };
    await expect(link.publish(routes.maintenance, { node: 'stuck' }, maintenance('ann'))).rejects.toMatchObject({
      code: 'timeout',
    });
    expect(link.stats().inFlight).toBe(0);
  });

  it('bounds what is in flight and what waits, and refuses the rest', async () => {
    const link = await openLink({ limits: { inFlightMax: 2, waitingMax: 3 } });
    broker.aedes.authorizePublish = () => {};
    const publishing = Array.from({ length: 6 }, () =>
      link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann')).catch((error) => error.code),
    );
    expect(await publishing[5]).toBe('try-again');
    expect(link.stats()).toMatchObject({ inFlight: 2, waiting: 3 });
    broker.cut();
    expect(await Promise.all(publishing.slice(0, 5))).toEqual(Array(5).fill('unreachable'));
  });

  it('notices a refused subscription without losing the others', async () => {
    broker.aedes.authorizeSubscribe = (_client, subscription, callback) => {
      callback(null, subscription.topic.includes('/incident/') ? null : subscription);
    };
    const link = makeLink();
    const seen: string[] = [];
    link.subscribe(routes.incident, {}, () => {});
    link.subscribe(routes.maintenance, {}, ({ payload }) => seen.push(payload.by));
    link.open();
    await eventually(() => link.stats().counters.subscribesRefused === 1, 'refusal');
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => seen.length === 1, 'the other subscription');
  });

  it('counts a bad payload and hands on the good one behind it', async () => {
    const link = await openLink();
    const seen: string[] = [];
    link.subscribe(routes.maintenance, {}, ({ payload }) => seen.push(payload.by));
    await link.publishEncoded(routes.maintenance, { node: 'cam7' }, Buffer.from('not json'));
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => seen.length === 1, 'good message');
    expect(link.stats().counters.badPayloads).toBe(1);
  });

  it('survives a handler that throws', async () => {
    const link = await openLink();
    link.subscribe(routes.maintenance, {}, () => {
      throw new Error('handler');
    });
    await link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
    await eventually(() => link.stats().counters.handlerFaults === 1, 'fault counted');
    expect(link.isUp).toBe(true);
  });

  it('ignores a message on a topic nobody asked for', async () => {
    const topic = Buffer.from('vedette/1/maintenance/cam7');
    const port = await openRawServer((socket) => {
      socket.write(Buffer.from([0x20, 2, 0, 0]));
      socket.write(Buffer.concat([Buffer.from([0x30, topic.length + 4, 0, topic.length]), topic, Buffer.from('{}')]));
    });
    const link = await openLink({ url: `mqtt://127.0.0.1:${port}` });
    await eventually(() => link.stats().counters.unexpectedTopics === 1, 'counted');
    expect(link.isUp).toBe(true);
  });

  it('tells a wrong password apart, keeps trying and recovers', async () => {
    let allowed = false;
    broker.aedes.authenticate = (_client, _user, _password, done) => {
      if (allowed) done(null, true);
      else done(Object.assign(new Error('no'), { returnCode: 5 }), null);
    };
    const link = makeLink({ username: 'cam1', password: 'wrong' });
    link.open();
    await eventually(() => link.lastError?.code === 'credentials-invalid', 'login refused');
    expect(link.lastError?.hint).toContain('password');
    allowed = true;
    await eventually(() => link.isUp, 'link up');
  });

  it('walks the list of brokers when one does not answer', async () => {
    const gone = await PlainBroker.open();
    const goneUrl = gone.url;
    await gone.close();
    const link = await openLink({ url: [goneUrl, broker.url] });
    expect(link.brokerUrl).toBe(broker.url);
  });

  it('leaves a broker that accepts and then drops every session', async () => {
    const port = await openRawServer((socket) => {
      socket.write(Buffer.from([0x20, 2, 0, 0]));
      setTimeout(() => socket.destroy(), 20);
    });
    const link = makeLink({ url: [`mqtt://127.0.0.1:${port}`, broker.url], limits: { stableMs: 5_000 } });
    link.open();
    await eventually(() => link.isUp && link.brokerUrl === broker.url, 'the other broker');
    expect(link.stats().counters.brokerSwitches).toBe(1);
  });

  it('leaves a broker that takes publishes and answers none, and one that says that it stops', async () => {
    const other = await PlainBroker.open();
    broker.aedes.authorizePublish = () => {};
    const said: string[] = [];
    const link = await openLink({ url: [broker.url, other.url], limits: { pubackSilenceMs: 100 } });
    link.useKeeper({
      prepare: () => Promise.reject(new Error('not asked for in this test')),
      begin: () => {},
      leave: async () => void said.push('last word'),
    });
    await expect(link.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'))).rejects.toMatchObject({
      code: 'unreachable',
    });
    expect(said).toEqual([]);
    link.useKeeper({
      prepare: async () => ({ topic: 'will', payload: new Uint8Array(1), qos: 1, retain: false }),
      begin: () => {},
      leave: async () => void said.push('last word'),
    });
    await eventually(() => link.isUp && link.brokerUrl === other.url, 'the other broker');
    expect(link.stats().counters.brokerSilences).toBe(1);
    const epoch = { v: 1, epoch: 'e1', startedAtMs: 1, version: '1' };
    await link.publish(routes.brokerEpoch, { broker: 'main' }, { ...epoch, state: 'up' });
    await link.publish(routes.brokerEpoch, { broker: 'main' }, { ...epoch, state: 'stopping' });
    await eventually(() => link.stats().counters.brokerStops === 1 && !link.isUp, 'it left');
    expect(said).toEqual(['last word']);
    await link.close();
    await other.close();
  });

  it('follows another link to its broker', async () => {
    const other = await PlainBroker.open();
    const urls = [broker.url, other.url];
    const leader = await openLink({ url: urls });
    const follower = await openLink({ url: urls, clientId: 'cam1-bulk', follows: leader });
    expect(follower.brokerUrl).toBe(broker.url);
    await broker.close();
    await eventually(() => follower.isUp && follower.brokerUrl === other.url, 'both at the other broker');
    expect(leader.brokerUrl).toBe(other.url);
    await Promise.all([follower.close(), leader.close()]);
    await other.close();
    broker = await PlainBroker.open();
  });

  it('ends the session before it reads a packet that announces too much', async () => {
    const port = await openRawServer((socket) => {
      socket.write(Buffer.from([0x20, 2, 0, 0]));
      // PUBLISH with a remaining length of 256 MiB - 1.
      socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]));
    });
    const link = makeLink({ url: `mqtt://127.0.0.1:${port}` });
    link.open();
    await eventually(() => (link.stats().counters.oversizedPackets ?? 0) > 0, 'oversized packet refused');
  });

  it('publishes a last word, disconnects without a will and closes twice without harm', async () => {
    const seen: string[] = [];
    broker.aedes.subscribe(
      '#',
      (packet, done) => {
        seen.push(packet.topic);
        done();
      },
      () => {},
    );
    const link = await openLink();
    await link.close(() => link.publish(routes.maintenance, { node: 'cam7' }, maintenance('last')));
    await link.close();
    expect(seen.filter((topic) => topic.startsWith('vedette'))).toEqual(['vedette/1/maintenance/cam7']);
    expect(link.isUp).toBe(false);
  });

  it('tells an end that was asked for as one, whatever the connection says of it', async () => {
    const lines: string[] = [];
    const note = (message: string, fields?: object) => lines.push(`${message} ${JSON.stringify(fields ?? {})}`);
    const log: Log = { debug() {}, info: note, warn: note, error: note, child: () => log };
    const link = await openLink({ log });
    link.subscribe(routes.maintenance, {}, () => {});
    // Each message under way when the session ends makes MQTT.js acknowledge it behind its own end.
    const speaker = await openLink({ clientId: 'speaker' });
    await link.close(async () => {
      for (let i = 0; i < 200; i++) void speaker.publish(routes.maintenance, { node: 'cam7' }, maintenance('ann'));
      await speaker.publish(routes.maintenance, { node: 'cam7' }, maintenance('eve'));
    });
    expect(lines.at(-1)).toMatch(/^link ended/);
    expect(lines.filter((line) => line.includes('error'))).toEqual([]);
    expect(link.lastError).toBeUndefined();
  });

  it('sends nothing of what still waits into its own end', async () => {
    const seen: string[] = [];
    const link = await openLink({ limits: { inFlightMax: 1 } });
    broker.aedes.authorizePublish = (_client, packet) => seen.push(packet.topic);
    const publishing = ['cam1', 'cam2', 'cam3'].map((node) =>
      link.publish(routes.maintenance, { node }, maintenance('ann')).catch((error) => error.code),
    );
    await eventually(() => seen.length === 1, 'the first');
    await link.close();
    expect(await Promise.all(publishing)).toEqual(['unreachable', 'unreachable', 'unreachable']);
    expect(seen).toEqual(['vedette/1/maintenance/cam1']);
  });
});

describe('parseBrokerUrl', () => {
  it.each([
    ['mqtt://host', { transport: 'tcp', host: 'host', port: 1883, path: '/' }],
    ['mqtts://host:9999', { transport: 'tls', host: 'host', port: 9999, path: '/' }],
    ['ws://[::1]:8083/mqtt', { transport: 'ws', host: '::1', port: 8083, path: '/mqtt' }],
  ])('reads %s', (url, address) => {
    expect(parseBrokerUrl(url)).toEqual(address);
  });

  it.each(['host:1883', 'http://host', 'mqtt://', 'mqtt://ann:secret@host'])('refuses %s', (url) => {
    expect(() => parseBrokerUrl(url)).toThrow(expect.objectContaining({ code: 'config-invalid' }));
  });

  it('never repeats a password', () => {
    expect(() => parseBrokerUrl('mqtt://ann:secret@host')).toThrow(/^(?!.*secret)/);
  });
});
