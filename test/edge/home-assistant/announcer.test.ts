import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SimulatedClock, SystemClock } from '../../../base/clock.js';
import { Link } from '../../../base/link/link.js';
import { RetainedDocuments } from '../../../base/link/retained-documents.js';
import { silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { HassAnnouncer } from '../../../edge/home-assistant/announcer.js';
import type { HassSubject } from '../../../edge/home-assistant/hass-subject.js';
import { routes } from '../../../protocol/routes.js';
import { eventually } from '../../eventually.js';
import { PlainBroker } from '../../plain-broker.js';

const TOPIC = 'homeassistant/device/vedette/cam1/config';
const SUBJECT: HassSubject = {
  ...{ root: 'vedette', node: 'cam1', name: 'Barn', version: '1', healthMs: 60_000, sensors: [], rules: [] },
  cameras: [
    { camera: 'front', labels: ['person'], hasSnapshots: true },
    { camera: 'back', labels: [], hasSnapshots: true },
  ],
  monitor: undefined,
};

let broker: PlainBroker;
let stateDir: string;
let link: Link;
let documents: RetainedDocuments;
let announcer: HassAnnouncer;
let clock: SimulatedClock;
/** Topics in the order of their arrival, and the newest payload of each. */
let heard: string[];
const newest = new Map<string, string>();

beforeEach(async () => {
  broker = await PlainBroker.open();
  stateDir = mkdtempSync(join(tmpdir(), 'vedette-hass-'));
  newest.clear();
  broker.aedes.subscribe(
    '#',
    ({ topic, payload }, done) => {
      heard.push(topic);
      newest.set(topic, String(payload));
      done();
    },
    () => {},
  );
});

afterEach(async () => {
  await end();
  await broker.close();
  rmSync(stateDir, { recursive: true, force: true });
});

async function end(): Promise<void> {
  await announcer.close();
  documents.close();
  await link.close();
}

/** One life of a node, as far as it concerns Home Assistant. */
async function begin(isOn: boolean, hasBroker = true): Promise<void> {
  heard = [];
  clock = new SimulatedClock();
  const real = { clock: new SystemClock(), random: new Random('hass'), log: silentLog };
  link = new Link({ ...real, url: broker.url, clientId: 'cam1', root: 'vedette' });
  documents = new RetainedDocuments(link, real.clock, silentLog);
  announcer = new HassAnnouncer({
    ...{ node: 'cam1', stateDir, isOn, link, documents, clock, random: real.random, log: silentLog },
  });
  await announcer.open();
  if (!hasBroker) return;
  link.open();
  await eventually(() => link.isUp, 'the link is up');
}

async function born(word = 'online', retain = false): Promise<void> {
  await new Promise<void>((done) =>
    broker.aedes.publish(
      { cmd: 'publish', qos: 0, dup: false, retain, topic: 'homeassistant/status', payload: Buffer.from(word) },
      () => done(),
    ),
  );
}

function announced(): Record<string, unknown> {
  const { components } = JSON.parse(newest.get(TOPIC) ?? '{}');
  return components;
}

const arrivals = (topic: string) => heard.filter((one) => one === topic).length;

describe('the announcer', () => {
  it('announces once there is something to tell', async () => {
    await begin(true);
    expect(heard).not.toContain(TOPIC);
    announcer.tell(SUBJECT);
    await eventually(() => newest.has(TOPIC), 'the announcement');
    expect(Object.keys(announced())).toContain('camera_back_motion');
  });

  it('announces again when Home Assistant is born, before its states, once for many births', async () => {
    await begin(true);
    announcer.tell(SUBJECT);
    documents.set(routes.motion, { node: 'cam1', camera: 'front' }, 'OFF');
    const motion = 'vedette/1/node/cam1/camera/front/motion';
    await eventually(() => documents.unconfirmed === 0, 'all is there');
    heard = [];
    for (let i = 0; i < 3; i++) await born();
    await eventually(async () => {
      await clock.advance(10_000);
      return heard.includes(motion);
    }, 'the states');
    expect(heard).toContain(TOPIC);
    expect(heard.indexOf(TOPIC)).toBeLessThan(heard.indexOf(motion));
  });

  it('does not mind its going', async () => {
    await begin(true);
    announcer.tell(SUBJECT);
    await eventually(() => documents.unconfirmed === 0, 'all is there');
    heard = [];
    await born('offline');
    await born('gone');
    await link.publish(routes.motion, { node: 'cam1', camera: 'front' }, 'ON');
    await clock.advance(20_000);
    expect(arrivals(TOPIC)).toBe(0);
  });

  it('removes a camera that went while the node was off', async () => {
    await begin(true);
    announcer.tell(SUBJECT);
    await eventually(() => documents.unconfirmed === 0, 'all is there');
    await end();
    await begin(true);
    announcer.tell({ ...SUBJECT, cameras: SUBJECT.cameras.slice(0, 1) });
    await eventually(() => heard.includes(TOPIC), 'the announcement');
    expect(announced().camera_back_motion).toEqual({ platform: 'binary_sensor' });
    expect(announced().camera_front_motion).toMatchObject({ name: 'front motion' });
  });

  it('removes the whole device once it is switched off, and then keeps silent', async () => {
    await begin(true);
    announcer.tell(SUBJECT);
    await eventually(() => documents.unconfirmed === 0, 'all is there');
    await end();
    await begin(false);
    await eventually(() => newest.get(TOPIC) === '', 'the removal');
    announcer.tell(SUBJECT);
    await eventually(() => documents.unconfirmed === 0, 'it is confirmed');
    await end();
    expect(readFileSync(join(stateDir, 'home-assistant'), 'utf8')).toBe('');
    await begin(false);
    announcer.tell(SUBJECT);
    await born();
    await link.publish(routes.motion, { node: 'cam1', camera: 'front' }, 'ON');
    expect(arrivals(TOPIC)).toBe(0);
  });

  it('tries the removal again in its next life, if no broker took it in this one', async () => {
    await begin(true);
    announcer.tell(SUBJECT);
    await eventually(() => documents.unconfirmed === 0, 'all is there');
    await end();
    await begin(false, false);
    await end();
    await begin(false);
    await eventually(() => newest.get(TOPIC) === '', 'the removal');
  });

  it('takes nothing from a file of garbage, and counts a disk that takes nothing', async () => {
    writeFileSync(join(stateDir, 'home-assistant'), '{"x":1}\n+ sensor\ncamera_old_fps sensor\n\0\n');
    await begin(true);
    announcer.tell(SUBJECT);
    await eventually(() => newest.has(TOPIC), 'the announcement');
    expect(announced().camera_old_fps).toEqual({ platform: 'sensor' });
    expect(Object.keys(announced()).filter((key) => !/^[a-z0-9_-]+$/.test(key))).toEqual([]);
    rmSync(stateDir, { recursive: true });
    announcer.tell({ ...SUBJECT, rules: ['too-hot'] });
    await eventually(() => (announcer.counters().announcedNotKept ?? 0) > 0, 'it is counted');
  });
});
