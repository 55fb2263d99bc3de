import { createServer, type Server } from 'node:net';
import { Aedes } from 'aedes';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../../base/clock.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { SensorConfig } from '../../../edge/sensing/config.js';
import { DeviceLinks } from '../../../edge/sensing/device-links.js';
import type { SensorSource } from '../../../edge/sensing/sensor-source.js';
import { makeSensorSource } from '../../../edge/sensing/source-factory.js';
import { eventually } from '../../eventually.js';

const clock = new SystemClock();
const TOPIC = 'zigbee2mqtt/Living room "air" 🌡';

/** Somebody else's broker: it takes any topic, refuses one, and counts who is connected. */
class ForeignBroker {
  readonly #aedes: Aedes;
  readonly #server: Server;

  private constructor(aedes: Aedes, server: Server) {
    this.#aedes = aedes;
    this.#server = server;
  }

  static async start(port = 0): Promise<ForeignBroker> {
    const aedes = await Aedes.createBroker({
      authorizeSubscribe: (_client, subscription, answer) =>
        answer(null, subscription.topic === 'secret' ? null : subscription),
    });
    const server = createServer(aedes.handle);
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    return new ForeignBroker(aedes, server);
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  get clients(): number {
    return this.#aedes.connectedClients;
  }

  say(topic: string, payload: string): Promise<void> {
    return new Promise((done, fail) => {
      const packet = {
        cmd: 'publish',
        topic,
        payload: Buffer.from(payload),
        qos: 0,
        retain: true,
        dup: false,
      } as const;
      this.#aedes.publish(packet, (error) => (error ? fail(error) : done()));
    });
  }

  async stop(): Promise<void> {
    await new Promise<void>((done) => this.#aedes.close(done));
    await new Promise((done) => this.#server.close(done));
  }
}

describe('a sensor that is a topic of a foreign device', () => {
  let broker: ForeignBroker;
  let devices: DeviceLinks;
  const open: SensorSource[] = [];

  function source(more: Readonly<Record<string, unknown>> = {}): SensorSource {
    const settings = {
      driver: 'mqtt',
      url: `mqtt://127.0.0.1:${broker.port}`,
      topic: TOPIC,
      path: 'temperature',
      ...more,
    };
    const made = makeSensorSource(SensorConfig.parse({ source: settings }).source, { simCommand: [], devices, clock });
    open.push(made);
    return made;
  }

  const read = (from: SensorSource) => from.read(new AbortController().signal);
  const words = (from: SensorSource) => read(from).then(String, (error: unknown) => String(error));
  const reads = (from: SensorSource, value: number) =>
    eventually(async () => (await words(from)) === String(value), `the sensor reads ${value}`);

  beforeEach(async () => {
    broker = await ForeignBroker.start();
    devices = new DeviceLinks({ node: 'barn', clock, random: new Random('devices'), log: silentLog });
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
    await broker.stop();
  });

  it('has the newest number, also one that was retained before', async () => {
    await broker.say(TOPIC, '{"temperature":21.5,"humidity":40}');
    const sensor = source();
    await reads(sensor, 21.5);
    await broker.say(TOPIC, '{"temperature":22}');
    await reads(sensor, 22);
  });

  it('shares one connection with its like, which ends with the last of them', async () => {
    await broker.say(TOPIC, '{"temperature":21.5,"humidity":40}');
    const [warm, damp] = [source(), source({ path: 'humidity' })];
    await reads(warm, 21.5);
    await reads(damp, 40);
    expect(broker.clients).toBe(1);
    await warm.close();
    await broker.say(TOPIC, '{"temperature":1,"humidity":41}');
    await reads(damp, 41);
    await damp.close();
    await eventually(() => broker.clients === 0, 'nobody is connected');
  });

  it('has no reading from nonsense, and reads on after it', async () => {
    const sensor = source();
    await broker.say(TOPIC, '\u0000<html>');
    await eventually(async () => /no JSON/.test(await words(sensor)), 'nonsense is told');
    await broker.say(TOPIC, JSON.stringify({ temperature: 'x'.repeat(100_000) }));
    await eventually(async () => /100018 bytes on .*, allowed 65536/.test(await words(sensor)), 'too much is told');
    await broker.say(TOPIC, '{"temperature":19}');
    await reads(sensor, 19);
  });

  it('keeps only the newest of a flood', async () => {
    const sensor = source();
    await words(sensor);
    for (let i = 0; i <= 5000; i++) await broker.say(TOPIC, `{"temperature":${i}}`);
    await reads(sensor, 5000);
  });

  it('has no reading once the device has been silent for too long', async () => {
    await broker.say(TOPIC, '{"temperature":21.5}');
    const sensor = source({ maxAgeMs: 1000 });
    await reads(sensor, 21.5);
    await eventually(async () => /nothing on .* for [12] s/.test(await words(sensor)), 'silence is told');
  });

  it('says what its broker refuses', async () => {
    const sensor = source({ topic: 'secret' });
    await eventually(async () => /the broker refuses secret/.test(await words(sensor)), 'the refusal');
  });

  it('comes back when its broker does', async () => {
    await broker.say(TOPIC, '{"temperature":21.5}');
    const sensor = source({ maxAgeMs: 1000 });
    await reads(sensor, 21.5);
    const { port } = broker;
    await broker.stop();
    await eventually(
      async () => /nothing on|closed|ECONNREFUSED|unreachable|lost/.test(await words(sensor)),
      'it is told',
    );
    broker = await ForeignBroker.start(port);
    await broker.say(TOPIC, '{"temperature":18}');
    await reads(sensor, 18);
  });

  it.each([
    [{ topic: 'a/+/b' }, /one topic, without \+ and #/],
    [{ topic: 'a/#' }, /one topic, without \+ and #/],
    [{ path: 'a..b' }, /allowed: temperature/],
    [{ url: 'mqtt://user:secret@host' }, /no password/],
  ])('is refused as %j', (wrong, message) => {
    expect(() => source(wrong)).toThrow(message);
  });
});
