import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import type { Cut } from '../../protocol/query.js';
import { field, until } from './demo-run.js';
import { ReplicaFleet, type Verdict } from './replica-fleet.js';
import { Site } from './site.js';

// Cards lie: bytes turn over in files that were written well and closed long ago.

const NODES = ['cam1', 'cam2', 'cam3'];
const TIMEOUT_MS = 480_000;

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
          120_000,
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
    const untilMs = Date.now() + 2120_000;
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
      ...['query', '--count', '--json', '--broker', this.site.brokerUrl, '--replicas', 'all', '--timeout', '60'],
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
    await fleet.converged(NODES, cut, 120_000);
  });

  it('is noticed by a node that was off meanwhile, in a copy and in its own log', { timeout: TIMEOUT_MS }, async () => {
    const own = rotting.ownSegment('cam3', 0);
    await fleet.stop('cam3');
    flip(own);
    fleet.start('cam3');
    await rotting.neverWrong('cam3', 'cam3 has mended its own log', () => (fleet.state('cam3')?.mended ?? 0) >= 1);
    expect(existsSync(`${own}.rot`)).toBe(true);
    await fleet.converged(NODES, cut, 120_000);
    await fleet.kill('cam3');
    flip(rotting.copyOf('cam3', 'cam2', 1));
    fleet.start('cam3');
    await rotting.neverWrong(
      'cam3',
      'cam3 has mended its copy',
      () => (fleet.state('cam3')?.counters.segmentsFetched ?? 0) >= 1,
    );
    await fleet.converged(NODES, cut, 120_000);
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
    await until('it has mended that, too', () => fleet.state('cam2')?.mended === 2, 120_000);
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

  /**
   * Asks until all replicas agree so: on a loaded machine one may be overloaded for a while. No answer on the way is wrong.
   * @returns who was found rotten.
   */
  async function agree(confidence: 'confirmed' | 'verified', ...args: string[]): Promise<string[]> {
    const rotten = new Set<string>();
    const untilMs = Date.now() + 2120_000;
    for (;;) {
      const { code, answer } = await rotting.query(...args);
      const isFull = field(answer, 'complete') === true;
      if (isFull) expect(field(answer, 'count')).toBe(3 * 601);
      const checked = field(answer, 'checked');
      for (const one of Array.isArray(checked) ? checked : []) {
        if (field(one, 'rotten') !== 0) rotten.add(String(field(one, 'node')));
      }
      const isWhole = code === 0 && isFull && isDeepStrictEqual(field(answer, 'replicas'), NODES);
      if (isWhole && field(answer, 'confidence') === confidence) return [...rotten];
      if (Date.now() > untilMs) throw new Error(`${JSON.stringify(answer)}\n${rotting.site.said()}`);
      await new Promise((done) => setTimeout(done, 1_000));
    }
  }

  it('costs no answer, is found and mended by a query that reads again, and all agree afterwards', {
    timeout: TIMEOUT_MS,
  }, async () => {
    await agree('confirmed');
    const path = rotting.copyOf('cam2', 'cam1', 0);
    flip(path);
    // What was read and checked before is in memory: it does not show the byte.
    expect(await agree('confirmed')).toEqual([]);
    expect(await agree('verified', '--verify')).toEqual(['cam2']);
    expect(readFileSync(path)).toEqual(readFileSync(rotting.copyOf('cam3', 'cam1', 0)));
    await until('cam2 says so', () => rotting.fleet.state('cam2')?.mended === 1, 120_000);
    expect(rotting.fleet.state('cam2')?.counters.rot).toBe(1);
    expect(await agree('verified', '--verify')).toEqual([]);
    expect(await agree('confirmed')).toEqual([]);
  });

  it('is mended in its own log too, from what others hold of it', { timeout: TIMEOUT_MS }, async () => {
    const own = rotting.ownSegment('cam1', 1);
    flip(own);
    expect(await agree('verified', '--verify')).toEqual(['cam1']);
    expect(existsSync(`${own}.rot`)).toBe(true);
    await until('cam1 says so', () => rotting.fleet.state('cam1')?.mended === 1, 120_000);
    await rotting.fleet.converged(NODES, rotting.cut, 120_000);
    // The next life of it closes what this one left open, behind a segment that is not in its log any more.
    await rotting.fleet.kill('cam1');
    rotting.fleet.start('cam1', { pollMs: 600_000 });
    await rotting.neverWrong('cam1', 'cam1 is back', () => rotting.fleet.state('cam1')?.state === 'active');
    await rotting.fleet.converged(NODES, rotting.cut, 120_000);
    expect(await agree('verified', '--verify')).toEqual([]);
    for (const node of NODES) expect(rotting.fleet.state(node)?.counters.forks).toBe(0);
  });
});
