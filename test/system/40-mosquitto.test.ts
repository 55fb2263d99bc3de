import sharp from 'sharp';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithProgram } from '../fixtures.js';
import { field, Program } from './demo-run.js';
import { Listener } from './listener.js';
import { Mosquitto } from './mosquitto.js';
import { endProgram, Site } from './site.js';
import { EVERY_FRAME, writePersonModel } from './stand-in-models.js';

describeWithProgram('mosquitto', 'node, monitor and sensors on a real Mosquitto with the shipped configuration', () => {
  let site: Site;
  let mosquitto: Mosquitto;
  let listener: Listener;
  let edge: Program;

  const listen = () => {
    const made = new Listener(mosquitto.clientOf('alice'), () => site.said());
    site.keep('listener', made.program);
    return made;
  };
  const stateOf = (at: Listener, node: string) => field(at.last('status', { node }), 'state');

  beforeAll(async () => {
    site = new Site();
    mosquitto = new Mosquitto(site);
    for (const node of ['cam1', 'cam2', 'sensors']) await mosquitto.addUser(node, 'node');
    await mosquitto.addUser('monitor', 'monitor');
    await mosquitto.addUser('operator', 'operator');
    await mosquitto.addUser('alice', 'reader');
    await mosquitto.start();
    listener = listen();
    const path = site.path('picture.jpg');
    await sharp({ create: { width: 160, height: 120, channels: 3, background: '#667788' } }).toFile(path);
    const talkative = { events: { updateEveryMs: 500, moveMin: 0 } };
    const cameras = { front: { source: { driver: 'file', path, fps: 5 }, ...EVERY_FRAME, ...talkative } };
    const brokers = [mosquitto.url];
    edge = site.edgeWith('cam1', {
      ...site.edgeSections('cam1', cameras, {
        model: { path: writePersonModel(site.dir) },
        passwordFile: mosquitto.passwordFile('cam1'),
      }),
      site: { brokers },
    });
    const monitor = {
      passwordFile: mosquitto.passwordFile('monitor'),
      nodes: { cam1: {}, sensors: {} },
      timing: { beatMs: 10_000, settleMs: 2000, leaseMs: 1500 },
    };
    const config = site.writeConfig('monitor', { site: { brokers }, monitor });
    site.start('monitor', 'monitor', '--config', config, '--state', site.path('monitor-state'));
    site.start(
      'sensors',
      ...['sim', 'sensors', '--broker', mosquitto.url, '--node', 'sensors', '--state', site.path('sensors-state')],
      ...['--password-file', mosquitto.passwordFile('sensors')],
    );
  }, 60_000);

  afterAll(() => site?.close());

  it('births, records, counts, pictures, readings and the roster arrive', async () => {
    for (const node of ['cam1', 'sensors']) {
      await listener.waitFor(`${node} is online`, () => stateOf(listener, node) === 'online');
      await listener.waitFor(`info of ${node}`, () => listener.heard('info', { node }).length > 0);
    }
    await listener.waitFor('records', () => listener.tracks('cam1', 'front').length > 2);
    const numbers = listener.records('cam1').map(({ s }) => s);
    expect(numbers).toEqual(numbers.map((_, i) => Number(numbers[0]) + i));
    await listener.waitFor('the count', () =>
      listener.heard('count', { node: 'cam1' }).some(({ payload }) => `${payload}` === '1'),
    );
    await listener.waitFor('a picture', () => listener.heard('snapshot', { node: 'cam1' }).length > 0);
    await listener.waitFor(
      'four readings',
      () => new Set(listener.heard('sensor', { node: 'sensors' }).map(({ topic }) => topic)).size === 4,
    );
    await listener.waitFor('the monitor believes both', () => {
      const nodes = field(listener.last('roster'), 'nodes');
      return ['cam1', 'sensors'].every((node) => field(nodes, node) === 'up');
    });
  }, 60_000);

  it('what somebody may not write does not arrive', async () => {
    const publish = (user: string, topic: string, message: string) =>
      new Program('mosquitto_pub', [...mosquitto.clientOf(user), '-q', '1', '-t', topic, '-m', message]).exit;
    const count = 'vedette/1/node/cam1/camera/front/count/person';
    await publish('cam2', count, '99');
    await publish('alice', count, '98');
    await publish('monitor', count, '97');
    const untilMs = Date.now() + 60_000;
    const maintenance = JSON.stringify({ v: 1, by: 'test', reason: 'to see it arrive', untilMs });
    await publish('cam2', 'vedette/1/maintenance/cam1', maintenance);
    expect(listener.heard('maintenance')).toEqual([]);
    // What may be written arrives, so the others did not just come late.
    await publish('operator', 'vedette/1/maintenance/cam1', maintenance);
    await listener.waitFor('maintenance', () => listener.heard('maintenance').length === 1);
    const counts = listener.heard('count', { node: 'cam1' }).map(({ payload }) => `${payload}`);
    expect(counts.filter((one) => ['97', '98', '99'].includes(one))).toEqual([]);
  }, 30_000);

  it('killed and started again, it is given everything anew: the node is back with the same log', async () => {
    const before = listener.records('cam1').at(-1);
    await mosquitto.kill();
    await mosquitto.start();
    const late = listen();
    await late.waitFor('cam1 is online again', () => stateOf(late, 'cam1') === 'online');
    for (const route of ['info', 'head', 'cameraState', 'motion', 'count', 'snapshot', 'health'] as const) {
      await late.waitFor(`${route} of cam1`, () => late.heard(route, { node: 'cam1' }).length > 0);
    }
    await late.waitFor('records go on', () => late.records('cam1').length > 2);
    const after = late.records('cam1').at(-1);
    expect(after?.epoch).toBe(before?.epoch);
    expect(Number(after?.s)).toBeGreaterThan(Number(before?.s));
    // A higher generation of the same life.
    const [first, last] = [listener.payloads('status', { node: 'cam1' })[0], late.last('status', { node: 'cam1' })];
    expect(Number(field(last, 'gen'))).toBeGreaterThan(Number(field(first, 'gen')));
    expect(field(last, 'inv')).toBe(field(first, 'inv'));
    await late.waitFor('the sensors are back', () => stateOf(late, 'sensors') === 'online');
    await late.waitFor('a reading', () => late.heard('sensor', { node: 'sensors' }).length > 0);
    await late.waitFor('the monitor is back', () => field(late.last('monitorStatus'), 'state') === 'online');
    expect(edge.isOver).toBe(false);
    listener = late;
  }, 60_000);

  it('killed three times within a minute, it is no second device to the node, which is back at once', async () => {
    for (let i = 0; i < 3; i++) {
      const gen = Number(field(listener.last('status', { node: 'cam1' }), 'gen'));
      await mosquitto.kill();
      await mosquitto.start();
      listener = listen();
      const isBack = () => Number(field(listener.last('status', { node: 'cam1' }), 'gen')) > gen;
      // A minute is what a node stays away from its double.
      await listener.waitFor(`cam1 is back, time ${i + 1}`, isBack, 30_000);
    }
    await listener.waitFor('records go on', () => listener.records('cam1').length > 2);
    expect(edge.errors.filter((line) => line.includes('taken over'))).toEqual([]);
  }, 120_000);

  it('a node that dies is told by its will, one that stops says so itself', async () => {
    edge.child.kill('SIGKILL');
    await listener.waitFor('the will', () => stateOf(listener, 'cam1') === 'lost');
    const again = site.start('cam1', 'edge', '--config', site.path('cam1.yaml'), '--state', site.path('state'));
    await listener.waitFor('it is back', () => stateOf(listener, 'cam1') === 'online');
    expect(await endProgram(again)).toBe(0);
    await listener.waitFor('its stop', () => stateOf(listener, 'cam1') === 'stopped');
  }, 60_000);
});
