import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithProgram } from '../fixtures.js';
import { field, type Program } from './demo-run.js';
import { Listener } from './listener.js';
import { Mosquitto } from './mosquitto.js';
import { Site } from './site.js';
import { framesSeen, killHard, oneOwner, SHARING } from './source-fleet.js';

// The same at a broker that is not ours, with the rights as they are shipped.

const NODES = ['cam1', 'cam2'];

describeWithProgram('mosquitto', 'a source at Mosquitto', () => {
  const running = new Map<string, Program>();
  let site: Site;
  let mosquitto: Mosquitto;
  let listener: Listener;

  beforeAll(async () => {
    site = new Site();
    mosquitto = new Mosquitto(site);
    for (const node of NODES) await mosquitto.addUser(node, 'node');
    await mosquitto.addUser('yard', 'source');
    await mosquitto.addUser('reader1', 'operator');
    await mosquitto.start();
    listener = new Listener(mosquitto.clientOf('reader1'), () => site.said());
    site.keep('listener', listener.program);
    for (const node of NODES) {
      const edge = { node, passwordFile: mosquitto.passwordFile(node), cameras: {}, ...SHARING };
      running.set(node, site.edgeWith(node, { site: { brokers: [mosquitto.url] }, edge }));
    }
    const login = ['--publish', mosquitto.url, '--source', 'yard', '--password-file', mosquitto.passwordFile('yard')];
    site.start('yard', 'sim', 'camera', ...login, '--seed', '7', '--size', '320x240', '--fps', '3');
  }, 120_000);

  afterAll(() => site.close(), 60_000);

  it('is watched by one of two nodes, and by the other when that is killed', async () => {
    const owner = await oneOwner(listener, 'yard', NODES, 120_000);
    await framesSeen(listener, owner, 'yard');
    const others = NODES.filter((node) => node !== owner);
    await listener.waitFor('the other has its model', () => {
      const model = field(listener.last('claims', { node: others[0] ?? '' }), 'model');
      return model !== null && model !== undefined;
    });
    const program = running.get(owner);
    if (program !== undefined) await killHard(program);
    await listener.waitFor('its will', () => field(listener.last('status', { node: owner }), 'state') === 'lost');
    const next = await oneOwner(listener, 'yard', others, 10_000);
    await framesSeen(listener, next, 'yard');
    expect([next]).toEqual(others);
  }, 240_000);
});
