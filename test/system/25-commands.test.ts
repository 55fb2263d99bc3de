import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { field } from './demo-run.js';
import type { Listener } from './listener.js';
import { Site } from './site.js';

// A node is asked to do things, with our own command and with mosquitto_pub alone, as docs/commands.md shows.

let site: Site;
let listener: Listener;
let sid = '';
let asked = 0;

beforeAll(async () => {
  site = await Site.open('cam1', 'cam2');
  await site.addUser('operator', 'operator');
  listener = site.listen();
  const source = { driver: 'sim', seed: '7', widthPx: 320, heightPx: 240, fps: 2 };
  site.edge('cam1', { front: { source } });
  await listener.waitFor('camera gives frames', () =>
    listener.payloads('cameraState', { node: 'cam1' }).some((state) => field(state, 'ok') === true),
  );
  sid = String(field(listener.payloads('status', { node: 'cam1' }).at(-1), 'sid'));
}, 120_000);

afterAll(() => site.close(), 30_000);

/** With our own command. */
async function call(node: string, verb: string, ...more: string[]) {
  const { code, lines, errors } = await site.run(
    ...['command', node, verb, '--broker', site.brokerUrl, '--password-file', site.path('operator.password')],
    ...['--json', ...more],
  );
  return { code, answer: lines[0] === undefined ? undefined : parseJson(lines[0]), errors };
}

/** With mosquitto_pub. */
async function ask(verb: string, args: object = {}): Promise<unknown> {
  const id = `ask-${++asked}`;
  publish('operator', `vedette/1/to/cam1/cmd/${verb}/operator`, { v: SCHEMA_MINOR, id, sid, args });
  return listener.waitFor(`the answer to ${verb}`, () =>
    results(id).find((result) => field(result, 'phase') === 'done'),
  );
}

function publish(user: string, topic: string, payload: object, ...more: string[]): number | null {
  const password = readFileSync(site.path(`${user}.password`), 'utf8').trim();
  const login = [
    '-h',
    '127.0.0.1',
    '-p',
    `${site.port}`,
    '-u',
    user,
    '-P',
    password,
    '-i',
    `${user}${user === 'cam2' ? '' : '.pub'}`,
  ];
  return spawnSync('mosquitto_pub', [...login, '-q', '1', '-t', topic, '-m', JSON.stringify(payload), ...more]).status;
}

function results(id: string): unknown[] {
  return listener.payloads('result', { sender: 'cam1' }).filter((result) => field(result, 'id') === id);
}

function lastState(): unknown {
  return listener.payloads('cameraState', { node: 'cam1' }).at(-1);
}

