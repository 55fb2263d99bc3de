import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { SimulatedClock } from '../../../../base/clock.js';
import { Link } from '../../../../base/link/link.js';
import { type LinkMessage, SubscriptionTable } from '../../../../base/link/subscription-table.js';
import { silentLog } from '../../../../base/log.js';
import { Random } from '../../../../base/random.js';
import type { LookVision, VisionCommand } from '../../../../edge/process/vision-message.js';
import type { HeldLog, LogReader } from '../../../../edge/query/log-reader.js';
import { AuditDesk } from '../../../../edge/sharing/audits/audit-desk.js';
import { type AuditRecordFields, digestInRecord } from '../../../../edge/sharing/audits/audit-effects.js';
import { LookCaller } from '../../../../edge/sharing/look-caller.js';
import type { LogRecord } from '../../../../protocol/record.js';
import { buildTopic, type Params, type Route, routes } from '../../../../protocol/routes.js';
import type { SharedBox } from '../../../../protocol/shared-box.js';
import { Claims } from '../../../../protocol/sharing.js';

const MODEL = 'a'.repeat(64);
const EPOCH = 'abcdefghijkl';
const NODES = ['cam1', 'cam2', 'cam3'];

/** Begins as a JPEG does. */
const jpegOf = (picture: string) => Uint8Array.from(Buffer.from(`\xff\xd8\xff ${picture}`, 'latin1'));

/** Carries what is published to all others, as bytes. */
class Bus {
  readonly links: BusLink[] = [];
  /** Topics, in order. */
  readonly said: string[] = [];
  /** What was no valid message, or broke a handler. */
  readonly faults: unknown[] = [];

  deliver(topic: string, bytes: Uint8Array, isRetained = false): void {
    this.said.push(topic);
    for (const link of this.links) link.table.deliver(topic, bytes, isRetained, 0, (error) => this.faults.push(error));
  }
}

class BusLink extends Link {
  readonly table = new SubscriptionTable('vedette');
  readonly #bus: Bus;
  isBroken = false;

  constructor(bus: Bus, clientId: string, clock: SimulatedClock) {
    super({
      ...{ url: 'mqtt://127.0.0.1:1', clientId, root: 'vedette', clock, random: new Random(1), log: silentLog },
    });
    this.#bus = bus;
    bus.links.push(this);
  }

  override subscribe<P extends string, S extends z.ZodType>(
    route: Route<P, S>,
    params: Partial<Params<P>>,
    onMessage: (message: LinkMessage<P, z.infer<S>>) => void,
  ): () => void {
    return this.table.add(route, params, onMessage, undefined).remove;
  }

  override async publishEncoded<P extends string>(
    route: Route<P>,
    params: Params<P>,
    bytes: Uint8Array,
  ): Promise<void> {
    if (this.isBroken) throw new Error('not connected');
    this.#bus.deliver(buildTopic('vedette', route, params), bytes);
  }
}

/** The own log of a node, in memory; everybody reads all of them, as if replication took no time. */
class Logs implements LogReader {
  readonly lines = new Map<string, string[]>();

  append(node: string, fields: object): LogRecord {
    const lines = this.lines.get(node) ?? [];
    this.lines.set(node, lines);
    const record = { s: lines.length + 1, t: 1_000_000, k: 'other', ...fields };
    lines.push(JSON.stringify(record));
    return record;
  }

  logs(): HeldLog[] {
    return [...this.lines].map(([node, { length: frontier }]) => ({ node, epoch: EPOCH, first: 1, frontier }));
  }

  slice(node: string, epoch: string, from: number, to: number) {
    const lines = (this.lines.get(node) ?? []).map((text, i) => ({ s: i + 1, text }));
    return { node, epoch, from, to, segments: [], lines: lines.filter(({ s }) => s >= from && s <= to) };
  }

  isForgotten = () => false;
  catchUp = async () => {};
  noteRot = async () => {};
  noteDoubt = () => {};
}

const claimsOf = (more: object = {}) =>
  Claims.parse({
    ...{ v: 1, site: 'yard', state: 'active', beatMs: 10_000, model: { id: 'm', sha256: MODEL } },
    ...{ capacityFps: 10, spareFps: 5, shares: { sources: false, offers: false, audits: true } },
    ...{ sources: [], heard: [], doubts: [], ...more },
  });

