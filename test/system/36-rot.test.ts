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

/** Three nodes that hold two closed segments of each other, and the begin of a third. */
class RottingFleet {
  readonly site: Site;
  readonly fleet: ReplicaFleet;
  cut: Cut = [];
  truth: Verdict | undefined;

  private constructor(site: Site) {
    this.site = site;
    this.fleet = new ReplicaFleet(site);
  }

  static async open(options: { readonly pollMs?: number } = {}): Promise<RottingFleet> {
    const site = await Site.open(...NODES);
    const rotting = new RottingFleet(site);
    try {
      await rotting.#begin(options);
      return rotting;
    } catch (error) {
      await rotting.close();
      throw error;
    }
  }

  async #begin(options: { readonly pollMs?: number }): Promise<void> {
    const { site, fleet } = this;
    await site.addUser('reader1', 'operator');
    await site.addUser('reader2', 'reader');
    await fleet.open();
    writeFileSync(site.path('script'), `${JSON.stringify({ t: Date.now(), k: 'note', what: 'a leaf' })}\n`.repeat(600));
    for (const node of NODES) fleet.start(node, { ...options, script: site.path('script') });
    await until('all is written', () => fleet.appended().filter(([, , seq]) => seq === 601).length === 3, TIMEOUT_MS);
    this.cut = fleet.appended();
    await fleet.converged(NODES, this.cut, TIMEOUT_MS);
    while (this.truth === undefined) this.truth = await fleet.ask('cam1', this.cut);
    for (const holder of NODES) {
      for (const of of NODES.filter((node) => node !== holder)) {
        await until(
          `${holder} has closed what it holds of ${of}`,
          () => existsSync(this.copyOf(holder, of, 1)),
          40_000,
        );
      }
    }
  }

  async close(): Promise<void> {
    await this.fleet.close();
    await this.site.close();
  }

  copyOf(holder: string, node: string, n: number): string {
    return this.site.path(holder, 'replica', 'copies', node, this.#epochOf(node), `0000000${n}.jsonl.gz`);
  }

  /** A closed segment of a node's own log. */
  ownSegment(node: string, n: number): string {
    const records = this.site.path(node, 'records');
    const folder = readdirSync(records).find((name) => name.endsWith(this.#epochOf(node))) ?? '';
    return join(records, folder, `0000000${n}.jsonl.gz`);
  }

  /** Waits until something holds, and asks all the while: what is answered is the truth, or says what is missing. */
  async neverWrong(node: string, what: string, isIt: () => boolean): Promise<void> {
    const untilMs = Date.now() + 90_000;
    while (!isIt()) {
      const said = await this.fleet.ask(node, this.cut, 0);
      if (said !== undefined && said.missing === 0) expect(said).toEqual(this.truth);
      if (Date.now() > untilMs)
        throw new Error(`${what}: ${JSON.stringify(this.fleet.state(node))}\n${this.site.said()}`);
      await new Promise((done) => setTimeout(done, 200));
    }
  }

  /** `vedette query --count --json` of all replicas. */
  async query(...args: string[]): Promise<{ readonly code: number | null; readonly answer: unknown }> {
    const { code, lines } = await this.site.run(
      ...['query', '--count', '--json', '--broker', this.site.brokerUrl, '--replicas', 'all', '--timeout', '10'],
      ...['--user', 'reader2', '--password-file', this.site.path('reader2.password'), ...args],
    );
    return { code, answer: parseJson(lines[0] ?? '') };
  }

  #epochOf(node: string): string {
    return this.cut.find(([of]) => of === node)?.[1] ?? '';
  }
}

describe('a byte that turned over in a stored segment', () => {
  let rotting: RottingFleet;
  let fleet: ReplicaFleet;
  let cut: Cut = [];

  beforeAll(async () => {
    rotting = await RottingFleet.open();
    ({ fleet, cut } = rotting);
  }, 2 * TIMEOUT_MS);

  afterAll(async () => {
    await rotting?.close();
  }, 150_000);

  it('is noticed by a running node, mended from its peers and told, and never answered from', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const path = rotting.copyOf('cam2', 'cam1', 0);
    flip(path);
    await rotting.neverWrong('cam2', 'cam2 has mended its copy', () => fleet.state('cam2')?.mended === 1);
    expect(fleet.state('cam2')?.counters.rot).toBe(1);
    expect(readFileSync(path)).toEqual(readFileSync(rotting.copyOf('cam3', 'cam1', 0)));
    expect(readdirSync(rotting.site.path('cam2', 'replica', 'rot'))).toHaveLength(1);
    await fleet.converged(NODES, cut, 40_000);
  });

  it('is noticed by a node that was off meanwhile, in a copy and in its own log', { timeout: TIMEOUT_MS }, async () => {
    const own = rotting.ownSegment('cam3', 0);
    await fleet.stop('cam3');
    flip(own);
    fleet.start('cam3');
    await rotting.neverWrong('cam3', 'cam3 has mended its own log', () => (fleet.state('cam3')?.mended ?? 0) >= 1);
    expect(existsSync(`${own}.rot`)).toBe(true);
    await fleet.converged(NODES, cut, 40_000);
    await fleet.kill('cam3');
    flip(rotting.copyOf('cam3', 'cam2', 1));
    fleet.start('cam3');
    await rotting.neverWrong(
      'cam3',
      'cam3 has mended its copy',
      () => (fleet.state('cam3')?.counters.segmentsFetched ?? 0) >= 1,
    );
    await fleet.converged(NODES, cut, 40_000);
  });

  it('again and again, takes a replica its vote and its answers, and a question is told so', {
    timeout: TIMEOUT_MS,
  }, async () => {
    flip(rotting.copyOf('cam2', 'cam3', 0));
    await rotting.neverWrong('cam2', 'cam2 is in quarantine', () => fleet.state('cam2')?.state === 'quarantined');
    expect(await fleet.ask('cam2', cut)).toBeUndefined();
    const { code, answer } = await rotting.query();
    expect({ code, complete: field(answer, 'complete') }).toEqual({ code: 0, complete: true });
    expect(field(answer, 'absent')).toContainEqual({ node: 'cam2', why: 'quarantined' });
    // It is mended all the same.
    await until('it has mended that, too', () => fleet.state('cam2')?.mended === 2, 40_000);
  });
});

