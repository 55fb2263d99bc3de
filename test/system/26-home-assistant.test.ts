import { randomUUID } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hostKeyFingerprint, makeKeyPair } from '../../firmware-sim/board/ssh-door.js';
import { parseJson } from '../../protocol/codec.js';
import { describeWithProgram } from '../fixtures.js';
import { freePort } from '../free-port.js';
import { type Question, renderJinja } from '../jinja.js';
import { field, isJson, type Json, Program } from './demo-run.js';
import { Listener } from './listener.js';
import { Mosquitto } from './mosquitto.js';
import { endProgram, Site } from './site.js';
import { EVERY_FRAME, writePersonModel } from './stand-in-models.js';

// What Home Assistant would see and do, by its own words: the topics and templates of the discovery message, nothing else.

const CONFIG_TOPIC = 'homeassistant/device/vedette/cam1/config';
const NAME = 'The "barn" 🦊';
const USERS = { cam1: 'node', monitor: 'monitor', ha: 'home-assistant', operator: 'operator' } as const;

/** Where the chapter plays: a broker that can lose everything, and its credentials. */
type Ground = {
  readonly site: Site;
  readonly url: string;
  readonly passwordFile: (user: string) => string;
  readonly client: (user: string) => readonly string[];
  readonly wipeBroker: () => Promise<void>;
};

async function ownGround(): Promise<Ground> {
  const site = new Site();
  for (const [name, role] of Object.entries(USERS)) await site.addUser(name, role);
  await site.startBroker({ anonymousRead: false });
  const passwordFile = (user: string) => site.path(`${user}.password`);
  const client = (user: string) => [
    ...['-h', '127.0.0.1', '-p', `${site.port}`, '-u', user],
    ...['-P', readFileSync(passwordFile(user), 'utf8').trim()],
  ];
  const wipeBroker = async () => {
    await site.broker?.end('SIGKILL');
    rmSync(site.path('state', 'broker'), { recursive: true, force: true });
    await site.startBroker({ anonymousRead: false });
  };
  return { site, url: site.brokerUrl, passwordFile, client, wipeBroker };
}

async function mosquittoGround(): Promise<Ground> {
  const site = new Site();
  const mosquitto = new Mosquitto(site);
  for (const [name, role] of Object.entries(USERS)) await mosquitto.addUser(name, role);
  await mosquitto.start();
  return {
    site,
    url: mosquitto.url,
    passwordFile: (user) => mosquitto.passwordFile(user),
    client: (user) => mosquitto.clientOf(user),
    // It writes what it retains every 30 min: killed before, it has nothing.
    wipeBroker: async () => {
      await mosquitto.kill();
      await mosquitto.start();
    },
  };
}

/** Home Assistant, as far as a broker knows it: a real mosquitto_sub and mosquitto_pub with its user, and Jinja2. */
class HomeAssistant {
  readonly #ground: Ground;
  #listener: Listener;
  readonly #rendered = new Map<string, string>();

  constructor(ground: Ground) {
    this.#ground = ground;
    this.#listener = this.#listen();
  }

  /** It starts anew: subscribed first, then born. */
  restart(): void {
    this.#listener = this.#listen();
    this.publish('homeassistant/status', 'online');
  }

  get listener(): Listener {
    return this.#listener;
  }

  #listen(): Listener {
    const listener = new Listener(this.#ground.client('ha'), () => this.#ground.site.said(), '#');
    this.#ground.site.keep('listener', listener.program);
    return listener;
  }

