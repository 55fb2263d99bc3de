import { rmSync } from 'node:fs';
import { afterEach, describe, it } from 'vitest';
import { Random } from '../../base/random.js';
import { until } from './demo-run.js';
import { ReplicaFleet } from './replica-fleet.js';
import { endProgram, Site } from './site.js';

const SEED = process.env.VEDETTE_SEED ?? 'replicas';
/** Seconds of faults; VEDETTE_REPLICA_S=600 for a long run. */
const CHAOS_S = Number(process.env.VEDETTE_REPLICA_S ?? 20);
const NODES = ['cam1', 'cam2', 'cam3'];
const TIMEOUT_MS = 180_000;

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const sleep = (ms: number) => new Promise((done) => setTimeout(done, ms));

async function openFleet(...nodes: string[]): Promise<{ site: Site; fleet: ReplicaFleet }> {
  const site = await Site.open(...nodes);
  closers.push(() => site.close());
  await site.addUser('reader1', 'operator');
  const fleet = new ReplicaFleet(site);
  await fleet.open();
  closers.push(() => fleet.close());
  return { site, fleet };
}

describe('copies of everybody at everybody', () => {
  it(
    'a new node with an empty disk holds everything within seconds, from its peers',
    async () => {
      const { fleet } = await openFleet(...NODES, 'cam4');
      for (const node of NODES) fleet.start(node, { recordsPerS: 40 });
      await sleep(10_000);
      fleet.start('cam4');
      await sleep(500);
      const tookMs = await fleet.converged([...NODES, 'cam4'], fleet.appended(), 40_000);
      console.log(`newcomer: ${Math.round(tookMs)} ms`);
    },
    TIMEOUT_MS,
  );

  it(
    'a new node holds everything from the broker alone, while the owners are off',
    async () => {
      const { fleet } = await openFleet(...NODES, 'cam4');
      for (const node of NODES) fleet.start(node, { recordsPerS: 40 });
      await sleep(10_000);
      for (const node of NODES) await fleet.stop(node);
      fleet.start('cam4');
      const tookMs = await fleet.converged(['cam4'], fleet.appended(), 40_000);
      console.log(`newcomer from the broker: ${Math.round(tookMs)} ms`);
    },
    TIMEOUT_MS,
  );

  it(
    'a new node holds everything from one peer alone, while the owners are off and the broker was wiped',
    async () => {
      const { site, fleet } = await openFleet(...NODES, 'cam4');
      for (const node of NODES) fleet.start(node, { recordsPerS: 40 });
      await sleep(8_000);
      const cut = fleet.appended();
      await fleet.converged(NODES, cut, 40_000);
      await fleet.kill('cam1');
      await fleet.kill('cam2');
      const all = fleet.appended().filter(([node]) => node === 'cam3');
      const held = [...cut.filter(([node]) => node !== 'cam3'), ...all];
      const [broker] = [site.broker];
      if (broker !== undefined) await endProgram(broker);
      rmSync(site.path('state', 'broker'), { recursive: true, force: true });
      await site.startBroker();
      fleet.start('cam4');
      const tookMs = await fleet.converged(['cam3', 'cam4'], held, 60_000);
      console.log(`newcomer from one peer at a wiped broker: ${Math.round(tookMs)} ms`);
    },
    TIMEOUT_MS,
  );

  it(
    'a node that lost its disk begins a new epoch, and its old log stays readable in the others',
    async () => {
      const { fleet } = await openFleet(...NODES);
      for (const node of NODES) fleet.start(node, { recordsPerS: 20 });
      await sleep(6_000);
      const before = fleet.appended();
      await fleet.converged(NODES, before, 40_000);
      await fleet.kill('cam1');
      fleet.wipe('cam1');
      fleet.start('cam1', { recordsPerS: 20 });
      const epochs = () => fleet.appended().filter(([node]) => node === 'cam1');
      await until('the node without a disk writes a new log', () => epochs().length === 2, 30_000);
      await sleep(2_000);
      const after = fleet.appended();
      // What the disk took with it before another held it was never acknowledged.
      const kept = after.map(([node, epoch, seq]): [string, string, number] => {
        const old = before.find(([n, e]) => n === node && e === epoch);
        return node === 'cam1' && old !== undefined ? [node, epoch, old[2]] : [node, epoch, seq];
      });
      await fleet.converged(NODES, kept, 40_000);
    },
    TIMEOUT_MS,
  );

  it(
    'kill -9, freezes, lost disks, a wrong clock and a killed broker leave all replicas equal to what was appended',
    async () => {
      const { site, fleet } = await openFleet(...NODES);
      const random = new Random(SEED);
      const faults: Record<string, number> = {};
      const offsets = new Map(NODES.map((node) => [node, node === 'cam2' ? -3_600_000 : 0]));
      const start = (node: string) => fleet.start(node, { recordsPerS: 30, wallOffsetMs: offsets.get(node) ?? 0 });
      for (const node of NODES) start(node);
      await sleep(3_000);
      const endMonoMs = performance.now() + CHAOS_S * 1000;
      while (performance.now() < endMonoMs) {
        const node = random.pick(NODES);
        const fault = random.pick(['kill', 'kill', 'freeze', 'broker', 'clock']);
        faults[fault] = (faults[fault] ?? 0) + 1;
        if (fault === 'freeze') {
          fleet.signal(node, 'SIGSTOP');
          await sleep(random.range(500, 4_000));
          fleet.signal(node, 'SIGCONT');
        } else if (fault === 'broker') {
          site.broker?.child.kill('SIGKILL');
          await site.broker?.exit;
          await sleep(random.range(0, 1_500));
          await site.startBroker();
        } else {
          if (fault === 'clock') offsets.set(node, random.pick([-86_400_000, -5_000, 0, 3_600_000]));
          await fleet.kill(node);
          await sleep(random.range(0, 1_500));
          start(node);
        }
        await sleep(random.range(300, 1_500));
      }
      await sleep(1_000);
      const cut = fleet.appended();
      const tookMs = await fleet.converged(NODES, cut, 90_000);
      const records = cut.reduce((sum, [, , seq]) => sum + seq, 0);
      console.log(JSON.stringify({ seed: SEED, faults, epochs: cut.length, records, convergedMs: Math.round(tookMs) }));
    },
    TIMEOUT_MS + CHAOS_S * 1000,
  );
});
