import { execFile } from 'node:child_process';
import { expect, it } from 'vitest';
import { describeWithProgram } from '../fixtures.js';
import {
  atEnd,
  connectAs,
  passwordOf,
  sensorPayload,
  startBroker,
  statusPayload,
  temporaryFolder,
  until,
  writeTestUsers,
} from './broker-fixture.js';
import { killBroker, spawnBroker } from './broker-process.js';

const R = 'vedette/1';

const batch = (seq: number) => JSON.stringify({ v: 1, e: 'abcdefghijkl', r: [{ s: seq, t: 1, k: 'note' }] });

type Outcome = { readonly code: number; readonly out: string; readonly err: string };

function runProgram(program: string, args: readonly string[]): Promise<Outcome> {
  return new Promise((done) => {
    execFile(program, args, { timeout: 8000 }, (error, out, err) => {
      done({ code: typeof error?.code === 'number' ? error.code : error === null ? 0 : -1, out, err });
    });
  });
}

describeWithProgram('mosquitto_sub', 'mosquitto_sub and mosquitto_pub at our broker', () => {
  const at = (port: number) => ['-h', '127.0.0.1', '-p', String(port)];
  const as = (user: string) => ['-u', user, '-P', passwordOf(user)];

  it('print everything with the line of the manual, without a password where reading is free', async () => {
    const { port, url } = await startBroker({ anonymousRead: true });
    const node = await connectAs(url, 'cam1');
    await node.publishAsync(`${R}/node/cam1/status`, statusPayload(), { qos: 1, retain: true });
    const { code, out } = await runProgram('mosquitto_sub', [...at(port), '-v', '-t', 'vedette/#', '-W', '1']);
    // 27: ended by -W, as asked.
    expect(code).toBe(27);
    const topics = out
      .trim()
      .split('\n')
      .map((line) => line.split(' ')[0]);
    expect(topics.sort()).toEqual([`${R}/broker/main/epoch`, `${R}/broker/main/stats`, `${R}/node/cam1/status`]);
    expect(out).toContain(`${R}/node/cam1/status ${statusPayload()}`);
  });

  it('are told no: without a password, with a wrong one, and for what is not theirs', async () => {
    const { port } = await startBroker();
    const everything = ['-t', 'vedette/#', '-C', '1'];
    const nobody = await runProgram('mosquitto_sub', [...at(port), ...everything]);
    expect([nobody.code, nobody.err]).toEqual([5, expect.stringMatching(/not authorised/)]);
    const wrong = await runProgram('mosquitto_sub', [...at(port), '-u', 'alice', '-P', 'wrong', ...everything]);
    expect([wrong.code, wrong.err]).toEqual([4, expect.stringMatching(/bad user name or password/)]);
    const denied = await runProgram('mosquitto_sub', [...at(port), ...as('cam1'), '-i', 'cam1', ...everything]);
    expect(denied.err + denied.out).toMatch(/denied/);
  });

  it('publish as a node, and a forbidden message ends quietly with its PUBACK', async () => {
    const { port, broker } = await startBroker();
    const publish = (topic: string, text: string) =>
      runProgram('mosquitto_pub', [...at(port), ...as('cam1'), '-i', 'cam1', '-q', '1', '-r', '-t', topic, '-m', text]);
    expect((await publish(`${R}/node/cam1/sensor/heat`, sensorPayload(3))).code).toBe(0);
    expect((await publish(`${R}/node/cam2/sensor/heat`, sensorPayload(3))).code).toBe(0);
    const read = await runProgram('mosquitto_sub', [
      ...at(port),
      ...as('alice'),
      '-t',
      `${R}/node/+/sensor/#`,
      '-v',
      '-W',
      '1',
    ]);
    expect(read.out).toBe(`${R}/node/cam1/sensor/heat ${sensorPayload(3)}\n`);
    expect(broker.counters().violations).toBe(1);
  });

  it('keep a session over a disconnect', async () => {
    const { port, url } = await startBroker();
    const subscription = [...at(port), ...as('alice'), '-i', 'alice.log', '-c', '-q', '1', '-t', `${R}/node/cam1/live`];
    await runProgram('mosquitto_sub', [...subscription, '-E']);
    const node = await connectAs(url, 'cam1');
    for (let i = 0; i < 5; i++) await node.publishAsync(`${R}/node/cam1/live`, batch(i + 1), { qos: 1 });
    const { out } = await runProgram('mosquitto_sub', [...subscription, '-C', '5']);
    expect(out.trim().split('\n').slice(0, 5)).toEqual([1, 2, 3, 4, 5].map(batch));
  });
});

describeWithProgram('prlimit', 'a disk that is full for real', () => {
  it('keeps back the PUBACK of what it cannot hold, lets the rest run, and takes all of it up later', {
    timeout: 60_000,
  }, async () => {
    const stateDir = await temporaryFolder();
    await writeTestUsers(stateDir);
    // A limit on the size of files refuses a write as a full disk does, and can be lifted while the process runs.
    const { child, url } = await spawnBroker(stateDir, { fsync: 'off' }, 64 * 1024);
    const node = await connectAs(url, 'cam1');
    const reader = await connectAs(url, 'alice');
    await reader.subscribeAsync(`${R}/node/cam1/live`, { qos: 1 });
    let live = 0;
    reader.on('message', () => live++);
    const put = (i: number) =>
      node.publishAsync(`${R}/node/cam1/sensor/s${i}`, sensorPayload(i), { qos: 1, retain: true });
    await Promise.all(Array.from({ length: 100 }, (_, i) => put(i)));
    let acked = 0;
    const publishing = Promise.all(Array.from({ length: 1400 }, (_, i) => put(100 + i).then(() => acked++)));
    publishing.catch(() => {});
    // Long enough for several attempts at a disk that does not give way.
    await new Promise((done) => setTimeout(done, 2500));
    expect(acked).toBeLessThan(1400);
    // On the very connection whose other messages wait: its heartbeats and pings must be heard.
    node.publish(`${R}/node/cam1/live`, batch(1), { qos: 1 });
    await until(() => live === 1, 'a message that needs no disk');
    expect((await runProgram('prlimit', ['--pid', String(child.pid), '--fsize=unlimited'])).code).toBe(0);
    await publishing;
    await killBroker(child);
    const next = await spawnBroker(stateDir, { fsync: 'off' });
    const again = await connectAs(next.url, 'alice');
    const found = new Set<string>();
    again.on('message', (topic) => found.add(topic));
    await again.subscribeAsync(`${R}/node/cam1/sensor/+`, { qos: 1 });
    await until(() => found.size === 1500, 'all that was acknowledged');
    atEnd(() => killBroker(next.child));
  });
});
