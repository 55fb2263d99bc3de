import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { SystemClock } from '../../../base/clock.js';
import { parseConfig } from '../../../base/config.js';
import { Link } from '../../../base/link/link.js';
import { type Log, type LogFields, silentLog } from '../../../base/log.js';
import { Random } from '../../../base/random.js';
import { type Broker, openBroker } from '../../../broker/broker.js';
import { BrokerConfig } from '../../../broker/config.js';
import { setUser } from '../../../broker/password-command.js';
import { MonitorFile } from '../../../monitor/config.js';
import { runMonitor } from '../../../monitor/main.js';
import { FleetFacts } from '../../../monitor/metrics/fleet-facts.js';
import { MetricsPage } from '../../../monitor/metrics/metrics-page.js';
import type { ReplicaState } from '../../../protocol/replica.js';
import { routes } from '../../../protocol/routes.js';
import type { Health } from '../../../protocol/status.js';
import { eventually } from '../../eventually.js';
import { describeWithProgram } from '../../fixtures.js';

const PASSWORD = 'only-for-this-test';
const DEPLOY = new URL('../../../deploy/', import.meta.url).pathname;
const clock = new SystemClock();
const parts = { clock, random: new Random('metrics') };

/** A log that remembers what it was told. */
class TellingLog implements Log {
  readonly lines: { readonly message: string; readonly fields: LogFields }[] = [];
  debug(): void {}
  info(message: string, fields: LogFields = {}): void {
    this.lines.push({ message, fields });
  }
  warn = this.info;
  error = this.info;
  child(): Log {
    return this;
  }

  said(message: string): LogFields | undefined {
    return this.lines.find((line) => line.message === message)?.fields;
  }
}

const RECORDS = 'vedette_records_total{node="cam1",kind="track"}';
const HEALTH: Health = {
  v: 1,
  load: 'active',
  cpu: 0.5,
  temperatureC: null,
  throttled: false,
  memory: { usedMiB: 1000, totalMiB: 4000, rssMiB: 200 },
  disk: { freeMiB: 9000, totalMiB: 30_000, ok: true },
  queues: { frames: 1 },
  drops: { late: 7 },
};
const REPLICA: ReplicaState = {
  ...{ v: 1, state: 'active', logs: 3, records: 5000, bytes: 100_000, missing: 12, lagMs: 1500 },
  ...{ unacked: 2, unackedMs: 10, mended: 1, counters: {} },
};

/** A page with everything on it that there can be. */
async function fullPage(health = HEALTH): Promise<string> {
  const facts = new FleetFacts({ nodes: ['cam1'], clock, onRecord: () => {} });
  const counters = { published: 1 };
  facts.brokers.set('main', {
    ...{ v: 1, atMs: 1, upS: 1, clients: 2, retained: { topics: 3, bytes: 4 }, rssMiB: 5, loopLagMs: 6, counters },
  });
  const cam1 = facts.nodes.get('cam1');
  if (cam1 === undefined) throw new Error('no cam1');
  cam1.health = { ...health, temperatureC: 50, share: 1 };
  cam1.replica = REPLICA;
  const beat = { v: 1, gen: 1, inv: 'i', seq: 1, upS: 10, loopLagMs: 2, cameras: {} };
  cam1.beat = { atMonoMs: clock.monoMs(), said: beat };
  cam1.cameras.set('front', { v: 1, ok: true, fps: 10, frameAgeMs: 10 });
  cam1.alerts.set('hot', { v: 1, severity: 'warning', text: 'hot', raisedAtMs: 1 });
  const monitor = () => ({
    mode: 'watching' as const,
    states: new Map([['cam1', 'up' as const]]),
    doubts: new Map([['cam1', { by: ['cam2', 'cam3'] }]]),
    openIncidents: [{ node: 'cam1', cause: 'will' }],
    counters: { restarts: 1, reboots: 0 },
  });
  return new MetricsPage({ facts, monitor, version: '1.2.3', clock }).text();
}

const folder = mkdtempSync(join(tmpdir(), 'vedette-metrics-'));
const stop = new AbortController();
let broker: Broker;
let node: Link;
let running: Promise<void>;
let url = '';

