import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { Claims } from '../../protocol/sharing.js';
import { AuditFleet, auditsHeard, doubtsOf, type HeardAudit } from './audit-fleet.js';
import { field, isJson, type Json, type Program } from './demo-run.js';
import type { Listener } from './listener.js';
import { DOUBT_DISPUTES_MAX, startMonitoredBoard } from './monitored-board.js';
import { childrenOf, Site } from './site.js';

// Four boards check each other's results while a monitor watches. One of them is right at first; then a wrong manifest comes
// beside its model, as with an update that went wrong, and its vision process begins anew with it. Every part is real.

const HONEST = ['cam1', 'cam2', 'cam3'];
const WRONG = 'cam4';
const BOXES = ['missing-box', 'other-label', 'other-box', 'other-score'];
/** A camera that starts, a head every ten seconds, six audits a minute, a loaded machine. */
const FOUND_MS = 240_000;

let site: Site;
let listener: Listener;
let fleet: AuditFleet;
let board: Program;
/** Wall clock when its vision process began to be wrong, or just before. */
let wrongFromMs = 0;

beforeAll(async () => {
  site = await Site.open(...HONEST, WRONG);
  await site.addUser('operator', 'operator');
  await site.addUser('mon1', 'monitor');
  fleet = new AuditFleet(
    site,
    () => site.brokerUrl,
    (node) => site.path(`${node}.password`),
  );
  listener = site.listen();
  for (const node of HONEST) fleet.start(node);
  const config = fleet.configOf(WRONG, { manifest: (manifest) => manifest });
  board = await startMonitoredBoard(site, { node: WRONG, config, stateDir: site.folder(WRONG), others: HONEST });
}, 120_000);

afterAll(() => site?.close(), 120_000);

const auditsOf = (node: string): HeardAudit[] =>
  auditsHeard(listener, [...HONEST, WRONG]).filter(({ of }) => of.n === node);
const doubters = () => HONEST.filter((node) => doubtsOf(listener, node).some((doubt) => doubt.node === WRONG));
const roster = () => listener.last('roster', { monitor: 'mon1' });
const incident = () => listener.last('incident', { monitor: 'mon1', node: WRONG });
const seen = (what: string, has: () => boolean) =>
  listener.waitFor(`${what}\n${JSON.stringify([roster(), incident(), doubters()])}`, has, FOUND_MS);

async function answer(...args: string[]): Promise<Json> {
  const credentials = ['--password-file', site.path('operator.password'), '--timeout', '20'];
  const { lines, errors } = await site.run('query', '--broker', site.brokerUrl, ...credentials, '--json', ...args);
  const parsed = lines[0] === undefined ? undefined : parseJson(lines[0]);
  if (!isJson(parsed)) throw new Error(`no answer: ${errors.join('\n')}`);
  return parsed;
}

async function monitor(...args: string[]): Promise<string> {
  const credentials = ['--user', 'operator', '--password-file', site.path('operator.password')];
  return (await site.run('monitor', ...args, '--broker', site.brokerUrl, ...credentials)).lines.join('\n');
}

const rowsOf = (said: Json): unknown[] => (Array.isArray(said.rows) ? said.rows : []);
const isDoubtful = (row: unknown) => field(row, 'doubtful') === true;

describe('a board that becomes quietly wrong, with real auditors and a monitor', () => {
  it(
    'is doubted by most of the others, who trusted it before',
    async () => {
      await seen('it was right', () => auditsOf(WRONG).filter(({ v }) => v === 'valid').length >= 1);
      fleet.changeManifest(WRONG, (manifest) => ({ ...manifest, labels: ['car', 'person', 'dog', 'bicycle'] }));
      wrongFromMs = Date.now();
      for (const vision of childrenOf(board, 'vision-child')) process.kill(vision, 'SIGKILL');
      await seen('two doubt it', () => doubters().length >= 2);
      const disputed = auditsOf(WRONG).filter(({ v }) => v === 'disputed');
      for (const { why, at } of disputed) {
        expect(BOXES).toContain(why);
        expect(at).toBeGreaterThanOrEqual(wrongFromMs);
      }
    },
    2 * FOUND_MS,
  );

  it(
    'is restarted once by the monitor, and told of',
    async () => {
      await seen('a notice', () =>
        listener.payloads('notice', { monitor: 'mon1' }).some((notice) => field(notice, 'rule') === 'D1'),
      );
      await seen('its new life is on trial', () =>
        JSON.stringify(incident() ?? null).includes('[D3] verified: invocation'),
      );
      expect(incident()).toMatchObject({ cause: 'doubted' });
      expect(field(roster(), 'counters', 'restarts')).toBe(1);
    },
    FOUND_MS,
  );

  it(
    'is given up when the new life is no better, with the evidence in explain',
    async () => {
      await seen('it is given up', () => field(roster(), 'nodes', WRONG) === 'quarantined');
      const said = await monitor('explain', WRONG);
      expect(said).toContain(`${WRONG} is quarantined to monitor mon1`);
      expect(said).toMatch(/Its results are doubted by [23] of 3/);
      expect(said).toMatch(/doubted by cam\d, cam\d.* \([23] of 3 that could\): \d+ results disputed/);
      expect(said).toContain('given up, a person is needed: still doubted');
      expect(Number(/(\d+) more results disputed since its restart/.exec(said)?.[1])).toBeGreaterThanOrEqual(
        DOUBT_DISPUTES_MAX,
      );
      expect(await monitor('status')).toMatch(/cam4 +quarantined +- +doubted by [23] of 3 since/);
      expect(field(roster(), 'counters', 'restarts')).toBe(1);
    },
    FOUND_MS,
  );

  it(
    'has the records marked that it made since it is wrong, and nobody else has',
    async () => {
      const said = await answer('--limit', '10000', '--kind', 'track');
      const [rows, marked] = [rowsOf(said), rowsOf(said).filter(isDoubtful)];
      const about = (node: string) => rows.filter((row) => field(row, 'node') === node);
      expect(marked.length).toBeGreaterThan(0);
      expect(marked).toEqual(
        about(WRONG).filter((row) => Number(field(row, 't')) >= Number(field(marked.at(-1), 't'))),
      );
      for (const row of marked) expect(Number(field(row, 't'))).toBeGreaterThanOrEqual(wrongFromMs);
      expect(about(WRONG).filter((row) => !isDoubtful(row)).length).toBeGreaterThan(0);
      expect(HONEST.flatMap(about).length).toBeGreaterThan(0);
      expect(said.doubtful).toMatchObject({ count: marked.length, nodes: [{ node: WRONG }] });
    },
    FOUND_MS,
  );

  it(
    'checks others no more, who check each other and are trusted',
    async () => {
      const fromMs = Date.now();
      const later = () => HONEST.flatMap(auditsOf).filter(({ at }) => at >= fromMs);
      await seen('honest boards are audited without it', () => later().length >= 2);
      for (const { by, author } of later()) expect([...by, author]).not.toContain(WRONG);
      for (const { v } of HONEST.flatMap(auditsOf)) expect(v).not.toBe('disputed');
      const claims = listener.payloads('claims').map((payload) => Claims.safeParse(payload));
      const doubted = new Set(claims.flatMap(({ data }) => data?.doubts ?? []).map(({ node }) => node));
      expect([...doubted]).toEqual([WRONG]);
    },
    FOUND_MS,
  );
});
