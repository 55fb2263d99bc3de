import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { describeWithProgram } from '../fixtures.js';
import { DemoRun, field, Program, runVedette } from './demo-run.js';
import { Listener } from './listener.js';

const NODES = ['cam1', 'cam2', 'cam3'];

function publish(port: number, topic: string, message: string, ...more: string[]): Promise<number | null> {
  return new Program('mosquitto_pub', [
    '-h',
    '127.0.0.1',
    '-p',
    `${port}`,
    '-q',
    '1',
    '-t',
    topic,
    '-m',
    message,
    ...more,
  ]).exit;
}

describeWithProgram('mosquitto_sub', 'vedette demo, watched by a real mosquitto_sub', () => {
  let demo: DemoRun;
  let listener: Listener;
  let port: number;

  beforeAll(async () => {
    demo = new DemoRun('--nodes', '3', '--duration', '400');
    port = await demo.port();
    listener = new Listener(['-h', '127.0.0.1', '-p', `${port}`]);
    await demo.status('all nodes are online', (status) =>
      NODES.every((_, i) => field(status, 'nodes', i, 'state') === 'online'),
    );
  }, 120_000);

  afterAll(async () => {
    listener?.program.child.kill('SIGTERM');
    await demo?.remove();
  });

  it('makes its state for its owner only, with a password for every identity', () => {
    expect(statSync(demo.stateDir).mode & 0o777).toBe(0o700);
    const folder = join(demo.stateDir, 'credentials');
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(readdirSync(folder).sort()).toEqual(
      [...NODES, 'monitor', 'operator', 'porch', 'sensors'].map((name) => `${name}.password`).concat('users'),
    );
    for (const name of readdirSync(folder)) expect(statSync(join(folder, name)).mode & 0o777, name).toBe(0o600);
    const passwords = [...NODES, 'sensors'].map((name) => readFileSync(join(folder, `${name}.password`), 'utf8'));
    expect(new Set(passwords).size).toBe(4);
    expect(readFileSync(join(folder, 'users'), 'utf8')).not.toContain(passwords[0]?.trim());
  });

  it('shows birth and description of every node', async () => {
    for (const node of [...NODES, 'sensors']) {
      await listener.waitFor(
        `birth of ${node}`,
        () => field(listener.payloads('status', { node }).at(-1), 'state') === 'online',
      );
      await listener.waitFor(`info of ${node}`, () => listener.heard('info', { node }).length > 0);
    }
    expect(Object.keys(field(listener.payloads('info', { node: 'cam1' }).at(-1), 'cameras') ?? {})).toEqual(['front']);
    expect(Object.keys(field(listener.payloads('info', { node: 'sensors' }).at(-1), 'sensors') ?? {}).sort()).toEqual([
      'air-quality',
      'humidity',
      'light',
      'temperature',
    ]);
  });

  it('sees what the simulated cameras show: track events on live, without gaps, and counts', async () => {
    for (const node of NODES) {
      await listener.waitFor(`track events of ${node}`, () => listener.records(node).some(({ k }) => k === 'track'));
      const numbers = listener.records(node).map(({ s }) => Number(s));
      expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
    }
    await listener.waitFor('an object in view', () =>
      listener.heard('count').some(({ payload }) => Number(`${payload}`) > 0),
    );
    expect(listener.heard('live').every(({ retained }) => !retained)).toBe(true);
  });

  it('reads four sensors', async () => {
    await listener.waitFor(
      'four readings',
      () => new Set(listener.heard('sensor', { node: 'sensors' }).map(({ topic }) => topic)).size === 4,
    );
    for (const reading of listener.payloads('sensor', { node: 'sensors' })) {
      expect(field(reading, 'ok') === (field(reading, 'value') !== null)).toBe(true);
    }
  });

  it('is watched by a monitor that believes everybody to be up', async () => {
    await listener.waitFor(
      'birth of the monitor',
      () => field(listener.payloads('monitorStatus').at(-1), 'state') === 'online',
    );
    await listener.waitFor('a roster of four', () => {
      const nodes = field(listener.payloads('roster').at(-1), 'nodes');
      return [...NODES, 'sensors'].every((node) => field(nodes, node) === 'up');
    });
    expect(
      listener.heard('incident').filter(({ payload }) => field(parseJson(`${payload}`), 'closedAtMs') === undefined),
    ).toEqual([]);
  });

  it('lets nobody write without credentials, and a node nothing but its own', async () => {
    const secret = (name: string) =>
      readFileSync(join(demo.stateDir, 'credentials', `${name}.password`), 'utf8').trim();
    const cam2Count = 'vedette/1/node/cam2/camera/yard/count/person';
    const password = secret('operator');
    // MQTT 3.1.1 has no word for a refused publish: what counts is that nobody gets it, and that the broker tells.
    await publish(port, cam2Count, '99', '-r');
    await publish(port, cam2Count, '98', '-r', '-u', 'operator', '-P', password);
    await publish(port, cam2Count, '96', '-r', '-u', 'cam1', '-P', secret('cam1'), '-i', 'cam1-bulk');
    const wrong = await publish(port, cam2Count, '97', '-r', '-u', 'cam2', '-P', 'guessed-password', '-i', 'cam2-bulk');
    expect(wrong).not.toBe(0);
    await listener.waitFor(
      'three writes told as refused',
      () =>
        listener.payloads('brokerQuarantine').filter((one) => /may not write/.test(String(field(one, 'reason'))))
          .length >= 3,
      20_000,
    );
    // What the operator may write arrives, so the path is open and the others did not just come late.
    const untilMs = Date.now() + 60_000;
    const maintenance = JSON.stringify({ v: 1, by: 'test', reason: 'to see it arrive', untilMs });
    await publish(port, 'vedette/1/maintenance/cam2', maintenance, '-r', '-u', 'operator', '-P', password);
    await listener.waitFor('maintenance', () => listener.heard('maintenance').length > 0, 20_000);
    expect(
      listener
        .heard('count', { node: 'cam2' })
        .filter(({ payload }) => ['96', '97', '98', '99'].includes(`${payload}`)),
    ).toEqual([]);
  });

  it('prints one object a second, with frames, latency and readings', async () => {
    const status = await demo.status(
      'events and readings',
      (one) => field(one, 'latencyMs') !== null && lengthOf(field(one, 'sensors')) === 4,
    );
    expect(Number(field(status, 'latencyMs', 'p50'))).toBeLessThan(10_000);
    await demo.status('frames of all cameras', (one) =>
      NODES.every((_, i) => Number(field(one, 'nodes', i, 'fps')) > 0),
    );
    const seconds = demo.statuses().map((one) => Number(field(one, 'elapsedS')));
    expect(seconds).toEqual([...seconds].sort((a, b) => a - b));
  });

  it('has results of its nodes checked by two others each', async () => {
    // A camera that starts, a head after ten seconds, and two looks.
    await demo.status('a verdict', (one) => Number(field(one, 'audits', 'verdicts', 'valid')) > 0, 150_000);
    const ask = ['--kind', 'audit', '--broker', `mqtt://127.0.0.1:${port}`, '--state', demo.stateDir];
    const query = runVedette('query', ...ask, '--json', '--timeout', '10');
    await query.exit;
    const row = field(parseJson(query.lines.at(-1) ?? '{}'), 'rows', 0);
    expect(NODES).toContain(field(row, 'of', 'n'));
    expect(NODES.filter((node) => node !== field(row, 'of', 'n'))).toEqual(field(row, 'by'));
    expect(field(demo.statuses().at(-1), 'audits', 'doubted')).toEqual([]);
  }, 200_000);

  it('stops on Ctrl-C: everybody says that he stops, exit 0, no process stays', async () => {
    expect(demo.processes().length).toBeGreaterThanOrEqual(6);
    expect(await demo.program.end('SIGINT')).toBe(0);
    const summary = demo.statuses().at(-1);
    expect(field(summary, 'summary')).toBe(true);
    expect(field(summary, 'endedBy')).toBe('signal');
    // The fleet as it was, not what stopping left of it.
    expect(field(summary, 'broker', 'connected')).toBe(true);
    expect(field(summary, 'nodes', 0, 'state')).toBe('online');
    expect(field(summary, 'finalStates')).toEqual({
      cam1: 'stopped',
      cam2: 'stopped',
      cam3: 'stopped',
      sensors: 'stopped',
    });
    for (const node of NODES) {
      const last = listener.payloads('status', { node }).at(-1);
      expect(field(last, 'state'), node).toBe('stopped');
    }
    expect(demo.processes()).toEqual([]);
  }, 60_000);
});

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