describe('a node that is asked', () => {
  it('answers a ping with who it is', async () => {
    const { code, answer } = await call('cam1', 'ping');
    expect(code).toBe(0);
    expect(answer).toMatchObject({ ok: true, phase: 'done', result: { node: 'cam1', sid } });
  }, 30_000);

  it('publishes the picture it is asked for, retained', async () => {
    const answer = await ask('snapshot', { camera: 'front' });
    expect(answer).toMatchObject({ ok: true, result: { label: 'now' } });
    const picture = await listener.waitFor('the picture', () =>
      listener.heard('snapshot', { node: 'cam1', camera: 'front', label: 'now' }).at(-1),
    );
    expect(picture.payload.subarray(0, 2).toString('hex')).toBe('ffd8');
    expect(answer).toMatchObject({ result: { bytes: picture.payload.length } });
  }, 30_000);

  it('closes its camera for a pause, opens it when resumed, and by itself when the time is over', async () => {
    expect(await ask('pause', { camera: 'front', ttlS: 600 })).toMatchObject({ ok: true, result: { ttlS: 600 } });
    await listener.waitFor('the camera is paused', () => field(lastState(), 'reason') === 'paused');
    expect(lastState()).toMatchObject({ ok: false, detail: 'by operator for 600 s' });
    expect(await ask('snapshot', { camera: 'front' })).toMatchObject({ ok: false, code: 'unavailable' });
    expect(await ask('resume', { camera: 'front' })).toMatchObject({ ok: true, result: { wasPaused: true } });
    await listener.waitFor('the camera runs', () => field(lastState(), 'ok') === true);
    expect(await ask('pause', { camera: 'front', ttlS: 1 })).toMatchObject({ ok: true });
    await listener.waitFor('the camera is paused again', () => field(lastState(), 'reason') === 'paused');
    await listener.waitFor('the camera runs by itself', () => field(lastState(), 'ok') === true);
  }, 120_000);

  it('holds a label its camera tracks to another score', async () => {
    const args = { camera: 'front', label: 'person', value: 0.99, ttlS: 60 };
    expect(await ask('set-threshold', args)).toMatchObject({ ok: true, result: { value: 0.99, ttlS: 60 } });
    expect(await ask('set-threshold', { ...args, label: 'kite' })).toMatchObject({ ok: false, code: 'not-found' });
  }, 60_000);

  it('publishes birth and all retained state anew', async () => {
    const routes = ['status', 'info', 'head', 'motion'] as const;
    const count = () => routes.map((route) => listener.heard(route, { node: 'cam1' }).length);
    const before = count();
    expect(await ask('rebirth')).toMatchObject({ ok: true });
    await listener.waitFor('all is there again', () => count().every((n, i) => n > (before[i] ?? 0)));
  }, 30_000);

  it('refuses what makes no sense, with what is allowed', async () => {
    expect(await ask('reboot')).toMatchObject({ ok: false, code: 'unknown-verb' });
    const message = 'no camera back; there is front';
    expect(await ask('pause', { camera: 'back' })).toMatchObject({ code: 'not-found', message });
    const args = await call('cam1', 'pause', '--args', '{"camera":"front","ttl":5}');
    const said = expect.stringContaining('ttl: unknown key');
    expect(args).toMatchObject({ code: 64, answer: { code: 'bad-args', message: said } });
    const nobody = await call('cam9', 'ping', '--timeout', '10');
    expect(nobody.code).toBe(69);
    expect(nobody.errors.join('\n')).toContain('is there a node or monitor cam9 on this broker?');
  }, 120_000);

  it('does a command once that comes twice, and none of another session', async () => {
    const topic = 'vedette/1/to/cam1/cmd/rebirth/operator';
    const births = () => listener.heard('status', { node: 'cam1' }).length;
    await new Promise((done) => setTimeout(done, 5000));
    const before = births();
    for (let i = 0; i < 3; i++) publish('operator', topic, { v: SCHEMA_MINOR, id: 'twice', sid, args: {} });
    publish('operator', topic, { v: SCHEMA_MINOR, id: 'late', sid: 'an-old-session', args: {} });
    await listener.waitFor('all are answered', () => results('twice').length === 3 && results('late').length === 1);
    // Repeats that came while it was under way are told that it is.
    expect(results('twice').at(-1)).toEqual({ v: SCHEMA_MINOR, id: 'twice', ok: true, phase: 'done' });
    expect(results('twice').every((result) => field(result, 'ok') === true)).toBe(true);
    expect(results('late')).toMatchObject([{ ok: false, code: 'stale-session' }]);
    expect(births() - before).toBe(1);
  }, 60_000);

  it('is not for everybody to ask', async () => {
    publish('cam2', 'vedette/1/to/cam1/cmd/ping/cam2', { v: SCHEMA_MINOR, id: 'peer-ping', sid, args: {} });
    await listener.waitFor('a peer may ping', () => results('peer-ping').length === 1);
    publish('cam2', 'vedette/1/to/cam1/cmd/pause/cam2', {
      v: SCHEMA_MINOR,
      id: 'peer-pause',
      sid,
      args: { camera: 'front' },
    });
    publish(
      'operator',
      'vedette/1/to/cam1/cmd/pause/operator',
      { v: SCHEMA_MINOR, id: 'kept', sid, args: { camera: 'front' } },
      '-r',
    );
    await ask('ping');
    expect([...results('peer-pause'), ...results('kept')]).toEqual([]);
    expect(field(lastState(), 'ok')).toBe(true);
  }, 60_000);
});
