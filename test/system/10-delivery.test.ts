import { mkdirSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link } from '../../base/link/link.js';
import { RecordListener } from '../../base/listener/record-listener.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { Program } from './demo-run.js';
import { Site } from './site.js';

/** Seconds of killing; VEDETTE_DELIVERY_S=600 for a long run. */
const CHAOS_S = Number(process.env.VEDETTE_DELIVERY_S ?? 30);
const SEED = process.env.VEDETTE_SEED ?? 'delivery';
const RECORDS_PER_S = 100;

describe('delivery', () => {
  const closers: (() => Promise<void> | void)[] = [];

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
  });

  it(
    'brings every appended record to a listener once, however often broker and node are killed',
    async () => {
      const random = new Random(SEED);
      const site = new Site();
      closers.push(() => site.close());
      await site.addUser('cam1', 'node');
      const password = await site.addUser('reader1', 'node');
      let broker = await site.startBroker();
      const heard = new Map<string, number>();
      const listener = openListener(site, password, heard);
      const sideFile = site.path('appended');
      mkdirSync(site.path('cam1'));
      const startWriter = (recordsPerS: number) =>
        site.keep(
          'writer',
          new Program(process.execPath, [
            resolve(import.meta.dirname, 'delivery-writer.mjs'),
            ...[site.brokerUrl, 'cam1', site.path('cam1.password'), site.path('cam1'), sideFile, `${recordsPerS}`],
          ]),
        );

      let writer = startWriter(RECORDS_PER_S);
      let writerKills = 0;
      let brokerKills = 0;
      const endMonoMs = performance.now() + CHAOS_S * 1000;
      while (performance.now() < endMonoMs) {
        await sleep(random.range(1_000, 4_000));
        if (random.chance(0.5)) {
          writer.child.kill('SIGKILL');
          await writer.exit;
          await sleep(random.range(0, 1_500));
          writer = startWriter(RECORDS_PER_S);
          writerKills++;
        } else {
          broker.child.kill('SIGKILL');
          await broker.exit;
          await sleep(random.range(0, 1_500));
          broker = await site.startBroker();
          brokerKills++;
        }
      }
      await sleep(2_000);
      writer.child.kill('SIGTERM');
      await writer.exit;
      // Its log outlives it: a last life answers for what the listener still misses, and appends nothing.
      writer = startWriter(0);

      const appended = new Set(readFileSync(sideFile, 'utf8').trim().split('\n'));
      const missing = () => [...appended].filter((key) => !heard.has(key));
      for (let i = 0; i < 600 && missing().length > 0; i++) await sleep(100);
      const counts = listener.counts();
      console.log(
        JSON.stringify({ seed: SEED, appended: appended.size, writerKills, brokerKills, heard: heard.size, ...counts }),
      );
      expect(missing(), `seed ${SEED}; ${site.said()}`).toEqual([]);
      expect(Math.max(...heard.values())).toBe(1);
      expect(counts.unavailable).toBe(0);
      expect(writerKills).toBeGreaterThan(0);
      expect(brokerKills).toBeGreaterThan(0);
    },
    (CHAOS_S + 120) * 1000,
  );

  function openListener(site: Site, password: string, heard: Map<string, number>): RecordListener {
    const common = { clock: new SystemClock(), log: silentLog };
    const link = new Link({
      ...common,
      url: site.brokerUrl,
      clientId: 'reader1',
      username: 'reader1',
      password,
      root: 'vedette',
      random: new Random('reader1'),
      limits: { reconnectMaxMs: 5_000 },
    });
    const listener = new RecordListener({
      ...common,
      link,
      wantHistory: true,
      onRecord: ({ epoch, record }) => {
        const key = `${epoch} ${record.s}`;
        heard.set(key, (heard.get(key) ?? 0) + 1);
      },
    });
    listener.open();
    link.open();
    closers.push(() => link.close());
    closers.push(() => listener.close());
    return listener;
  }
});

function sleep(delayMs: number): Promise<void> {
  return new Promise((done) => setTimeout(done, delayMs));
}
