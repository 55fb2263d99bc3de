import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { containsFilter } from '../../broker/topic-filter.js';
import { decodePayload, parseJson } from '../../protocol/codec.js';
import { buildFilter, matchTopic, type Route, routes } from '../../protocol/routes.js';
import { field, isJson, type Json, Program } from './demo-run.js';
import type { Listener } from './listener.js';
import { endProgram, Site } from './site.js';
import { EVERY_FRAME, writePersonModel } from './stand-in-models.js';

// docs/integrations.md: what stands there to be typed is typed, and the flow there is to import is read and run.

const PAGE = readFileSync('docs/integrations.md', 'utf8');
/** Blocks of the page by the name behind `sh`. */
const BLOCKS = new Map(
  [...PAGE.matchAll(/^```sh (\S+)\n(.*?)^```$/gms)].map(([, name = '', text = '']) => [name, text]),
);

/** A shell that a person sits at: what one block defines, the next one has. */
class Shell {
  readonly #child: ChildProcess;
  #said = '';

  constructor(cwd: string, env: NodeJS.ProcessEnv) {
    this.#child = spawn('bash', [], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text;
      });
    }
    this.#child.stdin?.on('error', () => {});
  }

  /** Types a text and gives what came of it. */
  async type(text: string): Promise<string> {
    const mark = `end-of-${Math.random()}`;
    this.#said = '';
    this.#child.stdin?.write(`${text}\necho ${mark}\n`);
    const untilMs = Date.now() + 60_000;
    while (!this.#said.includes(mark)) {
      if (Date.now() > untilMs) throw new Error(`the shell still runs\n${text}\n${this.#said}`);
      await new Promise((done) => setTimeout(done, 50));
    }
    return this.#said.slice(0, this.#said.indexOf(mark));
  }

  close(): void {
    this.#child.stdin?.end();
    this.#child.kill();
  }
}

let site: Site;
let shell: Shell;
let listener: Listener;

beforeAll(async () => {
  site = await Site.open('cam1');
  for (const name of ['operator', 'node-red']) await site.addUser(name, 'operator');
  listener = site.listen();
  const path = site.path('picture.jpg');
  await sharp({ create: { width: 160, height: 120, channels: 3, background: '#667788' } }).toFile(path);
  const cameras = { front: { source: { driver: 'file', path, fps: 4 }, ...EVERY_FRAME } };
  const more = {
    model: { path: writePersonModel(site.dir) },
    sensors: { heat: { source: `file:${path.replace('picture.jpg', 'heat')}`, unit: '°C', intervalMs: 500 } },
    rules: { somebody: { when: 'count("person") > 0', text: 'somebody is here' } },
  };
  await shellOf('printf 21.5 > heat');
  const first = site.edge('cam1', cameras, more);
  await listener.waitFor('somebody is seen', () => listener.tracks('cam1', 'front').length > 0);
  // A log that is over is a closed segment.
  await endProgram(first);
  site.edge('cam1', cameras, more);
  await listener.waitFor('its segment', () => listener.heard('segment').length > 0);
  await listener.waitFor('somebody is seen again', () => Number(`${lastOf('count')}`) > 0);
  const { HOME: _, XDG_CONFIG_HOME: __, ...env } = process.env;
  shell = new Shell(site.dir, { ...env, HOME: site.folder('home'), PORT: `${site.port}` });
}, 180_000);

afterAll(async () => {
  shell?.close();
  await site?.close();
});

function lastOf(route: 'count'): Buffer | undefined {
  return listener.heard(route, { node: 'cam1', label: 'person' }).at(-1)?.payload;
}

async function shellOf(command: string): Promise<void> {
  await new Program('sh', ['-c', `cd ${site.dir} && ${command}`]).exit;
}

/** Types a block of the page. */
function run(name: string): Promise<string> {
  const text = BLOCKS.get(name);
  if (text === undefined) throw new Error(`no block ${name} in the page`);
  return shell.type(text);
}

/** Types a block until it shows something, as a person does who waits for somebody to pass. */
async function runUntil(name: string, pattern: RegExp): Promise<string> {
  let said = '';
  for (let i = 0; i < 8 && !pattern.test(said); i++) said = await run(name);
  return said;
}