type Told = { doubts: Claims['doubts']; audits?: Readonly<Record<string, number>> | undefined };

/** One node around its desk: what its vision process is asked, and what it answers. */
class Node {
  readonly name: string;
  readonly link: BusLink;
  readonly desk: AuditDesk;
  readonly looks: LookVision[] = [];
  told: Told = { doubts: [] };
  sees: SharedBox[] | 'nothing' = [{ l: 'person', p: 0.9, b: [10, 10, 90, 90] }];
  claims = claimsOf();
  isDiskFull = false;
  readonly #site: Site;

  constructor(site: Site, name: string) {
    this.name = name;
    this.#site = site;
    this.link = new BusLink(site.bus, name, site.clock);
    const caller = new LookCaller({ clock: site.clock, tellVision: (command) => this.#look(command, caller) });
    this.desk = new AuditDesk({
      ...{ node: name, site: 'yard', otherSites: site.otherSites, link: this.link, looks: caller },
      peers: () =>
        site.nodes.filter((other) => other !== this).map((o) => ({ node: o.name, claims: o.claims, isActive: true })),
      append: async (fields: AuditRecordFields) => {
        if (this.isDiskFull) throw new Error('no space left');
        return site.logs.append(name, fields);
      },
      logs: () => site.logs,
      onClaims: (claims) => {
        this.told = claims;
      },
      ...{ clock: site.clock, log: silentLog },
    });
    this.desk.open();
    this.desk.onModel(MODEL);
  }

  /** A picture is kept and its record written. */
  record(picture: string): void {
    const jpeg = jpegOf(picture);
    const digest = createHash('sha256').update(jpeg).digest('hex');
    const about = { camera: 'front', capturedAtMs: 1_000_000, isQuiet: false, live: true, scoreMin: 0.5 };
    this.desk.onCandidate({ type: 'candidate', ...about, digest, jpeg });
    const record = this.#site.logs.append(this.name, { k: 'look', c: 'front', j: digestInRecord(digest) });
    this.desk.onRecorded('front', record, EPOCH);
  }

  #look(command: VisionCommand, caller: LookCaller): boolean {
    if (command.type !== 'look') return true;
    this.looks.push(command);
    const { request } = command;
    const size = { widthPx: 100, heightPx: 100, tookMs: 7, wasOwed: command.isGuest };
    queueMicrotask(() =>
      caller.onLooked(
        this.sees === 'nothing'
          ? { type: 'looked', request, ok: false, code: 'late', message: 'no turn' }
          : { type: 'looked', request, ok: true, boxes: this.sees, ...size },
      ),
    );
    return true;
  }
}

/** Three nodes that audit each other over what a broker would carry. */
class Site {
  readonly clock = new SimulatedClock();
  readonly bus = new Bus();
  readonly logs = new Logs();
  readonly nodes: readonly Node[];
  readonly otherSites: boolean;
  #heads = 0;

  constructor(otherSites = false) {
    this.otherSites = otherSites;
    const nodes: Node[] = [];
    this.nodes = nodes;
    for (const name of NODES) nodes.push(new Node(this, name));
    for (const { desk } of nodes) desk.onPeers();
  }

  node(name: string): Node {
    const node = this.nodes.find((one) => one.name === name);
    if (node === undefined) throw new Error(`no ${name}`);
    return node;
  }

  /** A head is signed, and everything that follows from it happens. */
  async head(node: string, isRetained = false): Promise<void> {
    const head = { v: 1, node, inst: 'i', t: 1, logs: [], sig: `signature ${++this.#heads}` };
    const bytes = new TextEncoder().encode(JSON.stringify(head));
    this.bus.deliver(buildTopic('vedette', routes.head, { node }), bytes, isRetained);
    await this.clock.advance(2_000);
    expect(this.bus.faults).toEqual([]);
  }

