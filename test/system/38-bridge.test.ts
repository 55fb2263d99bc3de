import { afterEach, describe, expect, it } from 'vitest';
import { parseJson } from '../../protocol/codec.js';
import { field, until } from './demo-run.js';
import { ReplicaFleet } from './replica-fleet.js';
import { Site } from './site.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 150_000);

const NODES = ['cam1', 'cam2', 'cam3'];
const TIMEOUT_MS = 90_000;

async function openSite() {
  const site = new Site();
  closers.push(() => site.close());
  for (const node of NODES) await site.addUser(node, 'node');
  await site.addUser('reader1', 'operator');
  await site.addUser('reader2', 'reader');
  const open = async (name: string) => {
    const { ports } = await site.listeningBroker({
      name,
      tcp: { host: '127.0.0.1', port: 0 },
      passwordFile: site.path('users'),
      anonymousRead: true,
    });
    const url = `mqtt://127.0.0.1:${ports.tcp}`;
    const fleet = new ReplicaFleet(site, { url, passwordFile: (user) => site.path(`${user}.password`) });
    await fleet.open();
    closers.push(() => fleet.close());
    return { url, fleet };
  };
  return { site, first: await open('first'), second: await open('second') };
}

describe('two brokers that know nothing of each other, and one node that reaches both', () => {
  it('carries what is recorded at the one to the holders at the other, in both directions', {
    timeout: 420_000,
  }, async () => {
    const { site, first, second } = await openSite();
    first.fleet.start('cam1', { recordsPerS: 5, brokers: [first.url] });
    second.fleet.start('cam2', { recordsPerS: 5, brokers: [second.url] });
    first.fleet.start('cam3', { recordsPerS: 5, brokers: [first.url, second.url] });
    const isLong = () => {
      const cut = first.fleet.appended();
      return NODES.every((node) => cut.some(([of, , seq]) => of === node && seq > 100));
    };
    await until(() => `all record: ${JSON.stringify(first.fleet.appended())}; ${site.said()}`, isLong, 180_000);
    const cut = first.fleet.appended();
    const here = await first.fleet.converged(['cam1', 'cam3'], cut, TIMEOUT_MS);
    const there = await second.fleet.converged(['cam2'], cut, TIMEOUT_MS);
    console.log(JSON.stringify({ convergedMs: [Math.round(here), Math.round(there)] }));
    const records = cut.reduce((sum, [, , seq]) => sum + seq, 0);
    for (const { url } of [first, second]) {
      // Whoever asks at either broker is told of all logs, by heads that lie there.
      let answer: unknown;
      const isWhole = async () => {
        const { code, lines } = await site.run(
          ...['query', '--count', '--json', '--broker', url, '--timeout', '10'],
          ...['--user', 'reader2', '--password-file', site.path('reader2.password')],
        );
        answer = parseJson(lines[0] ?? '{}');
        return code === 0 && Number(field(answer, 'count')) >= records;
      };
      const untilMs = Date.now() + TIMEOUT_MS;
      while (!(await isWhole())) {
        if (Date.now() > untilMs) throw new Error(`${JSON.stringify(answer)}\n${site.said()}`);
      }
      const logs = field(answer, 'cut');
      const nodes = new Set(Array.isArray(logs) ? logs.map((log) => String(field(log, 'node'))) : []);
      expect([...nodes].sort()).toEqual(NODES);
    }
  });
});