function ask(verb: string, args: object): void {
  const topic = `vedette/1/to/cam1/cmd/${verb}/operator`;
  const payload = JSON.stringify({ v: 1, id: `${Math.random()}`, untilMs: Date.now() + 30_000, args });
  const login = ['-u', 'operator', '-P', readFileSync(site.path('operator.password'), 'utf8').trim()];
  const at = ['-h', '127.0.0.1', '-p', `${site.port}`, '-q', '1', '-t', topic, '-m', payload];
  site.keep('command', new Program('mosquitto_pub', [...login, ...at]));
}

describe('the lines of the page', () => {
  it('are all tried here', () => {
    const names = ['setup', 'watch', 'state', 'log', 'segments', 'ask', 'picture', 'maintenance'];
    expect([...BLOCKS.keys()]).toEqual(names);
    expect(PAGE.match(/^```sh$/gm)).toBeNull();
  });

  it('look at what happens', async () => {
    expect(await run('setup')).toBe('');
    const watched = await runUntil('watch', /state/);
    expect(watched).toMatch(/^vedette\/1\/node\/cam1\/camera\/front\/state \d+ bytes$/m);
    const state = await runUntil('state', /person 1/);
    expect(state).toMatch(/^cam1 online$/m);
    expect(state).toMatch(/^vedette\/1\/node\/cam1\/camera\/front\/count\/person 1$/m);
  }, 180_000);

  it('read the log, as it grows and as it was', async () => {
    const timer = setInterval(() => {
      ask('pause', { camera: 'front' });
      setTimeout(() => ask('resume', { camera: 'front' }), 500);
    }, 3000);
    const log = await runUntil('log', /person/).finally(() => clearInterval(timer));
    expect(log).toMatch(/^\{"c":"front","l":"person","at":"20\d\d-[^"]+Z"\}$/m);
    await new Promise((done) => setTimeout(done, 1000));
    ask('resume', { camera: 'front' });
    expect(await runUntil('segments', /"k":"track"/)).toMatch(/^\{"s":\d+,.*"k":"track"/m);
  }, 180_000);

  it('ask a node, and get answers', async () => {
    const answers = (await run('ask'))
      .trim()
      .split('\n')
      .map((line) => parseJson(line));
    expect(answers.map((answer) => field(answer, 'ok'))).toEqual([true, true, true, true, true]);
    expect(field(answers[0], 'result', 'node')).toBe('cam1');
    expect(field(answers[1], 'result')).toEqual({ ttlS: 600 });
    expect(field(answers[2], 'result')).toEqual({ wasPaused: true });
    expect(field(answers[3], 'result')).toMatchObject({ value: 0.4, ttlS: 600 });
  }, 120_000);

  it('take a picture, and hold a node', async () => {
    await listener.waitFor('it sees', () => Number(`${lastOf('count')}`) > 0);
    const said = await runUntil('picture', / [1-9]\d{2,} .*now\.jpg/);
    expect(said).toContain('"phase":"accepted"');
    expect((await sharp(site.path('now.jpg')).metadata()).format).toBe('jpeg');
    const held = await run('maintenance');
    expect(held).toMatch(/^\{"v":1,"by":"anna","reason":"new lens","untilMs":\d{13}\}$/m);
    await listener.waitFor('it is over', () => listener.heard('maintenance').at(-1)?.payload.length === 0);
  }, 180_000);
});

describe('the flow for Node-RED', () => {
  const flow = flowNodes();
  const functions = flow.filter(({ type }) => type === 'function');

  function flowNodes(): Json[] {
    const parsed = parseJson(readFileSync('deploy/node-red/vedette.json', 'utf8'));
    return Array.isArray(parsed) ? parsed.filter(isJson) : [];
  }

  /** Runs a function node as Node-RED does: its text is the body of a function of `msg`. */
  function call(id: string, msg: object, memory = new Map<string, unknown>()): unknown {
    const code = functions.find((node) => node.id === id)?.func;
    const context = {
      get: (key: string) => memory.get(key),
      set: (key: string, value: unknown) => memory.set(key, value),
    };
    const given = { msg: structuredClone(msg), context, Date, Math };
    // Across the border of contexts only what can be written as JSON.
    const text: unknown = runInNewContext(`JSON.stringify((function (msg) { ${String(code)} })(msg) ?? null)`, given);
    return parseJson(String(text));
  }

  it('has wires that lead somewhere, one broker, and every node on its sheet', () => {
    const ids = flow.map(({ id }) => String(id));
    expect(new Set(ids).size).toBe(ids.length);
    const wires = flow.flatMap(({ wires: out }) => (Array.isArray(out) ? out.flat() : []));
    expect(wires.filter((to) => !ids.includes(String(to)))).toEqual([]);
    for (const node of flow.filter(({ type }) => String(type).startsWith('mqtt '))) {
      expect(ids).toContain(node.broker);
      expect(ids).toContain(node.z);
    }
    const reached = new Set(wires.map(String));
    expect(functions.filter(({ id }) => !reached.has(String(id)))).toEqual([]);
  });

  it('listens to topics that there are', () => {
    const known = Object.values<Route>(routes).map((route) => buildFilter('vedette', route).split('/'));
    const asked = flow.filter(({ type }) => type === 'mqtt in').map(({ topic }) => String(topic));
    expect(asked.length).toBe(5);
    for (const topic of asked) {
      expect(
        known.some((filter) => containsFilter(filter, topic.split('/'))),
        topic,
      ).toBe(true);
    }
  });

  it('makes of real messages what the page says', async () => {
    const text = (route: 'count' | 'alert', params: object) => {
      const heard = listener
        .heard(route, { node: 'cam1', ...params })
        .find(({ payload }) => payload.length > 1 || `${payload}` === '1');
      return { topic: heard?.topic ?? '', payload: `${heard?.payload}` };
    };
    const memory = new Map<string, unknown>();
    const person = text('count', { label: 'person' });
    expect(call('people', person, memory)).toMatchObject({
      payload: { node: 'cam1', camera: 'front', label: 'person', event: 'came', count: 1 },
    });
    expect(call('people', { ...person, payload: '2' }, memory)).toBeNull();
    expect(call('people', { ...person, payload: '0' }, memory)).toMatchObject({ payload: { event: 'left', count: 0 } });

    const live = listener
      .heard('live', { node: 'cam1' })
      .map(({ topic, payload }) => ({ topic, payload: parseJson(`${payload}`) }));
    const tracks = live.flatMap((message) => field(call('records', message), 0) ?? []);
    expect(tracks).toContainEqual({
      topic: 'cam1/front',
      payload: expect.objectContaining({
        node: 'cam1',
        camera: 'front',
        label: 'person',
        at: expect.stringMatching(/Z$/),
      }),
    });

    const alert = text('alert', { rule: 'somebody' });
    expect(call('alerts', alert)).toMatchObject({
      payload: { node: 'cam1', rule: 'somebody', open: true, text: 'somebody is here', severity: 'warning' },
    });
    expect(call('alerts', { ...alert, payload: '' })).toMatchObject({ payload: { open: false } });

    const topic = 'vedette/1/node/cam1/sensor/heat';
    const reading = listener.last('sensor', { sensor: 'heat' });
    expect(call('readings', { topic, payload: reading })).toEqual({ topic: 'cam1/heat', payload: 21.5, unit: '°C' });
    expect(call('readings', { topic, payload: { v: 1, ok: false, value: null } })).toBeNull();
  }, 60_000);

  it('asks with commands that nodes take, and reads their answers', async () => {
    const clicks = flow.filter(({ type }) => type === 'inject').map(({ payload }) => parseJson(String(payload)));
    expect(clicks).toHaveLength(2);
    const login = ['-u', 'node-red', '-P', readFileSync(site.path('node-red.password'), 'utf8').trim()];
    const at = ['-h', '127.0.0.1', '-p', `${site.port}`, '-q', '1'];
    for (const payload of clicks) {
      const asked = call('ask', { payload });
      const topic = String(field(asked, 'topic'));
      const command = JSON.stringify(field(asked, 'payload'));
      expect(matchTopic('vedette', topic)).toMatchObject({
        name: 'command',
        params: { recipient: 'cam1', sender: 'node-red' },
      });
      decodePayload(routes.command, Buffer.from(command));
      const results = () => listener.heard('result', { recipient: 'node-red' });
      const before = results().length;
      site.keep('command', new Program('mosquitto_pub', [...login, ...at, '-t', topic, '-m', command]));
      const done = await listener.waitFor('the answer', () =>
        results()
          .slice(before)
          .map((heard) => ({ topic: heard.topic, payload: parseJson(`${heard.payload}`) }))
          .find(({ payload }) => field(payload, 'phase') === 'done'),
      );
      expect(call('answers', done)).toMatchObject({ payload: { whom: 'cam1', ok: true } });
      expect(call('answers', { ...done, payload: { phase: 'accepted', ok: true } })).toBeNull();
    }
  }, 120_000);
});
