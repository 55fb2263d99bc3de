import { writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { QueryClient } from '../../base/query/query-client.js';
import { Random } from '../../base/random.js';
import { parseJson } from '../../protocol/codec.js';
import { QuerySpec } from '../../protocol/query.js';
import { field, isJson, type Json, until } from './demo-run.js';
import { ReplicaFleet } from './replica-fleet.js';
import { Site } from './site.js';

// A person asks by the command line, over records that are known one by one.

const HOUR_MS = 3_600_000;
const FIRST_MS = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 30 * HOUR_MS;
const RECORDS: Readonly<Record<string, number>> = { cam1: 60_000, cam2: 40_000 };
const NODES = Object.keys(RECORDS);
const TIMEOUT_MS = 180_000;

type Fields = {
  readonly node: string;
  readonly t: number;
  readonly k: string;
  readonly c?: string;
  readonly l?: string;
  readonly p?: number;
  readonly z?: readonly string[];
};

/** A day of one node, times unique over all of them, as its log will have it: the record that opens an epoch comes first. */
function dayOf(node: string): Fields[] {
  const random = new Random(`query/${node}`);
  const count = RECORDS[node] ?? 0;
  const stepMs = Math.floor((24 * HOUR_MS) / count / 10) * 10;
  const records = Array.from({ length: count }, (_, i): Fields => {
    const common = { node, t: FIRST_MS + i * stepMs + NODES.indexOf(node) };
    if (random.next() < 0.05) return { ...common, k: 'note' };
    const z = random.next() < 0.3 ? { z: [random.pick(['door', 'yard'])] } : {};
    const c = random.pick(['front', 'back']);
    return { ...common, k: 'track', c, l: random.pick(['person', 'car', 'dog']), p: random.int(1001), ...z };
  });
  return [{ node, t: records[0]?.t ?? 0, k: 'open' }, ...records];
}

function scriptOf(records: readonly Fields[]): string {
  const lines = records.slice(1).map(({ node: _, ...fields }, i) => {
    const track = fields.k === 'track' ? { ev: 'update', id: i + 1, b: [100, 100, 300, 500] } : {};
    return JSON.stringify({ ...fields, ...track });
  });
  return `${lines.join('\n')}\n`;
}

/** A broker, two nodes that are not started yet, and who asks: the reader of the fleet, and `reader2` by the command line. */
async function openFleet(): Promise<{ site: Site; fleet: ReplicaFleet }> {
  const site = await Site.open(...NODES);
  await site.addUser('reader1', 'operator');
  await site.addUser('reader2', 'reader');
  const fleet = new ReplicaFleet(site);
  await fleet.open();
  return { site, fleet };
}

/** The same for the suite that calls it, from before its first test until after its last. */
function useFleet(): () => { site: Site; fleet: ReplicaFleet } {
  let opened: { site: Site; fleet: ReplicaFleet } | undefined;
  beforeAll(async () => {
    opened = await openFleet();
  }, TIMEOUT_MS);
  afterAll(async () => {
    await opened?.fleet.close();
    await opened?.site.close();
  }, 150_000);
  return () => {
    if (opened === undefined) throw new Error('the fleet is not open');
    return opened;
  };
}

function query(site: Site, ...args: string[]) {
  const credentials = ['--user', 'reader2', '--password-file', site.path('reader2.password')];
  // The longest that may be had: how soon a machine with other things to do answers is not what is asked here.
  return site.run('query', '--broker', site.brokerUrl, ...credentials, '--timeout', '60', ...args);
}

async function askForJson(site: Site, ...args: string[]): Promise<{ code: number | null; answer: Json }> {
  const { code, lines } = await query(site, '--json', ...args);
  const parsed = lines[0] === undefined ? {} : parseJson(lines[0]);
  return { code, answer: isJson(parsed) ? parsed : {} };
}

describe('vedette query over 100,000 records of two nodes', () => {
  let site: Site;
  let fleet: ReplicaFleet;
  const all: Fields[] = [];

  beforeAll(async () => {
    ({ site, fleet } = await openFleet());
    for (const node of NODES) {
      const records = dayOf(node);
      all.push(...records);
      writeFileSync(site.path(`${node}.script`), scriptOf(records));
      fleet.start(node, { script: site.path(`${node}.script`) });
    }
    const startedMonoMs = performance.now();
    while (fleet.appended().reduce((sum, [, , seq]) => sum + seq, 0) < all.length) {
      if (performance.now() - startedMonoMs > TIMEOUT_MS) throw new Error(`not appended\n${site.said()}`);
      await new Promise((done) => setTimeout(done, 200));
    }
    const tookMs = await fleet.converged(NODES, fleet.appended(), TIMEOUT_MS);
    console.log(JSON.stringify({ records: all.length, convergedMs: Math.round(tookMs) }));
  }, 2 * TIMEOUT_MS);

  afterAll(async () => {
    await fleet?.close();
    await site?.close();
  }, 150_000);

  const ask = (...args: string[]) => askForJson(site, ...args);
  const run = (...args: string[]) => query(site, ...args);
  const iso = (ms: number) => new Date(ms).toISOString();
  const from = FIRST_MS + 5 * HOUR_MS;
  const to = FIRST_MS + 9 * HOUR_MS;
  const cases: { args: string[]; matches: (record: Fields) => boolean }[] = [
    { args: [], matches: () => true },
    { args: ['--node', 'cam2'], matches: ({ node }) => node === 'cam2' },
    { args: ['--camera', 'back'], matches: ({ c }) => c === 'back' },
    { args: ['--kind', 'note'], matches: ({ k }) => k === 'note' },
    { args: ['--label', 'dog'], matches: ({ l }) => l === 'dog' },
    { args: ['--zone', 'yard'], matches: ({ z }) => z?.includes('yard') === true },
    { args: ['--score-min', '0.9'], matches: ({ p }) => p !== undefined && p >= 900 },
    { args: ['--from', iso(from), '--to', iso(to)], matches: ({ t }) => t >= from && t <= to },
    {
      args: [
        ...['--node', 'cam1', '--camera', 'front', '--kind', 'track', '--label', 'person', '--zone', 'door'],
        ...['--score-min', '0.5', '--from', iso(from), '--to', iso(to)],
      ],
      matches: ({ node, c, l, z, p = 0, t }) =>
        node === 'cam1' && c === 'front' && l === 'person' && z?.[0] === 'door' && p >= 500 && t >= from && t <= to,
    },
  ];

  it('counts by node, camera, kind, label, zone, score and time as many as there are', {
    timeout: TIMEOUT_MS,
  }, async () => {
    // Three at a time: a replica takes four questions of one asker.
    for (let i = 0; i < cases.length; i += 3) {
      const some = cases.slice(i, i + 3);
      const said = await Promise.all(some.map(({ args }) => ask('--count', ...args)));
      for (const [n, { args, matches }] of some.entries()) {
        const { code, answer } = said[n] ?? {};
        const { complete, confidence: sure, replicas, absent } = answer ?? {};
        const told = { args, code, count: answer?.count, complete, sure, replicas, absent };
        const count = all.filter(matches).length;
        expect(told).toEqual({ args, code: 0, count, complete: true, sure: 'confirmed', replicas: NODES, absent: [] });
        expect(count).toBeGreaterThan(0);
      }
    }
  });

  it('lists the newest first, for programs and as a table', { timeout: TIMEOUT_MS }, async () => {
    const newest = all.filter(({ l }) => l === 'car').sort((a, b) => b.t - a.t);
    const { answer } = await ask('--label', 'car', '--limit', '40');
    const rows = Array.isArray(answer.rows) ? answer.rows : [];
    const told = rows.map((row) => ({ node: field(row, 'node'), t: field(row, 't'), p: field(row, 'p') }));
    expect(told).toEqual(newest.slice(0, 40).map(({ node, t, p }) => ({ node, t, p })));
    expect(answer.count).toBe(newest.length);

    const { code, lines, errors } = await run('--label', 'car', '--limit', '40');
    expect(code).toBe(0);
    expect(lines.filter((line) => line.includes('car'))).toHaveLength(40);
    expect(errors.join('\n')).toMatch(/confirmed by cam\d, cam\d; complete;/);
    expect(errors.join('\n')).toContain(`the newest 40 of ${newest.length} that match`);
  });

  it('draws as many by hour as there are', { timeout: TIMEOUT_MS }, async () => {
    const bars = new Map<number, number>();
    for (const { t, k } of all) {
      const startMs = Math.floor(t / HOUR_MS) * HOUR_MS;
      if (k === 'track') bars.set(startMs, (bars.get(startMs) ?? 0) + 1);
    }
    const { answer } = await ask('--histogram', 'hour', '--kind', 'track');
    expect(answer.buckets).toEqual([...bars].map(([startMs, count]) => ({ startMs, count })));
    const { lines } = await run('--histogram', 'hour', '--kind', 'track');
    expect(lines.filter((line) => line.includes('#'))).toHaveLength(24);
  });

  it('answers in well under a second', { timeout: TIMEOUT_MS }, async () => {
    const clock = new SystemClock();
    const password = await site.addUser('reader3', 'reader');
    const common = { clock, random: new Random('reader3'), log: silentLog };
    const link = new Link({
      ...{ ...common, url: site.brokerUrl, root: 'vedette', clientId: 'reader3', username: 'reader3', password },
    });
    const client = new QueryClient({ ...common, link, me: 'reader3', limits: { deadlineMs: 20_000 } });
    client.open();
    link.open();
    try {
      await client.settle(AbortSignal.timeout(20_000));
      const tookMs: Record<string, number> = {};
      for (const shape of ['count', 'list', 'histogram'] as const) {
        const spec = QuerySpec.parse({ shape, filter: { label: 'person' } });
        const each: number[] = [];
        for (let i = 0; i < 7; i++) {
          const startedMonoMs = performance.now();
          const { count, complete } = await client.ask({ spec }, AbortSignal.timeout(20_000));
          each.push(performance.now() - startedMonoMs);
          expect({ count, complete }).toEqual({ count: all.filter(({ l }) => l === 'person').length, complete: true });
        }
        tookMs[shape] = Math.round(Math.min(...each));
      }
      console.log(JSON.stringify({ records: all.length, bestOfSevenMs: tookMs }));
      // The best of some: what others make this machine do is not the answer's fault.
      for (const best of Object.values(tookMs)) expect(best).toBeLessThan(500);
    } finally {
      client.close();
      await link.close();
    }
  });

  it('tells a wrong password from a broker that is not there', { timeout: TIMEOUT_MS }, async () => {
    const wrong = await site.run(
      ...['query', '--count', '--broker', site.brokerUrl, '--user', 'reader2'],
      ...['--password-file', site.path('cam1.password')],
    );
    expect(wrong.code).toBe(78);
    expect(wrong.errors.join('\n')).toContain('hint:');
    const nobody = await site.run('query', '--count', '--broker', 'mqtt://127.0.0.1:9');
    expect(nobody.code).toBe(69);
    expect(nobody.errors.join('\n')).toContain('vedette demo');
  });
});

describe('vedette query while logs grow', () => {
  const opened = useFleet();

  it('counts what replicas hold and no head tells of yet', { timeout: TIMEOUT_MS }, async () => {
    const { site, fleet } = opened();
    for (const node of NODES) fleet.start(node, { recordsPerS: 20 });
    const total = () => fleet.appended().reduce((sum, [, , seq]) => sum + seq, 0);
    for (let least = 100; least <= 400; least += 100) {
      await until(`${least} records`, () => total() >= least, 60_000);
      const before = fleet.appended();
      await fleet.converged(NODES, before, 60_000);
      const { code, answer } = await askForJson(site, '--count');
      const { complete, confidence: sure, missing, absent } = answer;
      expect({ code, complete, sure, missing, absent }).toEqual({
        ...{ code: 0, complete: true, sure: 'confirmed', missing: [], absent: [] },
      });
      let cutRecords = 0;
      for (const [node, epoch, seq] of before) {
        const logs = Array.isArray(answer.cut) ? answer.cut : [];
        const to = Number(
          field(
            logs.find((log) => field(log, 'epoch') === epoch),
            'to',
          ),
        );
        expect({ node, to, isLess: to < seq }).toEqual({ node, to, isLess: false });
        cutRecords += to;
      }
      expect(answer.count).toBe(cutRecords);
    }
  });
});

describe('vedette query while the only holder of some records is away', () => {
  const opened = useFleet();

  it('names what is missing, and has it again afterwards', { timeout: TIMEOUT_MS }, async () => {
    const { site, fleet } = opened();
    const heads = site.listen();
    const start = (node: string, records: number) => {
      const path = site.path(`${node}.script`);
      writeFileSync(path, `${JSON.stringify({ t: Date.now(), k: 'note' })}\n`.repeat(records));
      fleet.start(node, { script: path });
      // The record that opens an epoch is one of them.
      return heads.waitFor(`a head of all that ${node} has`, () => {
        const logs = field(heads.last('head', { node }), 'logs');
        return Array.isArray(logs) && field(logs, 0, 'seq') === records + 1;
      });
    };
    await start('cam1', 30);
    await fleet.kill('cam1');
    await start('cam2', 5);
    await fleet.kill('cam2');
    fleet.start('cam1');
    const ofCam1 = fleet.appended().filter(([node]) => node === 'cam1');
    await fleet.converged(['cam1'], ofCam1, 60_000);

    const partial = await askForJson(site, '--count');
    expect({ code: partial.code, complete: partial.answer.complete }).toEqual({ code: 75, complete: false });
    expect(partial.answer.count).toBe(31);
    expect(partial.answer.missing).toMatchObject([{ n: 'cam2', from: 1, to: 6 }]);
    const { errors } = await query(site, '--count');
    expect(errors.join('\n')).toMatch(/PARTIAL, 1 range missing/);
    expect(errors.join('\n')).toMatch(/missing: cam2 \w{12} 1 to 6/);

    fleet.start('cam2');
    await fleet.converged(NODES, fleet.appended(), 60_000);
    const whole = await askForJson(site, '--count');
    expect({ code: whole.code, count: whole.answer.count, missing: whole.answer.missing }).toEqual({
      ...{ code: 0, count: 37, missing: [] },
    });
  });
});
