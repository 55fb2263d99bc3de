import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { type Broker, openBroker } from '../../broker/broker.js';
import { BrokerConfig } from '../../broker/config.js';
import { setUser } from '../../broker/password-command.js';
import { openContext } from '../../cli/command-context.js';
import { monitorExplain, monitorMaintenance, monitorStatus } from '../../cli/monitor/monitor-questions.js';
import { routes } from '../../protocol/routes.js';
import type { Maintenance } from '../../protocol/status.js';

const PASSWORD = 'only-for-this-test';
const PARTS = { clock: new SystemClock(), log: silentLog, random: new Random('monitor-command') };
const dir = mkdtempSync(join(tmpdir(), 'vedette-monitor-command-'));
const passwordFile = join(dir, 'password');
const links: Link[] = [];
let broker: Broker;
let operator: Link;

const url = () => `mqtt://127.0.0.1:${broker.ports.tcp ?? 0}`;

async function logIn(name: string): Promise<Link> {
  const link = new Link({ ...PARTS, url: url(), root: 'vedette', username: name, password: PASSWORD, clientId: name });
  const isUp = new Promise<void>((resolve) => link.onUp(resolve));
  link.open();
  await isUp;
  links.push(link);
  return link;
}

beforeAll(async () => {
  const users = join(dir, 'users');
  for (const name of ['ops', 'anna']) await setUser({ path: users, name, role: 'operator', password: PASSWORD });
  await setUser({ path: users, name: 'm1', role: 'monitor', password: PASSWORD });
  writeFileSync(passwordFile, PASSWORD, { mode: 0o600 });
  const tcp = { host: '127.0.0.1', port: 0 };
  broker = await openBroker(BrokerConfig.parse({ tcp, passwordFile: users, stateDir: join(dir, 'broker') }), PARTS);
  operator = await logIn('ops');
  const monitor = await logIn('m1');
  const atMs = Date.now();
  await monitor.publish(
    routes.roster,
    { monitor: 'm1' },
    { v: 1, mode: 'watching', nodes: { cam1: 'up' }, brokers: {}, acts: 'act', maintenance: [], atMs, counters: {} },
  );
  await monitor.publish(
    routes.incident,
    { monitor: 'm1', node: 'cam1' },
    {
      v: 1,
      node: 'cam1',
      state: 'up',
      cause: 'will',
      openedAtMs: atMs,
      closedAtMs: atMs + 2_000,
      evidence: [
        { atMs: atMs - 1, what: 'a will' },
        { atMs: atMs + 2_000, what: 'heard again' },
      ],
    },
  );
});

afterAll(async () => {
  for (const link of links) await link.close();
  await broker.close();
  rmSync(dir, { recursive: true });
});

const hold = (forMs: number): Maintenance => ({ v: 1, by: 'ops', reason: 'new lens', untilMs: Date.now() + forMs });

/** What a question of an operator prints. */
async function ask(
  question: (
    options: { readonly broker: string; readonly user: string; readonly passwordFile: string },
    context: ReturnType<typeof openContext>,
  ) => Promise<void>,
): Promise<string> {
  let text = '';
  const write = (part: string | Uint8Array) => {
    text += String(part);
    return true;
  };
  const stream = { isTTY: false, columns: 120, write };
  const self = ['node', 'vedette'] as const;
  const context = openContext({ stdout: stream, stderr: stream }, {}, new AbortController().signal, () => {}, self);
  await question({ broker: url(), user: 'anna', passwordFile }, context);
  return text;
}

describe('questions to monitors', { timeout: 30_000 }, () => {
  it('show maintenance while it holds, and not once it has run out', async () => {
    await operator.publish(routes.maintenance, { node: 'cam1' }, hold(600_000));
    expect(await ask(monitorStatus)).toMatch(/cam1 +up +ops: new lens, (600|5\d\d) s left/);
    await operator.publish(routes.maintenance, { node: 'cam1' }, hold(-1_000));
    expect(await ask(monitorStatus)).toMatch(/cam1 +up +-\n/);
  });

  it('say of maintenance that is ended whether there was any', async () => {
    const off = () => ask((options, context) => monitorMaintenance('off', 'cam1', options, context));
    await operator.publish(routes.maintenance, { node: 'cam1' }, hold(600_000));
    expect(await off()).toBe('maintenance of cam1 is off; heard by m1\n');
    expect(await off()).toBe('there was no maintenance of cam1; heard by m1\n');
  });

  it('tell an incident from 0.0 s on, also where the first sign was taken a millisecond before', async () => {
    const text = await ask((options, context) => monitorExplain('cam1', options, context));
    expect(text).toMatch(/^ +0\.0 s {2}a will$/m);
    expect(text).toMatch(/^ +2\.0 s {2}heard again$/m);
  });
});
