import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { checkAcl } from '../../broker/acl-command.js';
import { describeWithProgram } from '../fixtures.js';
import { freePort } from '../free-port.js';
import { atEnd, connectAs, passwordOf, temporaryFolder, USERS, until } from './broker-fixture.js';

const R = 'vedette/1';
const DEPLOY = resolve('deploy/mosquitto');

/** Every kind of topic, from the side of its owner, of another and of nobody. */
const TOPICS = [
  ...['cam1', 'cam2', 'alice'].flatMap((node) => [
    `${R}/node/${node}/status`,
    `${R}/node/${node}/live`,
    `${R}/node/${node}/beat`,
    `${R}/node/${node}/health`,
    `${R}/node/${node}/segment/abcdefghijkl/00000001`,
    `${R}/node/${node}/camera/front/snapshot/person`,
    `${R}/node/${node}/sensor/heat`,
    `${R}/node/${node}/alert/too-hot`,
  ]),
  `${R}/broker/main/epoch`,
  `${R}/broker/main/stall`,
  `${R}/broker/main/stats`,
  `${R}/broker/main/quarantine`,
  `${R}/monitor/mon1/status`,
  `${R}/monitor/mon1/incident/cam1`,
  `${R}/maintenance/cam1`,
  `${R}/maintenance/cam2`,
  `${R}/source/pi/frame`,
  ...['cam1', 'mon1', 'ops', 'alice', 'ha'].flatMap((sender) => [
    `${R}/to/cam2/need/${sender}`,
    `${R}/to/cam2/fill/${sender}`,
    `${R}/to/cam1/result/${sender}`,
    `${R}/to/cam2/cmd/restart/${sender}`,
    `${R}/to/cam2/cmd/ping/${sender}`,
    `${R}/to/cam2/cmd/rebirth/${sender}`,
    `${R}/to/cam2/cmd/pause/${sender}`,
  ]),
  'homeassistant/status',
  'homeassistant/device/vedette/cam1/config',
  'homeassistant/device/vedette/cam2/config',
  'homeassistant/device/other/cam1/config',
  'homeassistant/switch/vedette/cam1/config',
  'vedette/2/node/cam1/status',
  'elsewhere/a',
];

/** May write and read everything: the other end of every question. In no shipped file. */
const WITNESS = 'witness';

function addUser(role: string, name: string, folder: string): Promise<void> {
  return new Promise((done, fail) => {
    const child = execFile(
      resolve(DEPLOY, 'add-user'),
      [role, name, `${folder}/passwords`, `${folder}/acl`],
      (error, _out, err) => (error === null ? done() : fail(new Error(err))),
    );
    // It refuses a bad name before it reads the password: then nobody takes it.
    child.stdin?.on('error', () => {});
    child.stdin?.end(`${passwordOf(name)}\n`);
  });
}

/** A real Mosquitto with the shipped configuration, moved to a free port and into a folder of its own. */
async function startMosquitto(): Promise<number> {
  const folder = await temporaryFolder();
  // Mosquitto gives up root for a user of its own, who must reach these files.
  await chmod(folder, 0o777);
  for (const [name, role] of Object.entries(USERS)) await addUser(role, name, folder);
  await addUser('reader', WITNESS, folder);
  const acl = (await readFile(`${folder}/acl`, 'utf8')).replace(
    new RegExp(`user ${WITNESS}\n[^]*`),
    `user ${WITNESS}\ntopic readwrite #\n`,
  );
  await writeFile(`${folder}/acl`, acl);
  await chmod(`${folder}/acl`, 0o644);
  await chmod(`${folder}/passwords`, 0o644);
  const port = await freePort();
  const shipped = await readFile(resolve(DEPLOY, 'mosquitto.conf'), 'utf8');
  const moved = shipped
    .replace('/etc/mosquitto/vedette.passwords', `${folder}/passwords`)
    .replace('/etc/mosquitto/vedette.acl', `${folder}/acl`)
    .replace('/var/lib/mosquitto/', `${folder}/`)
    .replace('listener 1883', `listener ${port} 127.0.0.1`);
  await writeFile(`${folder}/mosquitto.conf`, moved);
  const child = spawn('mosquitto', ['-c', `${folder}/mosquitto.conf`], { env: { PATH: '/usr/sbin:/usr/bin:/bin' } });
  atEnd(() => stop(child));
  let log = '';
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  while (!(await accepts(port))) expect(child.exitCode, log).toBeNull();
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => setTimeout(() => done(false), 20));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = new Promise((done) => child.once('exit', done));
  child.kill();
  await gone;
}