  // What was rendered once is not rendered again: each call starts an interpreter.
  #render(questions: readonly Question[]): string[] {
    const keyOf = ({ template, value }: Question) => `${template}\0${value}`;
    const unknown = questions.filter((question) => !this.#rendered.has(keyOf(question)));
    const answers = unknown.length === 0 ? [] : renderJinja(unknown);
    for (const [i, question] of unknown.entries()) this.#rendered.set(keyOf(question), answers[i] ?? '');
    return questions.map((question) => this.#rendered.get(keyOf(question)) ?? '');
  }

  publish(topic: string, payload: string, ...more: string[]): void {
    this.#ground.site.keep(
      'command',
      new Program('mosquitto_pub', [...this.#ground.client('ha'), '-q', '1', '-t', topic, '-m', payload, ...more]),
    );
  }

  announcements(): Json[] {
    return this.#listener.payloads('hassDevice', { node: 'cam1' }).map((payload) => (isJson(payload) ? payload : {}));
  }

  /** The entities of the newest announcement. */
  entities(): Record<string, Json> {
    const components = field(this.announcements().at(-1), 'components');
    const all = isJson(components) ? Object.entries(components) : [];
    return Object.fromEntries(all.flatMap(([key, entity]) => (isJson(entity) ? [[key, entity] as const] : [])));
  }

  /** What a topic said last. */
  said(topic: unknown): string | undefined {
    return this.#listener.messages.findLast((message) => message.topic === topic)?.payload.toString('latin1');
  }

  /** The states of entities, as their own templates make them; those that have none are left out. */
  states(): Record<string, string> {
    const heard = Object.entries(this.entities()).flatMap(([key, { state_topic: topic, value_template: template }]) => {
      const value = this.said(topic);
      return value === undefined ? [] : [{ key, value, template: String(template ?? '{{ value }}') }];
    });
    const states = this.#render(heard);
    return Object.fromEntries(heard.map(({ key }, i) => [key, states[i] ?? '']));
  }

  /** Entities that depend on somebody who does not say that he is there. */
  unavailable(): string[] {
    const questions = Object.entries(this.entities()).flatMap(([key, { availability }]) =>
      (Array.isArray(availability) ? availability : []).map(({ topic, value_template: template }) => {
        return { key, template, value: this.said(topic) ?? '{}' };
      }),
    );
    const words = this.#render(questions);
    return questions.flatMap(({ key }, i) => (words[i] === 'online' ? [] : [key]));
  }

  /** What somebody presses or switches there. */
  press(key: string, value: string): void {
    const entity = this.entities()[key] ?? {};
    const [payload = ''] = renderJinja([{ template: String(entity.command_template), value }]);
    this.publish(String(entity.command_topic), payload, ...(entity.retain === true ? ['-r'] : []));
  }

  results(): Json[] {
    return this.#listener
      .payloads('result', { recipient: 'ha' })
      .flatMap((payload) => (isJson(payload) ? [payload] : []));
  }
}

function chapter(openGround: () => Promise<Ground>): void {
  let ground: Ground;
  let hass: HomeAssistant;
  let board: Program;
  let sections: Json;

  const startBoard = () => {
    const { site } = ground;
    const config = site.writeConfig('cam1', sections);
    board = site.start(
      'board',
      ...['sim', 'board', '--node', 'cam1', '--config', config, '--state', site.path('state'), '--port', `${sshPort}`],
      ...['--host-key', site.path('host-key'), '--authorized-key', site.path('monitor-key.pub')],
    );
  };
  let sshPort = 0;

  beforeAll(async () => {
    ground = await openGround();
    const { site } = ground;
    const [hostKey, monitorKey] = [makeKeyPair('board'), makeKeyPair('monitor')];
    writeFileSync(site.path('host-key'), hostKey.privateKey, { mode: 0o600 });
    writeFileSync(site.path('monitor-key'), monitorKey.privateKey, { mode: 0o600 });
    writeFileSync(site.path('monitor-key.pub'), monitorKey.publicKey);
    writeFileSync(site.path('heat'), '21.5\n');
    sshPort = await freePort();
    const path = site.path('picture.jpg');
    await sharp({ create: { width: 160, height: 120, channels: 3, background: '#667788' } }).toFile(path);
    const cameras = { front: { source: { driver: 'file', path, fps: 2 }, ...EVERY_FRAME } };
    sections = {
      ...site.edgeSections('cam1', cameras, {
        name: NAME,
        model: { path: writePersonModel(site.dir) },
        passwordFile: ground.passwordFile('cam1'),
        sensors: { heat: { source: `file:${site.path('heat')}`, unit: '°C', intervalMs: 500, reportEveryMs: 2000 } },
        homeAssistant: { user: 'ha', monitor: 'monitor' },
      }),
      site: { brokers: [ground.url] },
    };
    const monitor = {
      passwordFile: ground.passwordFile('monitor'),
      nodes: { cam1: { board: 'barn' } },
      boards: { barn: { host: '127.0.0.1', port: sshPort, hostKey: hostKeyFingerprint(hostKey.privateKey) } },
      sshKeyFile: site.path('monitor-key'),
      timing: { beatMs: 500, leaseMs: 10_000, settleMs: 10_000, graceMs: 30_000 },
    };
    hass = new HomeAssistant(ground);
    const config = site.writeConfig('monitor', { site: { brokers: [ground.url] }, monitor });
    site.start('monitor', 'monitor', '--config', config, '--state', site.path('monitor-state'));
    startBoard();
  }, 60_000);

  afterAll(() => ground?.site.close());

  const seen = (what: string, look: () => boolean) => hass.listener.waitFor(what, () => look() || undefined, 150_000);
  // Looked at first: a roster comes every second, and each is rendered by an interpreter of its own.
  const isHeld = () => JSON.stringify(field(hass.listener.last('roster'), 'maintenance')) === '["cam1"]';
  const mode = () => field(hass.listener.last('roster'), 'mode');

  it('hears of everything a node has, each with a state of its own', async () => {
    await seen('the announcement', () => hass.announcements().length > 0);
    expect(field(hass.announcements().at(-1), 'device', 'name')).toBe(NAME);
    const shown = Object.entries(hass.entities()).filter(([, { state_topic }]) => state_topic !== undefined);
    expect(shown.length).toBeGreaterThan(12);
    await seen('somebody is seen', () => hass.said('vedette/1/node/cam1/camera/front/count/person') === '1');
    await seen('every state', () => shown.every(([, { state_topic }]) => hass.said(state_topic) !== undefined));
    expect(hass.states()).toMatchObject({
      camera_front_object_person: 'ON',
      camera_front_object_person_count: '1',
      sensor_heat: '21.5',
      connected: 'ON',
      camera_front_problem: 'OFF',
      maintenance: 'OFF',
    });
    expect(shown.filter(([key]) => (hass.states()[key] ?? '') === '').map(([key]) => key)).toEqual([]);
    const picture = hass.entities().camera_front_object_person_snapshot?.image_topic;
    await seen('a picture', () => hass.said(picture)?.startsWith('\xff\xd8\xff') === true);
    expect(hass.unavailable()).toEqual([]);
  }, 300_000);

  it('is told again when it is born', async () => {
    hass.restart();
    await seen('what is retained', () => hass.announcements().length > 0);
    await seen('it is told once more', () =>
      hass.listener.heard('hassDevice', { node: 'cam1' }).some(({ retained }) => !retained),
    );
  }, 300_000);

  it('holds a node by a switch, and lets it go', async () => {
    hass.press('maintenance', 'ON');
    await seen('the switch is on', () => isHeld() && hass.states().maintenance === 'ON');
    expect(field(hass.listener.last('maintenance', { node: 'cam1' }), 'by')).toBe('ha');
    hass.press('restart', 'PRESS');
    await seen('it is not restarted', () => hass.results().some(({ code }) => code === 'held'));
    hass.press('maintenance', 'OFF');
    await seen('the switch is off', () => !isHeld() && hass.states().maintenance === 'OFF');
  }, 300_000);

  it('restarts a node by a button, through its monitor and its board', async () => {
    const inv = () => field(hass.listener.last('status', { node: 'cam1' }), 'inv');
    const before = inv();
    await seen('the monitor watches', () => mode() === 'watching' && hass.states().supervision === 'up');
    // On a loaded machine it may settle once more just now: a person presses again.
    const last = () => hass.results().findLast(({ phase }) => phase === 'done');
    for (let i = 0; i < 5 && field(last(), 'ok') !== true; i++) {
      const answered = hass.results().filter(({ phase }) => phase === 'done').length;
      hass.press('restart', 'PRESS');
      await seen('an answer', () => hass.results().filter(({ phase }) => phase === 'done').length > answered);
      if (field(last(), 'code') === 'try-again') await new Promise((done) => setTimeout(done, 15_000));
    }
    expect(last()).toMatchObject({ ok: true, result: { node: 'cam1', outcome: 'restarted' } });
    await seen('another life', () => inv() !== before && hass.states().connected === 'ON');
    const refused = () => hass.results().filter(({ code }) => code === 'unavailable' || code === 'try-again');
    hass.press('restart', 'PRESS');
    await seen('the ladder is for buttons, too', () => refused().length > 0);
    await seen('the incident is over', () => {
      const incident = hass.listener.last('incident', { node: 'cam1' });
      return field(incident, 'cause') === 'requested' && field(incident, 'closedAtMs') !== undefined;
    });
  }, 300_000);

  it('is not obeyed late, nor is somebody who has no right to it', async () => {
    const topic = 'vedette/1/to/monitor/cmd/restart/ha';
    const press = (change: object) => JSON.stringify({ v: 1, id: randomUUID(), args: { node: 'cam1' }, ...change });
    hass.publish(topic, press({ id: 'late', untilMs: Date.now() - 1000 }));
    await seen('it is too late', () => hass.results().some(({ id, code }) => id === 'late' && code === 'expired'));
    const asNode = [
      '-q',
      '1',
      '-t',
      'vedette/1/to/monitor/cmd/restart/cam1',
      '-m',
      press({ untilMs: Date.now() + 30_000 }),
    ];
    ground.site.keep('command', new Program('mosquitto_pub', [...ground.client('cam1'), ...asNode]));
    const others = ['-q', '1', '-r', '-t', 'homeassistant/device/vedette/cam2/config', '-m', '{}'];
    ground.site.keep('command', new Program('mosquitto_pub', [...ground.client('cam1'), ...others]));
    hass.publish(topic, press({ id: 'after', untilMs: Date.now() - 1000 }));
    await seen('all was taken', () => hass.results().some(({ id }) => id === 'after'));
    const topics = hass.listener.messages.map((message) => message.topic);
    expect(topics).not.toContain('vedette/1/to/monitor/cmd/restart/cam1');
    expect(topics).not.toContain('homeassistant/device/vedette/cam2/config');
  }, 300_000);

  it('has no way that an operator has not: the command line asks a monitor, too', async () => {
    const { site, url, passwordFile } = ground;
    const call = (...args: string[]) =>
      site.run('command', 'monitor', ...args, '--broker', url, '--password-file', passwordFile('operator'), '--json');
    const ping = await call('ping');
    expect(ping).toMatchObject({ code: 0 });
    expect(field(parseJson(ping.lines[0] ?? ''), 'result', 'monitor')).toBe('monitor');
    const stranger = await call('restart', '--args', '{"node":"cam9"}');
    expect(stranger.code).toBe(69);
    expect(parseJson(stranger.lines[0] ?? '')).toMatchObject({ code: 'not-found' });
  }, 300_000);

  it('is told again by a broker that lost everything', async () => {
    await ground.wipeBroker();
    hass.restart();
    await seen('it is announced anew', () => hass.entities().sensor_heat !== undefined);
    await seen('and its states', () => hass.states().sensor_heat === '21.5');
  }, 300_000);

  it('forgets a sensor that went, and the node once it is switched off', async () => {
    await endProgram(board);
    const edge = isJson(sections.edge) ? sections.edge : {};
    sections = { ...sections, edge: { ...edge, sensors: {} } };
    startBoard();
    const gone = () => JSON.stringify(hass.entities().sensor_heat) === '{"platform":"sensor"}';
    await seen('the removal', gone);
    expect(hass.entities().camera_front_motion).toMatchObject({ device_class: 'motion' });
    await endProgram(board);
    sections = { ...sections, edge: { ...edge, homeAssistant: undefined } };
    startBoard();
    await seen('the end', () => hass.said(CONFIG_TOPIC) === '');
  }, 300_000);
}

describe('Home Assistant at our broker', () => chapter(ownGround));
describeWithProgram('mosquitto', 'Home Assistant at a real Mosquitto', () => chapter(mosquittoGround));
