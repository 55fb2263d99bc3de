import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import type { Cut } from '../../protocol/query.js';
import { field, until } from './demo-run.js';
import { ReplicaFleet, type Verdict } from './replica-fleet.js';
import { Site } from './site.js';

// Cards lie: bytes turn over in files that were written well and closed long ago.

const NODES = ['cam1', 'cam2', 'cam3'];
const TIMEOUT_MS = 240_000;

/** Turns one byte over in the middle of a file, where it lies. */
function flip(path: string): void {
  const bytes = readFileSync(path);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 0x10;
  writeFileSync(path, bytes, { flag: 'r+' });
}

describe('a byte that turned over in a stored segment', () => {
  let site: Site;
  let fleet: ReplicaFleet;
  let cut: Cut = [];
  let truth: Verdict | undefined;

  beforeAll(async () => {
    site = await Site.open(...NODES);
    await site.addUser('reader1', 'operator');
    await site.addUser('reader2', 'reader');
    fleet = new ReplicaFleet(site);
    await fleet.open();
    // Two closed segments and the begin of a third.
    writeFileSync(site.path('script'), `${JSON.stringify({ t: Date.now(), k: 'note', what: 'a leaf' })}\n`.repeat(600));
    for (const node of NODES) fleet.start(node, { script: site.path('script') });
    await until('all is written', () => fleet.appended().filter(([, , seq]) => seq === 601).length === 3, TIMEOUT_MS);
    cut = fleet.appended();
    await fleet.converged(NODES, cut, TIMEOUT_MS);
    while (truth === undefined) truth = await fleet.ask('cam1', cut);
    for (const holder of NODES) {
      for (const of of NODES.filter((node) => node !== holder)) {
        await until(`${holder} has closed what it holds of ${of}`, () => existsSync(copyOf(holder, of, 1)), 40_000);
      }
    }
  }, 2 * TIMEOUT_MS);

  afterAll(async () => {
    await fleet?.close();
    await site?.close();
  }, 150_000);

  function epochOf(node: string): string {
    return cut.find(([of]) => of === node)?.[1] ?? '';
  }

  function copyOf(holder: string, node: string, n: number): string {
    return site.path(holder, 'replica', 'copies', node, epochOf(node), `0000000${n}.jsonl.gz`);
  }

  /** A closed segment of a node's own log. */
  function ownSegment(node: string, n: number): string {
    const records = site.path(node, 'records');
    const folder = readdirSync(records).find((name) => name.endsWith(epochOf(node))) ?? '';
    return join(records, folder, `0000000${n}.jsonl.gz`);
  }

  /** Waits until something holds, and asks all the while: what is answered is the truth, or says what is missing. */
  async function neverWrong(node: string, what: string, isIt: () => boolean): Promise<void> {
    const untilMs = Date.now() + 90_000;
    while (!isIt()) {
      const said = await fleet.ask(node, cut, 0);
      if (said !== undefined && said.missing === 0) expect(said).toEqual(truth);
      if (Date.now() > untilMs) throw new Error(`${what}: ${JSON.stringify(fleet.state(node))}\n${site.said()}`);
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  it('is noticed by a running node, mended from its peers and told, and never answered from', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const path = copyOf('cam2', 'cam1', 0);
    flip(path);
    await neverWrong('cam2', 'cam2 has mended its copy', () => fleet.state('cam2')?.mended === 1);
    expect(fleet.state('cam2')?.counters.rot).toBe(1);
    expect(readFileSync(path)).toEqual(readFileSync(copyOf('cam3', 'cam1', 0)));
    expect(readdirSync(site.path('cam2', 'replica', 'rot'))).toHaveLength(1);
    await fleet.converged(NODES, cut, 40_000);
  });

  it('is noticed by a node that was off meanwhile, in a copy and in its own log', { timeout: TIMEOUT_MS }, async () => {
    await fleet.stop('cam3');
    flip(ownSegment('cam3', 0));
    fleet.start('cam3');
    await neverWrong('cam3', 'cam3 has mended its own log', () => (fleet.state('cam3')?.mended ?? 0) >= 1);
    expect(existsSync(`${ownSegment('cam3', 0)}.rot`)).toBe(true);
    await fleet.converged(NODES, cut, 40_000);
    await fleet.kill('cam3');
    flip(copyOf('cam3', 'cam2', 1));
    fleet.start('cam3');
    await neverWrong(
      'cam3',
      'cam3 has mended its copy',
      () => (fleet.state('cam3')?.counters.segmentsFetched ?? 0) >= 1,
    );
    await fleet.converged(NODES, cut, 40_000);
  });

  it('again and again, takes a replica its vote and its answers, and a question is told so', {
    timeout: TIMEOUT_MS,
  }, async () => {
    flip(copyOf('cam2', 'cam3', 0));
    await neverWrong('cam2', 'cam2 is in quarantine', () => fleet.state('cam2')?.state === 'quarantined');
    expect(await fleet.ask('cam2', cut)).toBeUndefined();
    const { code, lines } = await site.run(
      ...['query', '--count', '--json', '--broker', site.brokerUrl, '--replicas', 'all', '--timeout', '10'],
      ...['--user', 'reader2', '--password-file', site.path('reader2.password')],
    );
    const answer = parseJson(lines[0] ?? '');
    expect({ code, complete: field(answer, 'complete') }).toEqual({ code: 0, complete: true });
    expect(field(answer, 'absent')).toContainEqual({ node: 'cam2', why: 'quarantined' });
    // It is mended all the same.
    await until('it has mended that, too', () => fleet.state('cam2')?.mended === 2, 40_000);
  });
});