function clientArguments(port: number, user: string): string[] {
  return ['-h', '127.0.0.1', '-p', String(port), '-u', user, '-P', passwordOf(user), '-q', '1'];
}

/** Lines `topic payload` of a running `mosquitto_sub`, as they come; resolves when it has its SUBACK. */
async function subscribe(port: number, user: string, topics: readonly string[]): Promise<{ lines: string[] }> {
  // Into a pipe it would gather 4 KiB before it says anything.
  const child = spawn('stdbuf', [
    '-oL',
    'mosquitto_sub',
    ...clientArguments(port, user),
    '-d',
    '-F',
    'GOT %t %p',
    ...topics.flatMap((topic) => ['-t', topic]),
  ]);
  atEnd(() => stop(child));
  const lines: string[] = [];
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const complete = text.split('\n');
    text = complete.pop() ?? '';
    lines.push(...complete);
  });
  await until(() => lines.some((line) => line.startsWith('Subscribed')), `the SUBACK of ${user}`);
  return { lines };
}

function publish(port: number, user: string, topic: string): Promise<void> {
  return new Promise((done, fail) => {
    execFile('mosquitto_pub', [...clientArguments(port, user), '-t', topic, '-m', `by-${user}`], (error) =>
      error === null ? done() : fail(error),
    );
  });
}

function got(lines: readonly string[]): Set<string> {
  return new Set(lines.filter((line) => line.startsWith('GOT ')).map((line) => line.slice(4)));
}

describeWithProgram('mosquitto', 'the shipped Mosquitto configuration', () => {
  it('starts, and gives the same rights as our broker: who receives what', { timeout: 180_000 }, async () => {
    const port = await startMosquitto();
    const readers = await Promise.all(
      Object.keys(USERS).map(async (user) => ({ user, ...(await subscribe(port, user, TOPICS)) })),
    );
    const end = 'end/of/test';
    const witness = await subscribe(port, WITNESS, ['#']);
    for (const topic of [...TOPICS, end]) await publish(port, WITNESS, topic);
    await until(() => got(witness.lines).has(`${end} by-${WITNESS}`), 'the last message');
    const expected = (user: string) => {
      const identity = { name: user, role: USERS[user] ?? 'reader' };
      return TOPICS.filter((topic) => checkAcl('vedette', identity, 'sub', topic).allowed);
    };
    await until(() => readers.every(({ user, lines }) => got(lines).size >= expected(user).length), 'all deliveries');
    for (const { user, lines } of readers) {
      const received = TOPICS.filter((topic) => got(lines).has(`${topic} by-${WITNESS}`));
      expect(received, `what ${user} receives`).toEqual(expected(user));
    }
  });

  it('gives the same rights as our broker: who may publish what', { timeout: 240_000 }, async () => {
    const port = await startMosquitto();
    const witness = await subscribe(port, WITNESS, ['#']);
    for (const user of Object.keys(USERS)) {
      const identity = { name: user, role: USERS[user] ?? 'reader' };
      await Promise.all(TOPICS.map((topic) => publish(port, user, topic)));
      await publish(port, WITNESS, `end/${user}`);
      await until(() => got(witness.lines).has(`end/${user} by-${WITNESS}`), 'the last message');
      const passed = TOPICS.filter((topic) => got(witness.lines).has(`${topic} by-${user}`));
      const allowed = TOPICS.filter((topic) => checkAcl('vedette', identity, 'pub', topic).allowed);
      expect(passed, `what ${user} may publish`).toEqual(allowed);
    }
  });

  it('lets nobody in without the right password', async () => {
    const port = await startMosquitto();
    const url = `mqtt://127.0.0.1:${port}`;
    await expect(connectAs(url, undefined)).rejects.toThrow(/[Nn]ot authorized/);
    await expect(connectAs(url, 'cam1', { password: 'wrong' })).rejects.toThrow(/[Nn]ot authorized/);
    await connectAs(url, 'cam1');
  });

  it('has an add-user that refuses names that would be rules of their own', async () => {
    const folder = await temporaryFolder();
    for (const name of ['+', '#', 'a/b', 'a b', '', 'cam1-bulk', '-x']) {
      await expect(addUser('node', name, folder), name).rejects.toThrow();
    }
    await expect(addUser('root', 'cam1', folder)).rejects.toThrow(/usage/);
    await addUser('node', 'cam1', folder);
    await addUser('reader', 'cam1', folder);
    const acl = await readFile(`${folder}/acl`, 'utf8');
    expect(acl.match(/^user cam1$/gm)).toHaveLength(1);
    expect(acl).not.toMatch(/node\/cam1/);
    expect((await readFile(`${folder}/passwords`, 'utf8')).split('\n').filter(Boolean)).toHaveLength(1);
  });
});