// What polls would find in their own time a person finds out now: they ask each other once in ten minutes here.
describe('a byte that turned over while its node runs, and a person who wants to be sure', () => {
  let rotting: RottingFleet;

  beforeAll(async () => {
    rotting = await RottingFleet.open({ pollMs: 600_000 });
  }, 2 * TIMEOUT_MS);

  afterAll(async () => {
    await rotting?.close();
  }, 150_000);

  /** All replicas agree; whether they have read again for it. */
  async function agree(...args: string[]): Promise<unknown> {
    const { code, answer } = await rotting.query(...args);
    const told = { code, count: field(answer, 'count'), complete: field(answer, 'complete') };
    expect(told).toEqual({ code: 0, count: 3 * 601, complete: true });
    expect(field(answer, 'replicas')).toEqual(NODES);
    return answer;
  }

  it('costs no answer, is found and mended by a query that reads again, and all agree afterwards', {
    timeout: TIMEOUT_MS,
  }, async () => {
    expect(field(await agree(), 'confidence')).toBe('confirmed');
    const path = rotting.copyOf('cam2', 'cam1', 0);
    flip(path);
    // What was read and checked before is in memory; what is read now is checked. Neither shows the byte.
    await agree();
    const verified = await agree('--verify');
    expect(field(verified, 'confidence')).toBe('verified');
    const clean = (node: string) => ({ node, segments: 6, rotten: 0, mended: 0 });
    expect(field(verified, 'checked')).toEqual([
      clean('cam1'),
      { node: 'cam2', segments: 6, rotten: 1, mended: 1 },
      clean('cam3'),
    ]);
    expect(readFileSync(path)).toEqual(readFileSync(rotting.copyOf('cam3', 'cam1', 0)));
    await until('cam2 says so', () => rotting.fleet.state('cam2')?.mended === 1, 40_000);
    expect(rotting.fleet.state('cam2')?.counters.rot).toBe(1);
    expect(field(await agree(), 'confidence')).toBe('confirmed');
  });
});
