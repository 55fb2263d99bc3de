import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type IClientOptions, type MqttClient } from 'mqtt';
import { afterEach } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { type Log, silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { type Broker, openBroker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { setUser } from '../../broker/password-command.js';
import type { Role } from '../../broker/rights.js';

const closers: (() => Promise<unknown> | unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Runs when the test ends, last added first. */
export function atEnd(close: () => Promise<unknown> | unknown): void {
  closers.push(close);
}

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'vedette-broker-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

export const USERS: Readonly<Record<string, Role>> = {
  cam1: 'node',
  cam2: 'node',
  mon1: 'monitor',
  ops: 'operator',
  alice: 'reader',
  bob: 'reader',
  pi: 'source',
  ha: 'home-assistant',
};

/** The password of every test user. */
export function passwordOf(user: string): string {
  return `password-of-${user}`;
}

// Hashed once per test process: argon2 takes 10 ms and more for each user, by design.
const usersText = (async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vedette-users-'));
  const path = join(folder, 'passwords');
  for (const [name, role] of Object.entries(USERS)) await setUser({ path, name, role, password: passwordOf(name) });
  const text = await readFile(path, 'utf8');
  await rm(folder, { recursive: true });
  return text;
})();

/** Writes a password file with the test users, unless there is one. */
export async function writeTestUsers(stateDir: string): Promise<string> {
  const path = join(stateDir, 'passwords');
  if (!existsSync(path)) await writeFile(path, await usersText, { mode: 0o600 });
  return path;
}

export type TestBroker = {
  readonly broker: Broker;
  readonly port: number;
  readonly stateDir: string;
  readonly url: string;
};

type Overrides = Omit<Record<string, unknown>, 'stateDir'> & { readonly stateDir?: string; readonly log?: Log };

/** A broker on loopback with the test users, closed when the test ends. `overrides` are of its configuration. */
export async function startBroker(overrides: Overrides = {}): Promise<TestBroker> {
  const { stateDir = await temporaryFolder(), log = silentLog, ...rest } = overrides;
  await writeTestUsers(stateDir);
  const config = BrokerConfig.parse({ name: 'main', tcp: { host: '127.0.0.1', port: 0 }, ...rest, stateDir });
  const broker = await openBroker(config, { clock: new SystemClock(), log, random: new Random(String(Math.random())) });
  atEnd(() => broker.close());
  const port = broker.ports.tcp ?? 0;
  return { broker, port, stateDir, url: `mqtt://127.0.0.1:${port}` };
}

/**
 * Connects as a test user, client id = user name unless told; no reconnecting unless told. Rejects if refused.
 * `onPayload` hears also what a kept session sends right behind the CONNACK.
 */
export async function connectAs(
  url: string,
  user: string | undefined,
  options: IClientOptions = {},
  onPayload: (payload: string) => void = () => {},
): Promise<MqttClient> {
  const client = connect(url, {
    clientId: user ?? `tool-${Math.random().toString(36).slice(2)}`,
    ...(user === undefined ? {} : { username: user, password: passwordOf(user) }),
    reconnectPeriod: 0,
    connectTimeout: 8000,
    protocolVersion: 4,
    ...options,
  });
  client.on('message', (_topic, payload) => onPayload(payload.toString()));
  atEnd(() => client.endAsync(true));
  await new Promise<void>((resolve, reject) => {
    client.once('connect', () => resolve());
    client.on('error', reject);
    client.once('close', () => reject(new Error('connection closed')));
  });
  return client;
}

export type Received = { readonly topic: string; readonly payload: string; readonly retain: boolean };

/** Everything a client receives from now on. */
export function collect(client: MqttClient): Received[] {
  const received: Received[] = [];
  client.on('message', (topic, payload, packet) => {
    received.push({ topic, payload: payload.toString(), retain: packet.retain });
  });
  return received;
}

/** Waits until a condition holds; fails with what it was waiting for after some seconds. */
export async function until(condition: () => boolean, what: string, timeoutMs = 8000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A valid status payload. */
export function statusPayload(state: 'online' | 'stopped' | 'lost' = 'online', gen = 1): string {
  return JSON.stringify({ v: 1, state, gen, sid: `s${gen}`, inv: 'inv', boot: 'boot', version: '0.1.0' });
}

/** A valid sensor reading. */
export function sensorPayload(value: number): string {
  return JSON.stringify({ v: 1, value, unit: 'C', atMs: 1_789_000_000_000, ok: true });
}
