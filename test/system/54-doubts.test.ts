import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { parseJson } from '../../protocol/codec.js';
import { routes } from '../../protocol/routes.js';
import type { Claims, Doubt } from '../../protocol/sharing.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { field, isJson, type Json } from './demo-run.js';
import type { Listener } from './listener.js';
import { DOUBT_DISPUTES_MAX, startMonitoredBoard } from './monitored-board.js';
import { Site } from './site.js';

// A node works and is wrong, as two others say that check its results. Node, board, broker, monitor and who asks are real
// processes; the two that audit are stand-ins that publish claims.

const clock = new SystemClock();
const QUICK_MS = 120_000;

/** A node that audits and nothing else: its session, heartbeats and claims. */
class Auditor {
  readonly name: string;
  readonly #link: Link;
  #cancel = () => {};

  constructor(site: Site, name: string) {
    this.name = name;
    const password = readFileSync(site.path(`${name}.password`), 'utf8').trim();
    const common = { clock, log: silentLog, random: new Random(name), root: 'vedette', url: site.brokerUrl };
    this.#link = new Link({ ...common, username: name, clientId: name, password });
  }

  async open(): Promise<void> {
    const life = { gen: Date.now(), inv: `inv-${this.name}` };
    const isUp = new Promise<void>((done) => void this.#link.onUp(done));
    this.#link.open();
    await isUp;
    const status = { v: SCHEMA_MINOR, state: 'online' as const, ...life, sid: 's', boot: 'b', version: '0' };
    await this.#link.publish(routes.status, { node: this.name }, status);
    await this.claim([]);
    let seq = 0;
    this.#cancel = clock.every(500, () => {
      const beat = { v: SCHEMA_MINOR, ...life, seq: ++seq, upS: 1, loopLagMs: 0, cameras: {} };
      this.#link.publish(routes.beat, { node: this.name }, beat).catch(() => {});
    });
  }

  async claim(doubts: Doubt[]): Promise<void> {
    const claims: Claims = {
      ...{ v: SCHEMA_MINOR, site: 'site', state: 'active', beatMs: 500, model: null, capacityFps: 1, spareFps: 1 },
      ...{ shares: { sources: false, offers: false, audits: true }, sources: [], heard: [], doubts },
    };
    await this.#link.publish(routes.claims, { node: this.name }, claims);
  }

  async close(): Promise<void> {
    this.#cancel();
    await this.#link.close();
  }
}

let site: Site;
let listener: Listener;
let auditors: readonly [Auditor, Auditor];
/** Wall clock of the first disputed record. */
let sinceMs = 0;
let epoch = '';
/** SHA-256 of the model that cam1 runs. */
let model = '';

beforeAll(async () => {
  site = await Site.open('cam1', 'cam2', 'cam3');
  await site.addUser('operator', 'operator');
  await site.addUser('mon1', 'monitor');
  auditors = [new Auditor(site, 'cam2'), new Auditor(site, 'cam3')];
  for (const auditor of auditors) await auditor.open();
  listener = site.listen();
  const source = { driver: 'sim', seed: '7', widthPx: 320, heightPx: 240, fps: 2 };
  const config = site.writeConfig('cam1', site.edgeSections('cam1', { front: { source } }));
  const others = auditors.map(({ name }) => name);
  await startMonitoredBoard(site, { node: 'cam1', config, stateDir: site.path('state'), others });
  await listener.waitFor('cam1 records', () => heads().some((log) => Number(field(log, 'seq')) > 0));
  epoch = String(field(heads()[0], 'e'));
  await listener.waitFor('its model', () => modelOfNode() !== undefined);
  model = String(modelOfNode());
}, 2 * QUICK_MS);

afterAll(async () => {
  for (const auditor of auditors ?? []) await auditor.close();
  await site?.close();
}, 60_000);

function doubtOf(disputed: number): Doubt {
  return { node: 'cam1', model, sinceMs, disputed, valid: 1, last: { e: epoch, s: 1 } };
}

const heads = (): unknown[] => {
  const logs = field(listener.payloads('head', { node: 'cam1' }).at(-1), 'logs');
  return Array.isArray(logs) ? logs : [];
};
const modelOfNode = () => field(listener.payloads('info', { node: 'cam1' }).at(-1), 'model', 'sha256');
const roster = () => listener.payloads('roster', { monitor: 'mon1' }).at(-1);
const state = () => field(roster(), 'nodes', 'cam1');
const restarts = () => field(roster(), 'counters', 'restarts');
const incident = () => listener.payloads('incident', { monitor: 'mon1', node: 'cam1' }).at(-1);
const seen = (what: string, has: () => boolean) => listener.waitFor(`${what}\n${said()}`, has, QUICK_MS);
const said = () => JSON.stringify([roster(), incident()]);

async function query(...args: string[]) {
  const credentials = ['--password-file', site.path('operator.password'), '--timeout', '20'];
  return site.run('query', '--broker', site.brokerUrl, ...credentials, ...args);
}

async function answer(...args: string[]): Promise<Json> {
  const { lines, errors } = await query('--json', ...args);
  const parsed = lines[0] === undefined ? undefined : parseJson(lines[0]);
  if (!isJson(parsed)) throw new Error(`no answer: ${errors.join('\n')}`);
  return parsed;
}

