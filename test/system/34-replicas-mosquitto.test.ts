import { rmSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { Random } from '../../base/random.js';
import type { Cut } from '../../protocol/query.js';
import { describeWithProgram } from '../fixtures.js';
import { until } from './demo-run.js';
import { Mosquitto } from './mosquitto.js';
import { ReplicaFleet } from './replica-fleet.js';
import { Site } from './site.js';

// Nothing of ours in the middle: no broker epoch, no rights of roles in code, a queue that drops, and retained messages that
// are forgotten with a kill.

const SEED = process.env.VEDETTE_SEED ?? 'mosquitto';
/** Faults, each a second or two; VEDETTE_REPLICA_FAULTS=200 for a long run. */
const FAULTS = Number(process.env.VEDETTE_REPLICA_FAULTS ?? 9);
const NODES = ['cam1', 'cam2', 'cam3'];

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 150_000);

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function openFleet(): Promise<{ site: Site; mosquitto: Mosquitto; fleet: ReplicaFleet }> {
  const site = new Site();
  closers.push(() => site.close());
  const mosquitto = new Mosquitto(site);
  for (const node of NODES) await mosquitto.addUser(node, 'node');
  await mosquitto.addUser('reader1', 'operator');
  await mosquitto.start();
  const fleet = new ReplicaFleet(site, mosquitto);
  await fleet.open();
  closers.push(() => fleet.close());
  return { site, mosquitto, fleet };
}

/** Only what somebody else held of a log may be asked of it once its disk is gone. */
function withoutLost(appended: Cut, held: ReadonlyMap<string, number>): Cut {
  return appended.map(([node, epoch, seq]) => [node, epoch, held.get(`${node}/${epoch}`) ?? seq]);
}

describeWithProgram('mosquitto', 'replicas that meet at Mosquitto', () => {
  it('are equal, and equal to what was appended, after kill -9, freezes, lost disks, a killed and a wiped broker', async () => {
    const { site, mosquitto, fleet } = await openFleet();
    const random = new Random(SEED);
    const faults: Record<string, number> = {};
    const held = new Map<string, number>();
    const start = (node: string) => fleet.start(node, { recordsPerS: 30 });
    for (const node of NODES) start(node);
    await until('all nodes append', () => fleet.appended().length === NODES.length, 30_000);
    // Each kind at least once, whatever the seed says. Not a third broker within a minute: one that tells no epoch and cuts
    // its sessions that often looks like a second device with the same name, and nodes hold off for a minute.
    const plan = ['kill', 'freeze', 'disk', 'broker', 'wiped broker'];
    while (plan.length < FAULTS) plan.push(random.pick(['kill', 'freeze']));
    for (const fault of plan) {
      const node = random.pick(NODES);
      faults[fault] = (faults[fault] ?? 0) + 1;
      if (fault === 'freeze') {
        fleet.signal(node, 'SIGSTOP');
        await sleep(random.range(500, 3_000));
        fleet.signal(node, 'SIGCONT');
      } else if (fault.endsWith('broker')) {
        await mosquitto.kill();
        if (fault === 'wiped broker') rmSync(site.path('mosquitto', 'mosquitto.db'), { force: true });
        await sleep(random.range(0, 1_000));
        await mosquitto.start();
      } else {
        const cut = withoutLost(fleet.appended(), held);
        if (fault === 'disk') await fleet.converged(NODES, cut, 60_000);
        await fleet.kill(node);
        if (fault === 'disk') {
          for (const [of, epoch, seq] of cut) if (of === node) held.set(`${of}/${epoch}`, seq);
          fleet.wipe(node);
        }
        await sleep(random.range(0, 1_000));
        start(node);
      }
      await sleep(random.range(200, 1_000));
    }
    await sleep(1_000);
    const cut = withoutLost(fleet.appended(), held);
    const tookMs = await fleet.converged(NODES, cut, 60_000);
    const records = cut.reduce((sum, [, , seq]) => sum + seq, 0);
    console.log(JSON.stringify({ seed: SEED, faults, epochs: cut.length, records, convergedMs: Math.round(tookMs) }));
    // One epoch each, one more for the disk that was lost, and for every kill behind which something was appended.
    expect(cut.length).toBeGreaterThan(NODES.length);
  }, 180_000);
});
