import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RecordListener } from '../../base/listener/record-listener.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { describeWithProgram } from '../fixtures.js';
import { freePort } from '../free-port.js';
import { Program } from './demo-run.js';
import { Site } from './site.js';

/** Seconds of killing; VEDETTE_DELIVERY_S=600 for a long run. */
const CHAOS_S = Number(process.env.VEDETTE_DELIVERY_S ?? 25);
const SEED = process.env.VEDETTE_SEED ?? 'delivery';
const RECORDS_PER_S = 100;
const TIMEOUT_MS = (CHAOS_S + 120) * 1000;

/** A broker that can be killed and started again on its port. */
type Brokers = { readonly url: string; readonly start: () => Promise<Program> };
type Chaos = { readonly appended: ReadonlySet<string>; readonly writerKills: number; readonly brokerKills: number };

/** Debian puts it where the PATH of an ordinary user does not reach. */
const MOSQUITTO = existsSync('/usr/sbin/mosquitto') ? '/usr/sbin/mosquitto' : 'mosquitto';

const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const PROMISE = 'brings every appended record to a listener once, however often broker and node are killed';

describe('delivery', () => {
  const start = async () => {
    const site = await openSite();
    const first = await site.startBroker();
    await expectDelivery(site, { url: site.brokerUrl, start: () => site.startBroker() }, first);
  };
  it(PROMISE, start, TIMEOUT_MS);
});

describeWithProgram('mosquitto', 'delivery over Mosquitto', () => {
  const start = async () => {
    const site = await openSite();
    const port = await freePort();
    const config = site.path('mosquitto.conf');
    // It forgets its retained messages with every kill, and tells no epoch: the harder case for heads.
    writeFileSync(config, `listener ${port} 127.0.0.1\nallow_anonymous true\npersistence false\n`);
    const startBroker = async () => site.keep('mosquitto', new Program(MOSQUITTO, ['-c', config]));
    await expectDelivery(site, { url: `mqtt://127.0.0.1:${port}`, start: startBroker }, await startBroker());
  };
  it(PROMISE, start, TIMEOUT_MS);
});

async function openSite(): Promise<Site> {
  const site = new Site();
  closers.push(() => site.close());
  await site.addUser('cam1', 'node');
  await site.addUser('reader1', 'node');
  mkdirSync(site.path('cam1'));
  return site;
}

async function expectDelivery(site: Site, brokers: Brokers, first: Program): Promise<void> {
  const heard = new Map<string, number>();
  const listener = openListener(brokers.url, readFileSync(site.path('reader1.password'), 'utf8').trim(), heard);
  const { appended, writerKills, brokerKills } = await killAtRandom(site, brokers, first);
  const missing = () => [...appended].filter((key) => !heard.has(key));
  for (let i = 0; i < 600 && missing().length > 0; i++) await sleep(100);
  const counts = listener.counts();
  console.log(JSON.stringify({ seed: SEED, appended: appended.size, writerKills, brokerKills, ...counts }));
  expect(missing(), `seed ${SEED}; ${site.said()}`).toEqual([]);
  expect(Math.max(...heard.values())).toBe(1);
  expect(counts.unavailable).toBe(0);
  expect(writerKills).toBeGreaterThan(0);
  expect(brokerKills).toBeGreaterThan(0);
}

async function killAtRandom(site: Site, brokers: Brokers, first: Program): Promise<Chaos> {
  const random = new Random(SEED);
  const sideFile = site.path('appended');
  const harness = resolve(import.meta.dirname, 'delivery-writer.mjs');
  const startWriter = (recordsPerS: number) => {
    const args = [brokers.url, 'cam1', site.path('cam1.password'), site.path('cam1'), sideFile, `${recordsPerS}`];
    return site.keep('writer', new Program(process.execPath, [harness, ...args]));
  };
  let broker = first;
  let writer = startWriter(RECORDS_PER_S);
  let writerKills = 0;
  let brokerKills = 0;
  const endMonoMs = performance.now() + CHAOS_S * 1000;
  while (performance.now() < endMonoMs) {
    await sleep(random.range(1_000, 4_000));
    const victim = random.chance(0.5) ? writer : broker;
    victim.child.kill('SIGKILL');
    await victim.exit;
    await sleep(random.range(0, 1_500));
    if (victim === writer) {
      writer = startWriter(RECORDS_PER_S);
      writerKills++;
    } else {
      broker = await brokers.start();
      brokerKills++;
    }
  }
  await sleep(2_000);
  writer.child.kill('SIGTERM');
  await writer.exit;
  // Its log outlives it: a last life answers for what the listener still misses, and appends nothing.
  startWriter(0);
  return { appended: new Set(readFileSync(sideFile, 'utf8').trim().split('\n')), writerKills, brokerKills };
}

function openListener(url: string, password: string, heard: Map<string, number>): RecordListener {
  const common = { clock: new SystemClock(), log: silentLog };
  const link = new Link({
    ...common,
    url,
    clientId: 'reader1',
    username: 'reader1',
    password,
    root: 'vedette',
    random: new Random('reader1'),
    limits: { reconnectMaxMs: 5_000 },
  });
  const onRecord: ConstructorParameters<typeof RecordListener>[0]['onRecord'] = ({ epoch, record }) => {
    const key = `${epoch} ${record.s}`;
    heard.set(key, (heard.get(key) ?? 0) + 1);
  };
  const listener = new RecordListener({ ...common, link, wantHistory: true, onRecord });
  listener.open();
  link.open();
  closers.push(() => link.close());
  closers.push(() => listener.close());
  return listener;
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delayMs));
}
