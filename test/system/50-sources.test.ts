import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Claims } from '../../protocol/sharing.js';
import { field, type Program } from './demo-run.js';
import type { Listener } from './listener.js';
import { endProgram, Site } from './site.js';
import {
  BEAT_MS,
  badPictures,
  claimOf,
  drops,
  framesSeen,
  killHard,
  oneOwner,
  ownersOf,
  SHARING,
  send,
} from './source-fleet.js';

// A camera without a detector publishes JPEGs; three nodes share the work of watching it, whatever becomes of them.

const NODES = ['cam1', 'cam2', 'cam3'];
const running = new Map<string, Program>();
let site: Site;
let listener: Listener;

beforeAll(async () => {
  site = await Site.open(...NODES);
  for (const source of ['yard', 'garden', 'noisy']) await site.addUser(source, 'source');
  await site.addUser('operator', 'operator');
  listener = site.listen();
  for (const node of NODES) startNode(node);
  startDevice('yard', '7');
  // On a machine that is busy with other chapters three nodes and their models take minutes.
  await oneOwner(listener, 'yard', NODES, 240_000);
}, 360_000);

afterAll(() => site.close(), 60_000);

function startNode(node: string): void {
  running.set(node, site.edge(node, {}, SHARING));
}

function startDevice(source: string, seed: string): Program {
  const login = ['--publish', site.brokerUrl, '--source', source, '--password-file', site.path(`${source}.password`)];
  return site.start(
    source,
    ...['sim', 'camera', ...login, '--seed', seed, '--size', '320x240', '--fps', '3', '--family', 'street'],
  );
}

function programOf(node: string): Program {
  const program = running.get(node);
  if (program === undefined) throw new Error(`${node} was not started`);
  return program;
}

/** Nodes that were started and not ended. */
function alive(): string[] {
  return [...running].filter(([, program]) => !program.isOver).map(([node]) => node);
}

describe('a source that publishes frames', () => {
  it('is watched by one node, and another one is the next', async () => {
    // Where claims take a second to arrive all may take it first, and come to one.
    const owner = await listener.waitFor('one sees its frames, and another is the next', () => {
      const [now, ...more] = ownersOf(listener, 'yard', NODES);
      const isNext = NODES.some((node) => claimOf(listener, node, 'yard') === 'standby');
      if (now === undefined || more.length > 0 || !isNext) return undefined;
      return field(listener.last('cameraState', { node: now, camera: 'yard' }), 'ok') === true ? now : undefined;
    });
    // Sources go by what nodes have unused, whatever else they share.
    await listener.waitFor(
      'it tells what it has unused',
      () => Number(field(listener.last('claims', { node: owner }), 'capacityFps')) > 0,
    );
    expect(Claims.safeParse(listener.last('claims', { node: owner })).success).toBe(true);
  }, 120_000);

  it('has records in the log of its owner, with the digest of their frames', async () => {
    const owner = await oneOwner(listener, 'yard', NODES);
    const record = await listener.waitFor(
      'a track of the source',
      () => listener.tracks(owner, 'yard').find(({ ev }) => ev === 'new'),
      120_000,
    );
    expect(record).toMatchObject({ c: 'yard', src: 1, j: expect.stringMatching(/^[0-9a-f]{16}$/) });
  }, 150_000);

  it('is watched again a moment after its owner was killed', async () => {
    const owner = await oneOwner(listener, 'yard', NODES);
    await killHard(programOf(owner));
    await listener.waitFor('its will', () => field(listener.last('status', { node: owner }), 'state') === 'lost');
    // A second by the clock of the nodes; the rest is for a machine with other work.
    const next = await oneOwner(listener, 'yard', alive(), 10_000);
    await framesSeen(listener, next, 'yard');
    startNode(owner);
    await listener.waitFor('it is back', () => field(listener.last('status', { node: owner }), 'state') === 'online');
    await listener.waitFor(
      'its model is loaded',
      () => field(listener.last('claims', { node: owner }), 'model') !== null,
    );
    // Who comes back takes nothing from who watches, and what it showed before it was killed is taken back.
    expect(await oneOwner(listener, 'yard', NODES)).toBe(next);
    await listener.waitFor(
      'its state of the source is emptied',
      () => listener.last('cameraState', { node: owner, camera: 'yard' }) === undefined,
    );
  }, 150_000);

  it('is watched again when its owner is frozen, and by one only when that thaws', async () => {
    const owner = await oneOwner(listener, 'yard', NODES);
    programOf(owner).child.kill('SIGSTOP');
    const others = NODES.filter((node) => node !== owner);
    // Three heartbeats, or the keep alive of its connection: fifteen seconds.
    const next = await oneOwner(listener, 'yard', others, 3 * BEAT_MS + 30_000);
    await framesSeen(listener, next, 'yard');
    programOf(owner).child.kill('SIGCONT');
    const seenBefore = listener.payloads('beat', { node: owner }).length;
    await listener.waitFor('it is back', () => listener.payloads('beat', { node: owner }).length > seenBefore);
    // Which of the two that met: the first of them in the order.
    const last = await oneOwner(listener, 'yard', NODES);
    expect([owner, next]).toContain(last);
  }, 150_000);

  it('is handed over when an operator takes its owner away', async () => {
    const owner = await oneOwner(listener, 'yard', NODES);
    const maintain = (what: 'on' | 'off', ...more: string[]) =>
      site.run(
        ...['monitor', 'maintenance', what, owner, ...more, '--broker', site.brokerUrl],
        ...['--user', 'operator', '--password-file', site.path('operator.password')],
      );
    const { code, errors } = await maintain('on', '--for', '600', '--reason', 'a new lens');
    expect(errors.join('\n')).toBe('');
    expect(code).toBe(0);
    const next = await listener.waitFor('another one watches', () => {
      const [now, ...more] = ownersOf(listener, 'yard', NODES);
      return more.length === 0 && now !== owner ? now : undefined;
    });
    expect(field(listener.last('claims', { node: owner }), 'state')).toBe('leaving');
    await framesSeen(listener, next, 'yard');
    await maintain('off');
    await listener.waitFor(
      'it is no more held',
      () => field(listener.last('claims', { node: owner }), 'state') === 'active',
    );
    expect(await oneOwner(listener, 'yard', NODES)).toBe(next);
  }, 150_000);

  it('is watched again when the broker was killed and is back', async () => {
    const { broker } = site;
    if (broker === undefined) throw new Error('no broker');
    await killHard(broker);
    await site.startBroker();
    listener = site.listen();
    const owner = await oneOwner(listener, 'yard', NODES, 120_000);
    await framesSeen(listener, owner, 'yard');
  }, 200_000);
});

