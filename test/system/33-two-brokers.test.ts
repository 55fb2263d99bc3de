import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RecordListener } from '../../base/listener/record-listener.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { parseJson } from '../../protocol/codec.js';
import { describeWithProgram } from '../fixtures.js';
import { field, Program, until } from './demo-run.js';
import { Site } from './site.js';

const SEGMENTS = 'vedette/1/node/cam1/segment/+/+';
const closers: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 60_000);

/** A broker of the site with a name, a port and a folder of its own. */
class NamedBroker {
  readonly #site: Site;
  readonly #name: string;
  #program: Program | undefined;
  port = 0;

  constructor(site: Site, name: string) {
    this.#site = site;
    this.#name = name;
  }

  get url(): string {
    return `mqtt://127.0.0.1:${this.port}`;
  }

  get stateDir(): string {
    return this.#site.path('state', 'broker', this.#name);
  }

  async start(): Promise<void> {
    const { program, ports } = await this.#site.listeningBroker({
      name: this.#name,
      tcp: { host: '127.0.0.1', port: this.port },
      passwordFile: this.#site.path('users'),
      anonymousRead: true,
    });
    this.#program = program;
    this.port = ports.tcp ?? 0;
  }

  async kill(): Promise<void> {
    await this.#program?.end('SIGKILL');
  }

  signal(signal: NodeJS.Signals): void {
    this.#program?.child.kill(signal);
  }

  /** What is retained below a filter, as a stranger with mosquitto_sub sees it. */
  async retained(filter: string, waitS = 2): Promise<{ topic: string; payload: Buffer }[]> {
    const at = ['-h', '127.0.0.1', '-p', `${this.port}`];
    const args = [...at, '-q', '1', '-t', filter, '-W', `${waitS}`, '-F', '%t %x'];
    const program = new Program('mosquitto_sub', filter.includes('+') ? args : [...args, '-C', '1']);
    await program.exit;
    return program.lines.map((line) => {
      const [topic = '', hex = ''] = line.split(' ');
      return { topic, payload: Buffer.from(hex, 'hex') };
    });
  }

  async statusOf(node: string): Promise<unknown> {
    const [status] = await this.retained(`vedette/1/node/${node}/status`, 10);
    return status === undefined ? undefined : parseJson(`${status.payload}`);
  }
}

async function openSite(): Promise<{ site: Site; first: NamedBroker; second: NamedBroker }> {
  const site = new Site();
  closers.push(() => site.close());
  for (const node of ['cam1', 'reader1']) await site.addUser(node, 'node');
  mkdirSync(site.path('cam1'));
  const [first, second] = [new NamedBroker(site, 'first'), new NamedBroker(site, 'second')];
  await first.start();
  await second.start();
  return { site, first, second };
}

function startWriter(site: Site, urls: readonly string[], recordsPerS: number): Program {
  const harness = resolve(import.meta.dirname, 'delivery-writer.mjs');
  const places = [site.path('cam1.password'), site.path('cam1'), site.path('appended')];
  const args = [harness, urls.join(','), 'cam1', ...places, `${recordsPerS}`];
  return site.keep('writer', new Program(process.execPath, args));
}

function openListener(site: Site, urls: readonly string[], heard: Set<string>) {
  const common = { clock: new SystemClock(), log: silentLog };
  const link = new Link({
    ...common,
    url: urls,
    clientId: 'reader1',
    username: 'reader1',
    password: readFileSync(site.path('reader1.password'), 'utf8').trim(),
    root: 'vedette',
    random: new Random('reader1'),
  });
  const onRecord: ConstructorParameters<typeof RecordListener>[0]['onRecord'] = ({ epoch, record }) => {
    heard.add(`${epoch} ${record.s}`);
  };
  const listener = new RecordListener({ ...common, link, wantHistory: true, onRecord });
  listener.open();
  link.open();
  closers.push(() => link.close());
  closers.push(() => listener.close());
  return { listener, link };
}

async function waitFor(what: () => string, look: () => Promise<boolean>, timeoutMs: number): Promise<void> {
  const untilMs = Date.now() + timeoutMs;
  while (!(await look())) if (Date.now() > untilMs) throw new Error(`not within ${timeoutMs} ms: ${what()}`);
}

function appendedOf(site: Site): string[] {
  const path = site.path('appended');
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
}

const sleep = (delayMs: number) => new Promise((done) => setTimeout(done, delayMs));