async function startMonitor(name: string, port: number, log: Log, signal = stop.signal): Promise<void> {
  const text = JSON.stringify({
    site: { brokers: [`mqtt://127.0.0.1:${broker.ports.tcp}`] },
    monitor: { name, passwordFile: join(folder, 'password'), nodes: { cam1: {}, cam2: {} }, metrics: { port } },
  });
  const file = parseConfig(text, { path: 'test.yaml', schema: MonitorFile, env: {} });
  await runMonitor(file, { ...parts, log, signal, stateDir: folder, version: '1.2.3' });
}

async function page(): Promise<string> {
  return (await fetch(url)).text();
}

/** The value of one line of the page, by its name and labels as they stand there. */
function sample(text: string, series: string): number | undefined {
  const line = text.split('\n').find((one) => one.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

async function shows(series: string, value: number): Promise<void> {
  let last = '';
  await eventually(async () => {
    last = await page();
    return sample(last, series) === value;
  }, `${series} ${value}`);
}

beforeAll(async () => {
  const passwordFile = join(folder, 'users');
  await setUser({ path: passwordFile, name: 'cam1', role: 'node', password: PASSWORD });
  for (const name of ['monitor', 'second']) {
    await setUser({ path: passwordFile, name, role: 'monitor', password: PASSWORD });
  }
  writeFileSync(join(folder, 'password'), PASSWORD, { mode: 0o600 });
  const config = BrokerConfig.parse({ tcp: { host: '127.0.0.1', port: 0 }, passwordFile, stateDir: join(folder, 'b') });
  broker = await openBroker(config, { ...parts, log: silentLog });
  const log = new TellingLog();
  running = startMonitor('monitor', 0, log);
  await eventually(() => log.said('metrics are served') !== undefined, 'the page');
  url = String(log.said('metrics are served')?.url);
  const mqtt = `mqtt://127.0.0.1:${broker.ports.tcp}`;
  const login = { username: 'cam1', password: PASSWORD };
  node = new Link({ ...parts, ...login, log: silentLog, url: mqtt, clientId: 'cam1', root: 'vedette' });
  node.open();
  await eventually(() => node.isUp, 'the node is connected');
});

afterAll(async () => {
  stop.abort();
  await running;
  await node.close();
  await broker.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the page for Prometheus', () => {
  it('shows what the monitor believes, one state of all a node', async () => {
    await shows('vedette_node_state{node="cam2",state="unknown"}', 1);
    expect(sample(await page(), 'vedette_node_state{node="cam2",state="up"}')).toBe(0);
    expect(sample(await page(), 'vedette_build_info{version="1.2.3"}')).toBe(1);
  });

  it('shows cameras, health, replicas and alerts of the inventory in base units, and forgets what is withdrawn', async () => {
    const camera = { node: 'cam1', camera: 'front' };
    await node.publish(routes.cameraState, camera, { v: 1, ok: true, fps: 9.5, frameAgeMs: 120 });
    await node.publish(routes.health, { node: 'cam1' }, HEALTH);
    await node.publish(routes.replica, { node: 'cam1' }, REPLICA);
    const rule = { node: 'cam1', rule: 'hot' };
    const alert = { v: 1, severity: 'warning', text: 'hot', raisedAtMs: clock.nowMs() } as const;
    await node.publish(routes.alert, rule, alert);
    await shows('vedette_alert_active{node="cam1",rule="hot",severity="warning"}', 1);
    const text = await page();
    expect(sample(text, 'vedette_camera_frames_per_second{node="cam1",camera="front"}')).toBe(9.5);
    expect(sample(text, 'vedette_camera_frame_age_seconds{node="cam1",camera="front"}')).toBe(0.12);
    expect(sample(text, 'vedette_node_memory_resident_bytes{node="cam1"}')).toBe(200 * 1024 * 1024);
    expect(sample(text, 'vedette_node_temperature_celsius{node="cam1"}')).toBeUndefined();
    expect(sample(text, 'vedette_node_dropped_total{node="cam1",cause="late"}')).toBe(7);
    expect(sample(text, 'vedette_replica_missing_records{node="cam1"}')).toBe(12);
    expect(sample(text, 'vedette_replica_lag_seconds{node="cam1"}')).toBe(1.5);

    await node.publishEmpty(routes.alert, rule);
    await eventually(async () => !(await page()).includes('rule="hot"'), 'the alert is gone');
  });

  it('counts records by kind and how long they took, whoever of the inventory publishes them', async () => {
    const track = { k: 'track', c: 'front', ev: 'new', id: 1, l: 'person', p: 900, b: [1, 2, 3, 4] } as const;
    const t = clock.nowMs() - 300;
    const records = [1, 2, 3].map((s) => ({ s, t, ...track, b: [...track.b] as [number, number, number, number] }));
    await node.publish(routes.live, { node: 'cam1' }, { v: 1, e: 'abcdefghijkl', r: records });
    await eventually(async () => (sample(await page(), RECORDS) ?? 0) >= 3, 'three records');
    const text = await page();
    const count = sample(text, 'vedette_record_delay_seconds_count{node="cam1"}') ?? 0;
    expect(count).toBeGreaterThanOrEqual(3);
    expect(sample(text, 'vedette_record_delay_seconds_bucket{le="0.25",node="cam1"}')).toBe(0);
    expect(sample(text, 'vedette_record_delay_seconds_sum{node="cam1"}')).toBeGreaterThanOrEqual(0.3 * count);
  });

  it('is only at /metrics and only for reading', async () => {
    expect((await fetch(url.replace('/metrics', '/'))).status).toBe(404);
    expect((await fetch(url, { method: 'POST' })).status).toBe(405);
    expect((await fetch(url, { method: 'HEAD' })).headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
  });

  it('is done without where its port is taken, and says so', async () => {
    const taken: Server = createServer().listen(0, '127.0.0.1');
    await new Promise((done) => taken.once('listening', done));
    const address = taken.address();
    const log = new TellingLog();
    const stopSecond = new AbortController();
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0;
    const second = startMonitor('second', port, log, stopSecond.signal);
    await eventually(() => log.said('monitor runs') !== undefined, 'the second monitor runs');
    expect(String(log.said('no metrics are served')?.error)).toMatch(/in use/);
    taken.close();
    stopSecond.abort();
    await second;
  });
});

describeWithProgram('promtool', 'what is shipped for Prometheus and Grafana', () => {
  const Panel = z.looseObject({ targets: z.array(z.looseObject({ expr: z.string() })) });
  const Dashboard = z.looseObject({
    panels: z.array(Panel),
    annotations: z.looseObject({ list: z.array(z.looseObject({ expr: z.string() })) }),
  });

  function promtool(args: readonly string[], input?: string): string {
    return execFileSync('promtool', [...args], { encoding: 'utf8', input, cwd: join(DEPLOY, 'prometheus') });
  }

  function dashboardExpressions(): string[] {
    const { panels, annotations } = Dashboard.parse(JSON.parse(readFileSync(`${DEPLOY}grafana/vedette.json`, 'utf8')));
    return [...panels.flatMap(({ targets }) => targets), ...annotations.list].map(({ expr }) => expr);
  }

  it('has rules and a configuration that Prometheus takes, and rules that fire when they should', () => {
    expect(promtool(['check', 'config', 'prometheus.yml'])).toMatch(/SUCCESS/);
    expect(promtool(['test', 'rules', 'vedette-rules.test.yml'])).toMatch(/SUCCESS/);
  });

  it('has a dashboard whose every expression Prometheus can read', () => {
    const rules = dashboardExpressions().map((expr, i) => ({ record: `panel:${i}`, expr }));
    const path = join(folder, 'dashboard-rules.yml');
    writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }));
    expect(promtool(['check', 'rules', path])).toMatch(new RegExp(`${rules.length} rules found`));
  });

  it('shows no more names than it has room for, and says that there are others', async () => {
    const drops = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`cause${i}`, 1]));
    const text = await fullPage({ ...HEALTH, drops });
    expect(text.match(/^vedette_node_dropped_total/gm)).toHaveLength(64);
    expect(sample(text, 'vedette_metrics_omitted_total')).toBeGreaterThan(0);
  });

  it('asks for no metric that the page does not have', async () => {
    const text = await fullPage();
    const rules = readFileSync(`${DEPLOY}prometheus/vedette-rules.yml`, 'utf8');
    const asked = new Set([...dashboardExpressions(), rules].join('\n').match(/vedette_[a-z_]+/g));
    const offered = new Set(text.match(/^# TYPE (vedette_[a-z_]+)/gm)?.map((line) => line.slice(7)));
    const missing = [...asked].filter((name) => !offered.has(name.replace(/_bucket$/, '')));
    expect(asked.size).toBeGreaterThan(15);
    expect(missing).toEqual([]);
  });

  it('has a page that keeps the conventions of Prometheus', async () => {
    expect(promtool(['check', 'metrics'], await fullPage())).toBe('');
  });
});
