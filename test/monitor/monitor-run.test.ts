import { mkdtempSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { type DeepReadonly, parseConfig } from '../../base/config.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { type Broker, openBroker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { setUser } from '../../broker/password-command.js';
import { MonitorFile } from '../../monitor/config.js';
import { runMonitor } from '../../monitor/main.js';
import { encodePayload } from '../../protocol/codec.js';
import { buildTopic, routes } from '../../protocol/routes.js';
import type { Incident, Roster, Status } from '../../protocol/status.js';

const PASSWORD = 'only-for-this-test';
// A fleet that beats fifty times as fast as a real one, so that its deaths take a second.
const TIMING = { beatMs: 200, settleMs: 1_000, graceMs: 1_500, reconcileMs: 2_000 };

/** A node reduced to what a monitor hears of it. */
class BareNode {
  readonly #client: MqttClient;
  readonly #node: string;
  readonly #gen: number;
  readonly #beats: NodeJS.Timeout;
  #seq = 0;

  constructor(port: number, node: string, gen: number) {
    this.#node = node;
    this.#gen = gen;
    const topic = buildTopic('vedette', routes.status, { node });
    const status = (state: Status['state']) =>
      Buffer.from(
        encodePayload(routes.status, { v: 1, state, gen, sid: `s${gen}`, inv: `i${gen}`, boot: 'b', version: '0' }),
      );
    this.#client = connect(`mqtt://127.0.0.1:${port}`, {
      clientId: node,
      username: node,
      password: PASSWORD,
      protocolVersion: 4,
      reconnectPeriod: 0,
      will: { topic, payload: status('lost'), qos: 1, retain: true },
    });
    this.#client.on('error', () => {});
    this.#client.once('connect', () => this.#client.publish(topic, status('online'), { qos: 1, retain: true }));
    this.#beats = setInterval(() => this.#beat(), TIMING.beatMs);
  }

  /** The process dies: the kernel closes its socket without a word. */
  crash(): void {
    clearInterval(this.#beats);
    this.#client.stream.destroy();
  }

  #beat(): void {
    if (!this.#client.connected) return;
    const beat = { v: 1, gen: this.#gen, inv: `i${this.#gen}`, seq: ++this.#seq, upS: 1, loopLagMs: 0, cameras: {} };
    this.#client.publish(
      buildTopic('vedette', routes.beat, { node: this.#node }),
      Buffer.from(encodePayload(routes.beat, beat)),
    );
  }
}

describe('a monitor on a real broker', () => {
  const dir = mkdtempSync(join(tmpdir(), 'vedette-monitor-'));
  const clock = new SystemClock();
  const parts = { clock, log: silentLog, random: new Random('monitor-run') };
  const stop = new AbortController();
  let broker: Broker;
  let running: Promise<void>;
  let listener: Link;
  let file: DeepReadonly<MonitorFile>;
  let cam1: BareNode;
  const rosters: Roster[] = [];
  const incidents: Incident[] = [];
  const statuses: Status[] = [];

  /** How often an incident was told as closed. */
  function closings(node: string): number {
    return incidents.filter((incident) => incident.node === node && incident.closedAtMs !== undefined).length;
  }

  function lastIncident(node: string): Incident | undefined {
    return incidents.findLast((incident) => incident.node === node);
  }

  beforeAll(async () => {
    const passwordFile = join(dir, 'users');
    for (const name of ['cam1', 'cam2']) await setUser({ path: passwordFile, name, role: 'node', password: PASSWORD });
    await setUser({ path: passwordFile, name: 'monitor', role: 'monitor', password: PASSWORD });
    await writeFile(join(dir, 'monitor.password'), PASSWORD, { mode: 0o600 });
    const config = BrokerConfig.parse({
      tcp: { host: '127.0.0.1', port: 0 },
      anonymousRead: true,
      passwordFile,
      stateDir: join(dir, 'broker'),
    });
    broker = await openBroker(config, parts);
    const port = broker.ports.tcp ?? 0;
    listener = new Link({ ...parts, url: `mqtt://127.0.0.1:${port}`, clientId: 'watcher', root: 'vedette' });
    listener.subscribe(routes.roster, {}, ({ payload }) => rosters.push(payload));
    listener.subscribe(routes.incident, {}, ({ payload }) => incidents.push(payload));
    listener.subscribe(routes.monitorStatus, {}, ({ payload }) => statuses.push(payload));
    listener.open();
    const text = JSON.stringify({
      site: { brokers: [`mqtt://127.0.0.1:${port}`] },
      monitor: { passwordFile: join(dir, 'monitor.password'), nodes: { cam1: {}, cam2: {} }, timing: TIMING },
    });
    file = parseConfig(text, { path: 'test.yaml', schema: MonitorFile, env: {} });
    running = runMonitor(file, { ...parts, signal: stop.signal, stateDir: dir, version: '0.0.0' });
    await vi.waitFor(() => expect(statuses.at(-1)?.state).toBe('online'), 10_000);
    cam1 = new BareNode(port, 'cam1', 1);
  });

  afterAll(async () => {
    cam1?.crash();
    stop.abort();
    await running;
    await listener.close();
    await broker.close();
    rmSync(dir, { recursive: true, force: true });
  });

  it('believes who beats, and finds a listed node that never came', async () => {
    await expect.poll(() => rosters.at(-1)?.nodes, { timeout: 15_000 }).toEqual({ cam1: 'up', cam2: 'confirmed' });
    expect(rosters.at(-1)?.mode).toBe('watching');
    expect(lastIncident('cam2')).toMatchObject({ state: 'confirmed', cause: 'inventory' });
    expect(lastIncident('cam1')).toBeUndefined();
  });

  it('suspects a crashed node by its will, confirms it after the grace, and closes the incident when it is back', async () => {
    cam1.crash();
    await expect.poll(() => lastIncident('cam1')?.state, { timeout: 5_000 }).toBe('suspect');
    expect(lastIncident('cam1')?.evidence[0]?.what).toBe('will of generation 1');
    await expect.poll(() => lastIncident('cam1')?.state, { timeout: 10_000 }).toBe('confirmed');
    const { openedAtMs = 0, evidence = [] } = lastIncident('cam1') ?? {};
    expect((evidence.at(-1)?.atMs ?? 0) - openedAtMs).toBeGreaterThanOrEqual(TIMING.graceMs - 10);
    cam1 = new BareNode(broker.ports.tcp ?? 0, 'cam1', 2);
    await expect.poll(() => lastIncident('cam1')?.closedAtMs, { timeout: 5_000 }).toBeDefined();
    expect(lastIncident('cam1')?.state).toBe('up');
    expect(lastIncident('cam1')?.evidence.at(-1)?.what).toBe('birth of generation 2');
    expect(closings('cam1')).toBe(1);
  });

  it('reads the retained statuses again over a second session, and misses nothing', async () => {
    const before = broker.counters().connects ?? 0;
    await expect.poll(() => broker.counters().connects, { timeout: 10_000 }).toBeGreaterThan(before);
    const clearedMs = rosters.at(-1)?.atMs ?? 0;
    // The next roster but one was made after the two seconds of reading.
    await expect.poll(() => (rosters.at(-1)?.atMs ?? 0) > clearedMs + 2_500, { timeout: 25_000 }).toBe(true);
    expect(rosters.at(-1)?.counters.missedMessages).toBe(0);
    expect(broker.counters()['ids-refused']).toBe(0);
  });

  it('says that it stops', async () => {
    stop.abort();
    await running;
    await expect.poll(() => statuses.at(-1)?.state, { timeout: 5_000 }).toBe('stopped');
  });

  it('closes in its next life what it left open in this one', async () => {
    expect(lastIncident('cam2')?.closedAtMs).toBeUndefined();
    const secondStop = new AbortController();
    const second = runMonitor(file, { ...parts, signal: secondStop.signal, stateDir: dir, version: '0.0.0' });
    await expect.poll(() => statuses.at(-1)?.state, { timeout: 10_000 }).toBe('online');
    const cam2 = new BareNode(broker.ports.tcp ?? 0, 'cam2', 1);
    await expect.poll(() => lastIncident('cam2')?.closedAtMs, { timeout: 5_000 }).toBeDefined();
    expect(lastIncident('cam2')?.state).toBe('up');
    expect(lastIncident('cam2')?.evidence[0]?.what).toContain('listed, not heard');
    expect(lastIncident('cam2')?.evidence.at(-1)?.what).toBe('the monitor was restarted and found it up');
    cam2.crash();
    secondStop.abort();
    await second;
  });
});