describeWithProgram('mosquitto_sub', 'several brokers', () => {
  it('a killed and a frozen broker are left, the first is returned to once, and no record is lost', async () => {
    const { site, first, second } = await openSite();
    const urls = [first.url, second.url];
    const writer = startWriter(site, urls, 50);
    const heard = new Set<string>();
    const { listener, link } = openListener(site, urls, heard);
    const places: string[] = [];
    link.onUp(() => places.push(link.brokerUrl));
    let gen = 0;
    // A broker that was killed shows what it had: only a newer generation is the node itself.
    const nodeAt = (broker: NamedBroker, timeoutMs: number) => {
      const isThere = async () => {
        const status = await broker.statusOf('cam1');
        const isNew = field(status, 'state') === 'online' && Number(field(status, 'gen')) > gen;
        if (isNew) gen = Number(field(status, 'gen'));
        return isNew;
      };
      return waitFor(() => `the node at ${broker.url}; ${site.said()}`, isThere, timeoutMs);
    };
    const goesOn = () => {
      const before = heard.size;
      return until('records arrive', () => heard.size > before + 50, 120_000);
    };
    await nodeAt(first, 120_000);
    await goesOn();

    await first.kill();
    await nodeAt(second, 120_000);
    await goesOn();

    await first.start();
    // 60 to 90 s there, then a probe of two seconds; a machine that is busy may fail the first one.
    await nodeAt(first, 240_000);
    await until('the reader is back, too', () => link.brokerUrl === first.url && link.isUp, 120_000);
    expect(await second.statusOf('cam1')).toMatchObject({ state: 'stopped', reason: 'moved' });
    await goesOn();

    first.signal('SIGSTOP');
    await nodeAt(second, 120_000);
    await until('the reader left it, too', () => link.brokerUrl === second.url && link.isUp, 120_000);
    first.signal('SIGCONT');
    await goesOn();

    await writer.end('SIGTERM');
    // Its log outlives it: a last life answers for what the listener still misses, and appends nothing. It is at the first
    // broker again, the listener still at the second: they meet over the node's side link.
    startWriter(site, urls, 0);
    const appended = appendedOf(site);
    const missing = () => appended.filter((key) => !heard.has(key));
    for (let i = 0; i < 1_800 && missing().length > 0; i++) await sleep(100);
    console.log(JSON.stringify({ appended: appended.length, ...listener.counts(), sessions: places.length }));
    expect(missing()).toEqual([]);
    expect(listener.counts().unavailable).toBe(0);
    const moves = places.filter((place, i) => place !== places[i - 1]);
    expect(moves).toEqual([first.url, second.url, first.url, second.url]);
  }, 1_200_000);

  it('a wiped broker is given the segments again; with the owner off, the broker alone tells its log', async () => {
    const { site, first } = await openSite();
    const writer = startWriter(site, [first.url], 100);
    await until(
      () => `records are written: ${appendedOf(site).length}; ${site.said()}`,
      () => appendedOf(site).length > 600,
      120_000,
    );
    await waitFor(
      () => `segments; ${site.said()}`,
      async () => (await first.retained(SEGMENTS, 1)).length >= 2,
      120_000,
    );
    const before = (await first.retained(SEGMENTS)).length;
    await first.kill();
    rmSync(first.stateDir, { recursive: true });
    await first.start();
    const startedMs = Date.now();
    const isGiven = async () => (await first.retained(SEGMENTS, 1)).length >= before;
    await waitFor(() => `the window again; ${site.said()}`, isGiven, 120_000);
    console.log(JSON.stringify({ segments: before, againWithinMs: Date.now() - startedMs }));

    expect(await writer.end('SIGTERM')).toBe(0);
    const appended = appendedOf(site);
    const read = new Set<string>();
    // On a busy machine two seconds may be too short to be told all that is retained.
    const readAll = async () => {
      for (const { topic, payload } of await first.retained(SEGMENTS)) {
        const epoch = topic.split('/')[5];
        for (const line of gunzipSync(payload).toString().trimEnd().split('\n').slice(1)) {
          read.add(`${epoch} ${field(parseJson(line), 's')}`);
        }
      }
      return appended.every((key) => read.has(key));
    };
    await waitFor(() => `all of ${appended.length} appended at the broker, which tells ${read.size}`, readAll, 60_000);

    // As a person types it: gzip files behind one another are one to zcat.
    const typed = `mosquitto_sub -h 127.0.0.1 -p ${first.port} -N -t '${SEGMENTS}' -W 2 | zcat`;
    let values: ReturnType<typeof parseJson>[] = [];
    const type = async () => {
      const shell = new Program('sh', ['-c', typed]);
      await shell.exit;
      values = shell.lines.map((line) => parseJson(line));
      return values.filter((value) => field(value, 's') !== undefined).length === read.size;
    };
    await waitFor(() => `${read.size} records from zcat, which gives ${values.length} lines`, type, 60_000);
    expect(values.filter((value) => field(value, 'seg') !== undefined).length).toBe(values.length - read.size);
  }, 600_000);
});