function monitor(...args: string[]) {
  const credentials = ['--user', 'operator', '--password-file', site.path('operator.password')];
  return site.run('monitor', ...args, '--broker', site.brokerUrl, ...credentials);
}

const rowsOf = (said: Json): unknown[] => (Array.isArray(said.rows) ? said.rows : []);

describe('a node whose results others dispute', () => {
  it(
    'is believed while one alone doubts it',
    async () => {
      await seen('the monitor watches', () => field(roster(), 'mode') === 'watching' && state() === 'up');
      sinceMs = Date.now();
      await auditors[0].claim([{ ...doubtOf(99), sinceMs: 0 }]);
      await listener.waitFor('the claims', () => listener.payloads('claims', { node: 'cam2' }).length > 1);
      const list = await answer('--node', 'cam1');
      expect(rowsOf(list).length).toBeGreaterThan(0);
      expect(list.doubtful).toMatchObject({ count: 0, nodes: [] });
      expect((await query('--node', 'cam1')).errors.join('\n')).not.toContain('DOUBT');
    },
    QUICK_MS,
  );

  it(
    'is restarted when both do, and told of with the evidence',
    async () => {
      for (const auditor of auditors) await auditor.claim([doubtOf(2)]);
      await seen('a notice', () =>
        listener.payloads('notice', { monitor: 'mon1' }).some((one) => field(one, 'rule') === 'D1'),
      );
      await seen('it is in the roster', () => field(roster(), 'doubts', 'cam1', 'by') === 2);
      await seen('it was restarted', () => restarts() === 1);
      await seen('its new life is on trial', () => JSON.stringify(incident()).includes('[D3] verified: invocation'));
      expect(incident()).toMatchObject({ cause: 'doubted' });
      expect(field(incident(), 'closedAtMs')).toBeUndefined();
      expect(JSON.stringify(incident())).toContain('doubted by cam2, cam3 (2 of 2 that could): 2 results disputed');
    },
    3 * QUICK_MS,
  );

  it(
    'has its records marked in answers from the first disputed one on, and none before',
    async () => {
      // The life after the restart has begun a log of its own.
      await seen('it records again', () =>
        heads().some((log) => field(log, 'e') !== epoch && Number(field(log, 'seq')) > 1),
      );
      const list = await answer('--node', 'cam1', '--limit', '10000');
      const rows = rowsOf(list);
      const marked = rows.filter((row) => field(row, 'doubtful') === true);
      expect(marked).toEqual(rows.filter((row) => Number(field(row, 't')) >= sinceMs));
      expect(marked.length).toBeGreaterThan(0);
      expect(marked.length).toBeLessThan(rows.length);
      expect(list.doubtful).toMatchObject({
        count: marked.length,
        exact: true,
        nodes: [{ node: 'cam1', by: ['cam2', 'cam3'] }],
      });

      // Up to a moment whose records are all written: else the answers are about different ones.
      const to = new Date(Number(field(rows, 0, 't')) - 1).toISOString();
      const count = await answer('--count', '--to', to);
      const part = await answer('--count', '--to', to, '--from', new Date(sinceMs).toISOString());
      expect(count.doubtful).toMatchObject({ count: part.count, exact: true });
      expect(Number(count.count)).toBeGreaterThan(Number(part.count));
      const bars = await answer('--histogram', 'minute', '--to', to);
      expect(bars.doubtful).toMatchObject({ count: part.count, exact: true });

      const table = await query('--node', 'cam1');
      expect(table.lines[0]).toMatch(/^time +node +doubt /);
      expect(table.lines.join('\n')).toContain(' doubtful ');
      expect(table.errors.join('\n')).toMatch(
        /DOUBTFUL: \d+ of the \d+ listed\n +cam1 since .* doubted by cam2, cam3 \(2 of 2 that could\)/,
      );
    },
    2 * QUICK_MS,
  );

  it(
    'is given up when more of its results are disputed, and explained',
    async () => {
      for (const auditor of auditors) await auditor.claim([doubtOf(2 + DOUBT_DISPUTES_MAX)]);
      await seen('it is given up', () => state() === 'quarantined');
      expect(restarts()).toBe(1);
      const { lines } = await monitor('explain', 'cam1');
      const text = lines.join('\n');
      expect(text).toContain('cam1 is quarantined to monitor mon1');
      expect(text).toContain('Its results are doubted by 2 of 2');
      expect(text).toContain('given up, a person is needed: still doubted');
      expect(text).toContain('3 more results disputed since its restart');
      expect((await monitor('status')).lines.join('\n')).toMatch(/cam1 +quarantined +- +doubted by 2 of 2 since/);
    },
    QUICK_MS,
  );

  it(
    'is free when most do not doubt it any more',
    async () => {
      await auditors[1].claim([]);
      await seen('it is free', () => state() === 'up' && field(roster(), 'doubts') === undefined);
      await seen('its incident is over', () => field(incident(), 'closedAtMs') !== undefined);
      expect(JSON.stringify(incident())).toContain('the others do not doubt it any more');
      expect((await answer('--node', 'cam1')).doubtful).toMatchObject({ count: 0, nodes: [] });
      expect(restarts()).toBe(1);
    },
    QUICK_MS,
  );
});