describe('a source that sends what is no frame', () => {
  it('is told and counted, and the others are watched on', async () => {
    const pictures = await badPictures(site.dir);
    const device = { port: site.port, source: 'garden', passwordPath: site.path('garden.password') };
    const topic = 'vedette/1/source/garden/frame';
    // It has said nothing of itself: the node on duty hears of it when it listens, some seconds of every twenty.
    const again = setInterval(() => send(device, topic, pictures.text), 2_000);
    const owner = await oneOwner(listener, 'garden', NODES, 120_000).finally(() => clearInterval(again));
    const count = (name: string) => drops(listener, owner, name);
    // One by one: of those that come while one is looked at only the newest is.
    const bad = [pictures.text, pictures.garbage, pictures.bomb];
    let sent = 0;
    const more = setInterval(() => send(device, topic, bad[sent++ % bad.length] ?? ''), 700);
    try {
      await listener.waitFor('what is no JPEG is counted', () => count('source-not-jpeg') > 0);
      await listener.waitFor('what does not decode is counted', () => count('source:bad-pictures') >= 4);
    } finally {
      clearInterval(more);
    }
    // Larger than a route allows, and names outside the grammar: the broker passes none of them on, and tells.
    const told = () => listener.payloads('brokerQuarantine').filter((one) => field(one, 'client') === 'garden').length;
    const before = told();
    send(device, topic, pictures.large);
    send(device, 'vedette/1/source/garden/Frame Nr. 1', pictures.text);
    send(device, 'vedette/1/source/Garden_1/frame', pictures.text);
    await listener.waitFor('the broker tells of all three', () => told() >= before + 3);
    const watcher = await oneOwner(listener, 'yard', NODES);
    await framesSeen(listener, watcher, 'yard');
    expect(alive()).toEqual(NODES);
    expect(site.said()).toContain('frame not taken');
  }, 200_000);

  it('floods, and the newest of its frames are taken at a bearable rate', async () => {
    const login = ['--publish', site.brokerUrl, '--source', 'noisy', '--password-file', site.path('noisy.password')];
    const device = site.start('noisy', 'sim', 'camera', ...login, '--size', '64x64', '--fps', '60');
    const owner = await oneOwner(listener, 'noisy', NODES, 60_000);
    await listener.waitFor('frames are replaced', () => drops(listener, owner, 'source-replaced') > 20);
    await framesSeen(listener, owner, 'noisy');
    await endProgram(device);
    await oneOwner(listener, 'yard', NODES);
  }, 150_000);
});

describe('one node that is left', () => {
  it('watches everything', async () => {
    const [last = '', ...others] = NODES;
    for (const node of others) await endProgram(programOf(node));
    startDevice('garden', '8');
    for (const source of ['yard', 'garden']) {
      expect(await oneOwner(listener, source, [last], 60_000)).toBe(last);
      await framesSeen(listener, last, source);
    }
  }, 150_000);
});
