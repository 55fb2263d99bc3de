import { createServer, type Server } from 'node:http';
import { connect, createServer as createTcpServer, type Socket, type Server as TcpServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../base/log.js';
import { IncidentStore } from '../../monitor/incident-store.js';
import { eventually } from '../eventually.js';
import { type Service, SupervisedSite } from './supervised-site.js';

let site: SupervisedSite;
let server: Server | undefined;
const doors: TcpServer[] = [];

afterEach(async () => {
  await site.close();
  server?.close();
  server = undefined;
  for (const door of doors.splice(0)) door.close();
});

const WAIT_MS = 60_000;

async function openSite(service: Service = 'seeing'): Promise<void> {
  site = new SupervisedSite();
  await site.open(service);
}

function stateOf(monitor: string): string | undefined {
  return site.rosters.get(monitor)?.nodes.cam1;
}

async function watched(monitor: string): Promise<void> {
  await eventually(
    () => stateOf(monitor) === 'up' && site.rosters.get(monitor)?.mode === 'watching',
    `${monitor} watches`,
    WAIT_MS,
  );
}

function isOver(): boolean {
  return site.lastIncident()?.closedAtMs !== undefined;
}

/** The will is there and the grace is over, with room for a loaded machine. */
async function timeToAct(): Promise<void> {
  await eventually(
    () => [...site.rosters.values()].every(({ nodes }) => nodes.cam1 !== 'up' && nodes.cam1 !== 'suspect'),
    'the death is confirmed',
    WAIT_MS,
  );
  await site.clock.sleep(2_000);
}

describe('a monitor with a board', { timeout: 180_000 }, () => {
  it('brings a killed node back, counts that it helped, and keeps what it tells', async () => {
    await openSite();
    site.startMonitor('m1');
    await watched('m1');
    site.kill();
    await eventually(() => site.ordersOf('restart').length > 0 && isOver(), 'the incident is over', WAIT_MS);
    const last = site.lastIncident();
    expect(last?.evidence.at(-1)?.what).toMatch(/^verified: invocation [0-9a-f]{8}, \d+ heartbeats with fresh frames$/);
    expect(site.ordersOf('restart')).toEqual([expect.stringMatching(/ -> restarted$/)]);
    await eventually(() => site.rosters.get('m1')?.counters.restartsHelped === 1, 'it is counted', WAIT_MS);
    expect(site.rosters.get('m1')?.counters).toMatchObject({ restarts: 1, restartsUseless: 0 });
    await site.stopMonitor('m1');
    const store = await IncidentStore.open(join(site.dir, 'monitor', 'm1'), site.clock, silentLog);
    expect(await store.all()).toEqual([last]);
    await store.close();
  });

  it('is content with a node whose only camera is unplugged, and names it', async () => {
    await openSite('unplugged');
    site.startMonitor('m1');
    await watched('m1');
    site.kill();
    await eventually(() => site.ordersOf('restart').length > 0 && isOver(), 'the incident is over', WAIT_MS);
    expect(site.lastIncident()?.evidence.at(-1)?.what).toContain('left out: camera front is unplugged');
    expect(site.ordersOf('restart')).toHaveLength(1);
  });

  it('is not content with a node that beats and shows no frame, and does not restart it again', async () => {
    await openSite('blind');
    site.startMonitor('m1', { plan: { verifyMs: 5_000 } });
    await watched('m1');
    site.kill();
    await eventually(() => site.rosters.get('m1')?.counters.restartsUseless === 1, 'it did not help', WAIT_MS);
    await eventually(() => site.notices.length > 0, 'a person is told', WAIT_MS);
    await site.clock.sleep(3_000);
    expect(site.ordersOf('restart')).toHaveLength(1);
    expect(site.lastIncident()?.closedAtMs).toBeUndefined();
    expect(JSON.stringify(site.lastIncident()?.evidence)).toContain('does not see: camera front has shown no frame');
  });

  it('gives up on what no restart helps, and tells a person over MQTT and the web hook, once', async () => {
    const bodies: string[] = [];
    server = createServer((request, response) => {
      request.on('data', (part) => bodies.push(String(part)));
      request.on('end', () => response.writeHead(200).end());
    });
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const bound = server.address();
    const port = bound !== null && typeof bound === 'object' ? bound.port : 0;
    await openSite('broken');
    site.startMonitor('m1', { plan: { verifyMs: 1_000 }, webhook: { url: `http://127.0.0.1:${port}/` } });
    await eventually(() => stateOf('m1') === 'quarantined', 'it is given up', WAIT_MS);
    const givenUp = () => site.notices.filter(({ rule }) => rule === 'L4');
    const posted = () => bodies.map((body) => JSON.parse(body)).filter(({ rule }) => rule === 'L4');
    await eventually(() => posted().length > 0 && givenUp().length > 0, 'a person is told', WAIT_MS);
    await site.clock.sleep(1_500);
    expect(site.ordersOf('restart').length).toBe(2);
    const [notice] = givenUp();
    expect(notice).toMatchObject({ node: 'cam1', rule: 'L4' });
    expect(notice?.what).toMatch(/^given up, a person is needed: two restarts in a row did not help/);
    // QoS 1: a repeat is not a second word.
    expect(new Set(givenUp().map((one) => JSON.stringify(one))).size).toBe(1);
    expect(posted()).toEqual([{ ...notice, monitor: 'm1' }]);
    expect(site.rosters.get('m1')?.counters).toMatchObject({ restartsUseless: 2, restartsHelped: 0, quarantines: 1 });
  });

  it('says in a dry run what it would do, and does nothing', async () => {
    await openSite();
    site.startMonitor('m1', { mode: 'dry-run' });
    await watched('m1');
    site.kill();
    await eventually(() => site.notices.length > 0, 'it says so', WAIT_MS);
    await site.clock.sleep(2_000);
    expect(site.notices[0]).toMatchObject({
      rule: 'L0',
      what: 'dry run: would restart vedette-edge@cam1.service (L1)',
    });
    expect(site.ordersOf('probe').length).toBeGreaterThan(0);
    expect(site.ordersOf('restart')).toEqual([]);
    expect(site.unit.state.active).toBe('failed');
    expect(site.rosters.get('m1')?.counters).toMatchObject({ restarts: 0, wouldAct: 1 });
  });

  it('asks no board when it only observes', async () => {
    await openSite();
    site.startMonitor('m1', { mode: 'observe' });
    await watched('m1');
    site.kill();
    await eventually(() => site.notices.length > 0, 'it says so', WAIT_MS);
    await site.clock.sleep(2_000);
    expect(site.notices[0]?.what).toBe('silent: would ask the board, but only observes');
    expect(site.orders).toEqual([]);
  });
});

describe('boards that are not as they should be', { timeout: 180_000 }, () => {
  it('are told in one clear line each, once, and the others are supervised on', async () => {
    const listen = (onSocket: (socket: Socket) => void) =>
      new Promise<number>((resolve) => {
        const door = createTcpServer((socket) => {
          socket.on('error', () => {});
          onSocket(socket);
        });
        doors.push(door);
        door.listen(0, '127.0.0.1', () => {
          const bound = door.address();
          resolve(bound !== null && typeof bound === 'object' ? bound.port : 0);
        });
      });
    await openSite();
    const { hostKey } = site.door;
    const silent = await listen((socket) => socket.resume());
    const web = await listen((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    // The good board by another way, under a key that is not its own.
    const stolen = await listen((socket) => {
      const behind = connect(site.door.port, '127.0.0.1');
      behind.on('error', () => {});
      socket.pipe(behind).pipe(socket);
    });
    const at = (port: number, key = hostKey) => ({ host: '127.0.0.1', port, hostKey: key });
    site.startMonitor('m1', {
      nodes: { mute: { board: 'mute' }, web: { board: 'web' }, stolen: { board: 'stolen' } },
      boards: { mute: at(silent), web: at(web), stolen: at(stolen, `SHA256:${'A'.repeat(43)}`) },
      plan: { concurrentMax: 4 },
    });
    await watched('m1');
    const said = (node: string) => site.notices.filter((notice) => notice.node === node).map(({ what }) => what);
    await eventually(() => ['mute', 'web', 'stolen'].every((node) => said(node).length > 0), 'each is told', WAIT_MS);
    expect(said('mute')[0]).toMatch(/^unreachable: board mute .*: TCP is accepted, but there was no SSH log-in within/);
    expect(said('web')[0]).toMatch(/^(unmanageable|unreachable): board web .*(no SSH server|closed)/);
    expect(said('stolen')[0]).toMatch(
      /^security: board stolen .*HOST KEY CHANGED: the inventory has .*; not connected/,
    );
    site.kill();
    await eventually(
      () => site.ordersOf('restart').length > 0 && site.unit.state.active === 'active',
      'it is back',
      WAIT_MS,
    );
    await eventually(() => stateOf('m1') === 'up', 'it is verified', WAIT_MS);
    expect(site.ordersOf('restart')).toHaveLength(1);
    // What was told is not told again.
    for (const node of ['mute', 'web', 'stolen']) expect(new Set(said(node)).size).toBeLessThanOrEqual(1);
  });
});

describe('maintenance', { timeout: 180_000 }, () => {
  const hold = (forMs: number) => ({ by: 'anna', reason: 'new lens', untilMs: Date.now() + forMs });

  it('holds two monitors and the board, also over a restart of a monitor, until it is ended', async () => {
    await openSite();
    site.startMonitor('m1');
    site.startMonitor('m2');
    await watched('m1');
    await watched('m2');
    await site.hold(hold(600_000));
    await eventually(() => site.ordersOf('maintenance').length === 2, 'both tell the board', WAIT_MS);
    site.kill();
    await timeToAct();
    expect(site.ordersOf('restart')).toEqual([]);
    await site.stopMonitor('m1');
    site.startMonitor('m1');
    await eventually(() => stateOf('m1') === 'confirmed', 'its next life sees the death', WAIT_MS);
    await site.clock.sleep(2_000);
    expect(site.ordersOf('restart')).toEqual([]);
    await site.hold(undefined);
    // They look again when a held case is due; ending it makes it due.
    await eventually(() => site.unit.state.active === 'active', 'it is restarted', WAIT_MS);
    expect(site.ordersOf('restart').filter((order) => order.endsWith('-> restarted'))).toHaveLength(1);
  });

  it('runs out by itself, tells that it did, and supervises again', async () => {
    await openSite();
    site.startMonitor('m1');
    await watched('m1');
    await site.hold(hold(15_000));
    await eventually(() => site.ordersOf('maintenance').length === 1, 'the board is told', WAIT_MS);
    site.kill();
    await timeToAct();
    expect(site.ordersOf('restart')).toEqual([]);
    await eventually(() => site.unit.state.active === 'active', 'it is restarted after all', WAIT_MS);
    expect(site.notices.map(({ what }) => what)).toContain(
      'maintenance by anna (new lens) has run out; supervised again',
    );
  });

  it('that ran out on a node that is well is told and no incident; the next fault has its own', async () => {
    await openSite();
    site.startMonitor('m1');
    await watched('m1');
    await site.hold(hold(2_000));
    await eventually(() => site.notices.length > 0, 'it is told', WAIT_MS);
    expect(site.notices[0]?.what).toBe('maintenance by anna (new lens) has run out; supervised again');
    expect(site.incidents).toEqual([]);
    site.kill();
    await eventually(() => site.incidents.length > 0, 'the fault is seen', WAIT_MS);
    expect(site.incidents[0]?.cause).toBe('will');
  });

  it('that ran out while no monitor looked takes no flag off the board', async () => {
    await openSite();
    await site.hold(hold(-1_000));
    site.startMonitor('m1');
    await watched('m1');
    await site.clock.sleep(1_000);
    expect(site.ordersOf('maintenance')).toEqual([]);
  });
});
