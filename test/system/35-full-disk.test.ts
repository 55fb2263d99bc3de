import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { Program, until } from './demo-run.js';
import { ReplicaFleet } from './replica-fleet.js';
import { Site } from './site.js';

const NODES = ['cam1', 'cam2', 'cam3'];
const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: a full disk under copies: only root may mount one');

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 150_000);

/** Writes until the disk is full. */
function fill(path: string): void {
  const block = Buffer.alloc(4096, 1);
  expect(() => {
    for (let i = 0; i < 10_000; i++) writeFileSync(path, block, { flag: 'a' });
  }).toThrow(/ENOSPC/);
}

(isRoot || process.env.CI === 'true' ? describe : describe.skip)('the disk under copies of others', () => {
  it('is full: its node lives on and says so, nothing is lost, and it holds all again once there is room', {
    timeout: 300_000,
  }, async () => {
    const site = await Site.open(...NODES);
    closers.push(() => site.close());
    await site.addUser('reader1', 'operator');
    const card = site.folder('cam1');
    const mounted = new Program('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', card]);
    expect(await mounted.exit).toBe(0);
    site.atEnd(() => new Program('umount', [card]).exit);
    const fleet = new ReplicaFleet(site);
    await fleet.open();
    closers.push(() => fleet.close());
    const programs = NODES.map((node) => fleet.start(node, { recordsPerS: 30 }));
    await until('all three record', () => fleet.appended().filter(([, , seq]) => seq > 30).length === 3, 90_000);
    await fleet.converged(NODES, fleet.appended(), 60_000);

    fill(site.path('cam1', 'ballast'));
    const newestOf = (node: string) => fleet.appended().find(([of]) => of === node)?.[2] ?? 0;
    const before = newestOf('cam1');
    await until(
      () => `cam1 says that its disk takes no copies: ${JSON.stringify(fleet.state('cam1'))}`,
      () => {
        const { missing = 0, counters = {} } = fleet.state('cam1') ?? {};
        return missing > 0 && (counters.diskFailures ?? 0) > 0;
      },
      60_000,
    );
    // It records, and the others hold what it cannot.
    await until('cam1 goes on recording', () => newestOf('cam1') > before + 60, 60_000);
    const cut = fleet.appended();
    await fleet.converged(['cam2', 'cam3'], cut, 60_000);
    expect(programs.map(({ isOver }) => isOver)).toEqual([false, false, false]);
    // Now and then a closed segment makes room for a few: whatever it answers is the truth, or says what is missing.
    const [short, whole] = [await fleet.ask('cam1', cut), await fleet.ask('cam2', cut)];
    if (short?.missing === 0 && whole !== undefined) expect(short).toEqual(whole);

    writeFileSync(site.path('cam1', 'ballast'), '');
    await fleet.converged(NODES, fleet.appended(), 90_000);
    await until(
      () => `cam1 says that it is over: ${JSON.stringify(fleet.state('cam1'))}`,
      () => fleet.state('cam1')?.state === 'active' && fleet.state('cam1')?.missing === 0,
      60_000,
    );
    // All of it is on the disk, not in memory alone.
    const all = fleet.appended();
    await fleet.converged(NODES, all, 60_000);
    await fleet.kill('cam1');
    fleet.start('cam1');
    const tookMs = await fleet.converged(NODES, all, 90_000);
    const records = all.reduce((sum, [, , seq]) => sum + seq, 0);
    console.log(JSON.stringify({ records, failures: fleet.state('cam1')?.counters.diskFailures, tookMs }));
  });
});