  /** Audits recorded, by who recorded them. */
  findings(): { readonly author: string; readonly v: unknown; readonly of: unknown }[] {
    return [...this.logs.lines].flatMap(([author, lines]) =>
      lines.map((line) => JSON.parse(line)).flatMap(({ k, v, of }) => (k === 'audit' ? [{ author, v, of }] : [])),
    );
  }
}

describe('the audit desk of a node', () => {
  it('has a result checked by two others over the link, who record what they found', async () => {
    const site = new Site();
    site.node('cam1').record('one');
    await site.head('cam2');
    const of = { n: 'cam1', e: EPOCH, s: 1 };
    expect(site.findings()).toEqual([
      { author: 'cam2', v: 'valid', of },
      { author: 'cam3', v: 'valid', of },
    ]);
    expect(site.bus.said.filter((topic) => topic.includes('/audit/'))).toHaveLength(2);
    expect(site.node('cam1').looks.map(({ isGuest }) => isGuest)).toEqual([false]);
    for (const name of ['cam2', 'cam3']) {
      expect(site.node(name).looks).toMatchObject([{ isGuest: true, isOwed: true, scoreMin: 0.5 }]);
    }
    await site.clock.advance(10_000);
    expect(site.node('cam1').told.audits).toMatchObject({
      given: 1,
      agreed: 1,
      lookMs: 7,
      owedLooks: 0,
      validInRow: 1,
    });
    expect(site.node('cam2').told.audits).toMatchObject({ taken: 1, foundValid: 1, lookMs: 7, owedLooks: 1 });
  });

  it('is not moved by a head of its own, a retained one, nor by a record without the picture', async () => {
    const site = new Site();
    site.node('cam1').record('one');
    await site.head('cam1');
    await site.head('cam2', true);
    const other = site.logs.append('cam1', { k: 'look', c: 'front', j: '0123456789abcdef' });
    site.node('cam1').desk.onRecorded('front', other, EPOCH);
    expect(site.findings()).toEqual([]);
    await site.head('cam3');
    expect(site.findings()).toHaveLength(2);
  });

  it('tells at once whom it doubts, and asks that one no more', async () => {
    const site = new Site();
    site.node('cam3').sees = [{ l: 'dog', p: 0.9, b: [10, 10, 90, 90] }];
    // As many as the only pair has to have judged.
    for (const picture of ['one', 'two', 'three', 'four', 'five', 'six']) site.node('cam3').record(picture);
    await site.head('cam1');
    for (const name of ['cam1', 'cam2']) {
      expect(site.node(name).told.doubts).toMatchObject([{ node: 'cam3', model: MODEL, disputed: 6 }]);
    }
    const asked = site.node('cam3').looks.length;
    site.node('cam1').record('seven');
    await site.head('cam2');
    expect(site.node('cam3').looks).toHaveLength(asked);
    expect(site.node('cam1').desk.drops()).toMatchObject({ 'audits.withoutAuditors': 1 });
  });

  it('looks at the picture with other colours before it disputes, which counts as work of its detector', async () => {
    const site = new Site();
    site.node('cam1').sees = [{ l: 'dog', p: 0.9, b: [10, 10, 90, 90] }];
    site.node('cam1').record('one');
    await site.head('cam2');
    for (const name of ['cam2', 'cam3']) {
      const { looks } = site.node(name);
      expect(looks.map(({ colours }) => colours)).toEqual([undefined, 'blended', 'repeated', 'grainy']);
      for (const { jpeg, isOwed } of looks) expect([jpeg, isOwed]).toEqual([looks[0]?.jpeg, true]);
    }
    expect(site.findings().map(({ v }) => v)).toEqual(['disputed', 'disputed']);
    await site.clock.advance(10_000);
    expect(site.node('cam2').told.audits).toMatchObject({ taken: 1, lookedAgain: 1, foundDisputed: 1, lookMs: 28 });
    expect(site.node('cam2').desk.drops()).toMatchObject({ 'audits.seenAsWorker': 0, 'audits.notLookedAgain': 0 });
  });

  it('asks nobody who does not share audits, is leaving, of another site, or of another model', async () => {
    const changes = [
      { shares: { sources: true, offers: true, audits: false } },
      { state: 'leaving' },
      { site: 'barn' },
      { model: { id: 'm', sha256: 'b'.repeat(64) } },
    ];
    for (const change of changes) {
      const site = new Site();
      site.node('cam3').claims = claimsOf(change);
      for (const { desk } of site.nodes) desk.onPeers();
      site.node('cam1').record('one');
      await site.head('cam2');
      expect(site.node('cam3').looks).toEqual([]);
      expect(site.node('cam1').desk.drops()).toMatchObject({ 'audits.withoutAuditors': 1 });
    }
  });

  it('asks who has too much to do where too few others are, and sends its pictures to other sites where it may', async () => {
    const busy = new Site();
    busy.node('cam3').claims = claimsOf({ state: 'overloaded' });
    for (const { desk } of busy.nodes) desk.onPeers();
    busy.node('cam1').record('one');
    await busy.head('cam2');
    expect(busy.findings()).toHaveLength(2);

    const far = new Site(true);
    far.node('cam3').claims = claimsOf({ site: 'barn' });
    for (const { desk } of far.nodes) desk.onPeers();
    far.node('cam1').record('one');
    await far.head('cam2');
    expect(far.findings()).toHaveLength(2);
  });

  it('keeps no picture whose record never comes', async () => {
    const site = new Site();
    const { desk } = site.node('cam1');
    const jpeg = jpegOf('one');
    const digest = createHash('sha256').update(jpeg).digest('hex');
    const about = { camera: 'yard', capturedAtMs: 1_000_000, isQuiet: false, live: true, scoreMin: 0.5 };
    const candidate = { type: 'candidate' as const, ...about, digest, jpeg };
    desk.onCandidate(candidate);
    desk.onCandidate(candidate);
    expect(desk.drops()).toMatchObject({ 'audits.unrecorded': 1 });
    await site.clock.advance(31_000);
    expect(desk.drops()).toMatchObject({ 'audits.unrecorded': 2 });
    desk.onRecorded('yard', { s: 1, t: 1, k: 'look', c: 'yard', j: digestInRecord(digest) }, EPOCH);
    await site.head('cam2');
    expect(site.findings()).toEqual([]);
  });

  it('counts looks that came to nothing, records not written and messages not sent, and goes on', async () => {
    const site = new Site();
    const [worker, second, third] = [site.node('cam1'), site.node('cam2'), site.node('cam3')];
    second.sees = 'nothing';
    worker.record('one');
    await site.head('cam2');
    expect(second.desk.drops()).toMatchObject({ 'audits.takenFailed': 1 });
    second.sees = third.sees;
    third.isDiskFull = true;
    worker.record('two');
    await site.head('cam2');
    expect(third.desk.drops()).toMatchObject({ 'audits.recordFailures': 1 });
    worker.link.isBroken = true;
    worker.record('three');
    await site.head('cam2');
    expect(worker.desk.drops()).toMatchObject({ 'audits.sendFailures': 2 });
    worker.link.isBroken = false;
    third.isDiskFull = false;
    worker.record('four');
    await site.head('cam2');
    expect(site.findings().filter(({ of }) => JSON.stringify(of).includes('"s":4'))).toHaveLength(2);
  });

  it('ends what its vision process was to look at when that is gone, and begins anew with the next', async () => {
    const site = new Site();
    const worker = site.node('cam1');
    worker.record('one');
    worker.desk.onVisionLost();
    await site.head('cam2');
    expect(site.findings()).toEqual([]);
    worker.desk.onModel(MODEL);
    worker.record('two');
    await site.head('cam3');
    expect(site.findings()).toHaveLength(2);
  });

  it('keeps refusals to itself where it is flooded', async () => {
    const site = new Site();
    const worker = site.node('cam1');
    for (const { desk } of site.nodes) desk.onVisionLost();
    const jpeg = jpegOf('picture');
    const digest = createHash('sha256').update(jpeg).digest('hex');
    const of = { n: 'cam1', e: EPOCH, s: 1 };
    const about = { of, model: MODEL, scoreMin: 0.5, camera: 'front', live: true, capturedAtMs: 1, digest, boxes: [] };
    for (let i = 0; i < 50; i++) {
      const payload = { v: 1, id: `x-${i}`, ...about, other: 'cam3', picture: Uint8Array.from(jpeg) };
      await worker.link.publish(routes.audit, { recipient: 'cam2', sender: 'cam1' }, payload);
    }
    const said = site.bus.said.filter((topic) => topic.endsWith('/verdict/cam2'));
    // Twenty, to the worker and to the other auditor each.
    expect(said).toHaveLength(40);
    expect(site.node('cam2').desk.drops()).toMatchObject({ 'audits.refusedModel': 50, 'audits.refusalsUnsaid': 30 });
  });

  it('says nothing any more once it is closed', async () => {
    const site = new Site();
    site.node('cam1').record('one');
    site.node('cam1').desk.close();
    await site.head('cam2');
    expect(site.bus.said.filter((topic) => topic.includes('/audit/'))).toEqual([]);
  });
});