describe('vedette demo says in one line, with a hint, why it cannot start', () => {
  let folder: string;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vedette-demo-'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function refused(...args: string[]): Promise<{ code: number | null; lines: string[] }> {
    const program = runVedette('demo', '--duration', '1', ...args);
    const code = await program.exit;
    expect(program.lines).toEqual([]);
    return { code, lines: program.errors };
  }

  it('a busy port: 69', async () => {
    const server = createServer();
    const port = await new Promise<number>((done) => {
      server.listen({ host: '127.0.0.1', port: 0 }, () => {
        const address = server.address();
        done(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const { code, lines } = await refused('--port', `${port}`, '--state', join(folder, 'a'));
    server.close();
    expect(code).toBe(69);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(`127.0.0.1:${port}`);
    expect(lines[1]).toMatch(/hint: .*--port/);
  });

  it('a state folder that cannot be made: 73', async () => {
    writeFileSync(join(folder, 'file'), '');
    const { code, lines } = await refused('--port', '0', '--state', join(folder, 'file', 'state'));
    expect(code).toBe(73);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain(join(folder, 'file', 'state'));
    expect(lines[1]).toMatch(/hint: .*--state/);
  });

  it('a model that is not there: 78', async () => {
    const { code, lines } = await refused(
      '--port',
      '0',
      '--state',
      join(folder, 'b'),
      '--model',
      join(folder, 'no.onnx'),
    );
    expect(code).toBe(78);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('no.onnx');
    expect(lines[1]).toMatch(/hint: .*vedette model/);
  });

  it('a model file that is empty: 78', async () => {
    const model = join(folder, 'empty.onnx');
    writeFileSync(model, '');
    const { code, lines } = await refused('--port', '0', '--state', join(folder, 'f'), '--model', model);
    expect(code).toBe(78);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('empty.onnx: not an ONNX model');
    expect(lines[1]).toMatch(/hint: .*vedette model/);
  });

  it('a camera file that is not there: 78', async () => {
    const { code, lines } = await refused(
      '--port',
      '0',
      '--state',
      join(folder, 'c'),
      '--camera',
      `file:${join(folder, 'no.mjpeg')}`,
    );
    expect(code).toBe(78);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('no.mjpeg');
  });

  it('a camera that is none of the known kinds: 78', async () => {
    const { code, lines } = await refused('--port', '0', '--state', join(folder, 'd'), '--camera', 'telescope');
    expect(code).toBe(78);
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('telescope');
    expect(lines[1]).toContain('file:PATH');
  });

  it('a broker that is not there: 69', async () => {
    const state = join(folder, 'e');
    const credentials = join(folder, 'credentials');
    mkdirSync(credentials);
    for (const name of ['cam1', 'sensors', 'monitor'])
      writeFileSync(join(credentials, `${name}.password`), 'x', { mode: 0o600 });
    const broker = ['--broker', 'mqtt://127.0.0.1:1', '--credentials', credentials];
    const { code, lines } = await refused('--nodes', '1', '--state', state, ...broker);
    expect(code).toBe(69);
    expect(lines[0]).toMatch(/^vedette: reach broker mqtt:\/\/127\.0\.0\.1:1: (?!.*broker)/);
    expect(lines).toHaveLength(2);
  });
});

describe('vedette demo with a short duration', () => {
  it('ends well, with a summary, though its broker is not up yet', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vedette-demo-'));
    const program = runVedette('demo', '--json', '--nodes', '1', '--port', '0', '--duration', '1', '--state', folder);
    expect(await program.exit).toBe(0);
    expect(program.errors).toEqual([]);
    expect(field(parseJson(program.lines.at(-1) ?? ''), 'endedBy')).toBe('duration');
    rmSync(folder, { recursive: true, force: true });
  }, 60_000);
});
