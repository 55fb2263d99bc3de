import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { silentLog } from '../../base/log.js';
import { Heartbeat } from '../../base/presence/heartbeat.js';
import { Presence } from '../../base/presence/presence.js';
import { Random } from '../../base/random.js';
import { decodePayload } from '../../protocol/codec.js';
import { routes } from '../../protocol/routes.js';
import type { Status } from '../../protocol/status.js';
import { eventually } from '../eventually.js';
import { PlainBroker } from '../plain-broker.js';

const STATUS_TOPIC = 'vedette/1/node/cam1/status';

describe('Presence', () => {
  let broker: PlainBroker;
  let stateDir: string;
  let seen: { readonly topic: string; readonly status: Status | undefined }[];
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    broker = await PlainBroker.open();
    stateDir = await mkdtemp(join(tmpdir(), 'vedette-presence-'));
    seen = [];
    broker.aedes.subscribe(
      'vedette/#',
      (packet, done) => {
        const payload = Buffer.from(packet.payload);
        const isStatus = packet.topic === STATUS_TOPIC && payload.length > 0;
        seen.push({ topic: packet.topic, status: isStatus ? decodePayload(routes.status, payload) : undefined });
        done();
      },
      () => {},
    );
  });

  afterEach(async () => {
    for (const close of closers.splice(0)) await close();
    await broker.close();
    await rm(stateDir, { recursive: true, force: true });
  });

  async function start(dir = stateDir): Promise<{ link: Link; presence: Presence }> {
    const common = { clock: new SystemClock(), random: new Random('presence'), log: silentLog };
    const link = new Link({
      ...common,
      url: broker.url,
      clientId: 'cam1',
      root: 'vedette',
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 100 },
    });
    const presence = new Presence({
      ...common,
      link,
      identity: { kind: 'node', node: 'cam1' },
      stateDir: dir,
      version: '0.1.0',
      invocation: 'inv-1',
    });
    await presence.open();
    link.open();
    closers.push(() => presence.close('done'));
    await eventually(() => link.isUp && statuses().at(-1)?.gen === presence.session.gen, 'birth');
    return { link, presence };
  }

  const statuses = () => seen.flatMap(({ status }) => (status === undefined ? [] : [status]));

  it('publishes its birth before anything else', async () => {
    await start();
    expect(seen[0]?.status).toMatchObject({ state: 'online', inv: 'inv-1', version: '0.1.0' });
  });

  it('leaves a will with the generation and session of its birth when it is cut off', async () => {
    await start();
    const birth = statuses()[0];
    broker.cut();
    await eventually(() => statuses().some(({ state }) => state === 'lost'), 'will');
    const will = statuses().find(({ state }) => state === 'lost');
    expect(will).toEqual({ ...birth, state: 'lost' });
  });

  it('raises its generation with every session and over restarts', async () => {
    const first = await start();
    const firstGen = first.presence.session.gen;
    broker.cut();
    await eventually(() => first.presence.session.gen > firstGen && first.link.isUp, 'second session');
    await first.presence.close('done');
    expect(Number(await readFile(join(stateDir, 'generation'), 'utf8'))).toBe(firstGen + 1);
    const second = await start();
    expect(second.presence.session.gen).toBe(firstGen + 2);
  });

  it('says stopped with its reason, and leaves no will', async () => {
    const { presence } = await start();
    await presence.close('update');
    expect(statuses().at(-1)).toMatchObject({ state: 'stopped', reason: 'update' });
    expect(statuses().some(({ state }) => state === 'lost')).toBe(false);
  });

  it.each([
    ['lost', async () => rm(join(stateDir, 'generation'))],
    ['torn', async () => writeFile(join(stateDir, 'generation'), '1\u0000x')],
  ])('learns its generation from the broker when the file is %s (N4)', async (_what, harm) => {
    await writeFile(join(stateDir, 'generation'), '41\n');
    const first = await start();
    expect(first.presence.session.gen).toBe(42);
    await first.presence.close('done');
    await harm();
    const second = await start();
    expect(second.presence.session.gen).toBe(43);
  });

  it('repairs its status when a stale will overwrites it (N6)', async () => {
    const { link, presence } = await start();
    const birth = statuses()[0];
    if (birth === undefined) throw new Error('no birth');
    // Births are a second apart at least.
    await link.publish(routes.status, { node: 'cam1' }, { ...birth, gen: birth.gen, state: 'lost' });
    await eventually(() => presence.session.gen === birth.gen + 1 && link.isUp, 'renewed');
    await eventually(() => statuses().at(-1)?.gen === birth.gen + 1, 'born again');
    expect(statuses().at(-1)).toMatchObject({ state: 'online' });
    expect(presence.counters()).toMatchObject({ generationsBurnt: 1 });
  });

  it('stops fighting a clone of itself after three evictions', async () => {
    const twinDir = await mkdtemp(join(tmpdir(), 'vedette-twin-'));
    const first = await start();
    const second = await start(twinDir);
    const duels = () =>
      [first, second].map(({ presence }) => presence.counters().duplicateIdentity ?? 0).reduce((a, b) => a + b);
    await eventually(() => duels() === 1, 'one of them holds off');
    await eventually(() => first.link.isUp !== second.link.isUp, 'the other one stays');
    const connects = () => (first.link.stats().counters.connects ?? 0) + (second.link.stats().counters.connects ?? 0);
    const before = connects();
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(connects()).toBe(before);
    expect(before).toBeLessThanOrEqual(7);
    await rm(twinDir, { recursive: true, force: true });
  });

  it('sends heartbeats for progress, and none without', async () => {
    const { link, presence } = await start();
    const options = { link, presence, node: 'cam1', clock: new SystemClock(), log: silentLog, cameras: () => ({}) };
    const heartbeat = new Heartbeat({ ...options, periodMs: 20 });
    heartbeat.open();
    heartbeat.progress();
    await eventually(() => (heartbeat.counters().skipped ?? 0) > 2, 'skipped beats');
    heartbeat.close();
    expect(seen.filter(({ topic }) => topic.endsWith('/beat'))).toHaveLength(1);
  });

  it('comes up where its folder can never be made', async () => {
    const { link } = await start('/proc/nowhere/state');
    await eventually(() => link.isUp, 'link up');
  });
});
