import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeWithProgram } from '../fixtures.js';
import { freePort } from '../free-port.js';
import { DemoRun, field, Program, runVedette } from './demo-run.js';
import { Listener } from './listener.js';

const DEPLOY = resolve('deploy/mosquitto');
const USERS = { cam1: 'node', sensors: 'node', monitor: 'monitor', operator: 'operator' };

/** True once something listens on a port. */
function accepts(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connectTcp(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => setTimeout(() => done(false), 50));
  });
}

describeWithProgram('mosquitto', 'vedette demo on a real Mosquitto with the shipped configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vedette-mosquitto-'));
  const credentials = join(folder, 'credentials');
  let port = 0;
  let mosquitto: Program;
  let demo: DemoRun;
  let listener: Listener;

  function startMosquitto(): Program {
    return new Program('/usr/sbin/mosquitto', ['-c', join(folder, 'mosquitto.conf')]);
  }

  beforeAll(async () => {
    mkdirSync(credentials, { mode: 0o700 });
    for (const [name, role] of Object.entries(USERS)) {
      const password = randomBytes(15).toString('base64url');
      writeFileSync(join(credentials, `${name}.password`), `${password}\n`, { mode: 0o600 });
      execFileSync(join(DEPLOY, 'add-user'), [role, name, join(folder, 'passwords'), join(folder, 'acl')], {
        input: `${password}\n`,
      });
    }
    // Mosquitto gives up root for a user of its own, who must reach these files.
    chmodSync(folder, 0o777);
    for (const name of ['passwords', 'acl']) chmodSync(join(folder, name), 0o644);
    port = await freePort();
    const shipped = readFileSync(join(DEPLOY, 'mosquitto.conf'), 'utf8');
    const moved = shipped
      .replace('/etc/mosquitto/vedette.passwords', join(folder, 'passwords'))
      .replace('/etc/mosquitto/vedette.acl', join(folder, 'acl'))
      .replace('/var/lib/mosquitto/', `${folder}/`)
      .replace('listener 1883', `listener ${port} 127.0.0.1`);
    writeFileSync(join(folder, 'mosquitto.conf'), moved);
    mosquitto = startMosquitto();
    while (!(await accepts(port))) {
      if (mosquitto.isOver) throw new Error(mosquitto.errors.join('\n'));
    }
    const password = readFileSync(join(credentials, 'operator.password'), 'utf8').trim();
    listener = new Listener(['-h', '127.0.0.1', '-p', `${port}`, '-u', 'operator', '-P', password]);
    demo = new DemoRun(
      '--nodes',
      '1',
      '--broker',
      `mqtt://127.0.0.1:${port}`,
      '--credentials',
      credentials,
      '--duration',
      '240',
    );
  }, 60_000);

  afterAll(async () => {
    await demo?.remove();
    listener?.program.child.kill();
    mosquitto?.child.kill();
    await mosquitto?.exit;
    rmSync(folder, { recursive: true, force: true });
  });

  it('brings births, records, counts, readings and the roster through it', async () => {
    await demo.status(
      'everything arrives',
      (one) =>
        field(one, 'nodes', 0, 'state') === 'online' &&
        field(one, 'nodes', 0, 'monitor') === 'up' &&
        field(one, 'sensorBoard', 'monitor') === 'up' &&
        Number(field(one, 'records')) > 3,
    );
    await listener.waitFor('counts', () => listener.heard('count', { node: 'cam1' }).length > 0);
    await listener.waitFor('readings', () => listener.heard('sensor', { node: 'sensors' }).length >= 4);
    const numbers = listener.records('cam1').map(({ s }) => Number(s));
    expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
    expect(demo.processes('broker')).toEqual([]);
  }, 120_000);

  it('announces everybody again after the broker was killed with all it had retained', async () => {
    const before = Number(field(demo.statuses().at(-1), 'records'));
    mosquitto.child.kill('SIGKILL');
    await mosquitto.exit;
    rmSync(join(folder, 'mosquitto.db'), { force: true });
    mosquitto = startMosquitto();
    await demo.status(
      'records flow again',
      (one) => Number(field(one, 'records')) > before + 3 && field(one, 'nodes', 0, 'restarts') === 0,
    );
    const password = readFileSync(join(credentials, 'operator.password'), 'utf8').trim();
    const newcomer = new Listener(['-h', '127.0.0.1', '-p', `${port}`, '-u', 'operator', '-P', password]);
    try {
      for (const node of ['cam1', 'sensors']) {
        await newcomer.waitFor(`birth and description of ${node}`, () => {
          const isOnline = field(newcomer.last('status', { node }), 'state') === 'online';
          return isOnline && newcomer.heard('info', { node }).length > 0;
        });
      }
    } finally {
      newcomer.program.child.kill();
    }
  }, 120_000);

  it('stops cleanly and leaves the broker alone', async () => {
    expect(await demo.program.end('SIGTERM')).toBe(0);
    expect(field(demo.statuses().at(-1), 'finalStates')).toEqual({ cam1: 'stopped', sensors: 'stopped' });
    expect(mosquitto.isOver).toBe(false);
  }, 30_000);

  it('names the password that is missing for a broker that is not its own', async () => {
    const program = runVedette(
      'demo',
      '--duration',
      '1',
      '--broker',
      `mqtt://127.0.0.1:${port}`,
      '--state',
      join(folder, 'empty'),
    );
    expect(await program.exit).toBe(78);
    expect(program.errors[0]).toContain('cam1.password');
    expect(program.errors[1]).toMatch(/hint: .*--credentials/);
  });
});
