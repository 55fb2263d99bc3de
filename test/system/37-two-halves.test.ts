import { afterEach, describe, expect, it } from 'vitest';
import type { Cut } from '../../protocol/query.js';
import { until } from './demo-run.js';
import { ReplicaFleet } from './replica-fleet.js';
import { Site } from './site.js';
import { TcpGate } from './tcp-gate.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
}, 150_000);

const FIRST = ['cam1', 'cam2'];
const SECOND = ['cam3', 'cam4'];

async function openSite() {
  const site = new Site();
  closers.push(() => site.close());
  for (const node of [...FIRST, ...SECOND]) await site.addUser(node, 'node');
  await site.addUser('reader1', 'operator');
  const open = (name: string) =>
    site.listeningBroker({
      name,
      tcp: { host: '127.0.0.1', port: 0 },
      passwordFile: site.path('users'),
      anonymousRead: true,
    });
  return { site, first: await open('first'), second: await open('second') };
}

describe('a site that falls in two, each half with a broker', () => {
  it('records on both sides, and holds all of it everywhere once they meet', { timeout: 300_000 }, async () => {
    const { site, first, second } = await openSite();
    const urlOf = (ports: Record<string, number>) => `mqtt://127.0.0.1:${ports.tcp}`;
    const fleetAt = async (url: string) => {
      const fleet = new ReplicaFleet(site, { url, passwordFile: (name) => site.path(`${name}.password`) });
      await fleet.open();
      closers.push(() => fleet.close());
      return fleet;
    };
    const here = await fleetAt(urlOf(first.ports));
    const there = await fleetAt(urlOf(second.ports));
    const toFirst = await TcpGate.to(first.ports.tcp ?? 0);
    const toSecond = await TcpGate.to(second.ports.tcp ?? 0);
    closers.push(() => toFirst.close());
    closers.push(() => toSecond.close());
    // All prefer the first broker; the second half does not reach it.
    for (const node of FIRST) here.start(node, { recordsPerS: 20, brokers: [urlOf(first.ports), toSecond.url] });
    for (const node of SECOND) there.start(node, { recordsPerS: 20, brokers: [toFirst.url, urlOf(second.ports)] });
    const ofHalf = (half: readonly string[]) => here.appended().filter(([node]) => half.includes(node));
    const isLong = () => {
      const cut = here.appended();
      return cut.length === 4 && cut.every(([, , seq]) => seq > 100);
    };
    await until(() => `all four record; ${site.said()}`, isLong, 120_000);
    const [cutHere, cutThere] = [ofHalf(FIRST), ofHalf(SECOND)];
    await here.converged(FIRST, cutHere, 60_000);
    await there.converged(SECOND, cutThere, 60_000);
    // Asked to wait, they would look for what they do not have, and refuse for lacking so much; overloaded they refuse, too.
    const answerOf = async (fleet: ReplicaFleet, node: string, cut: Cut) => {
      for (let tries = 0; tries < 60; tries++) {
        const said = await fleet.ask(node, cut, 0);
        if (said !== undefined) return said;
        await new Promise((done) => setTimeout(done, 500));
      }
      return fleet.state(node);
    };
    // Neither half has heard of the other.
    expect(await answerOf(here, 'cam1', cutThere)).toMatchObject({ count: 0, missing: 2 });
    expect(await answerOf(there, 'cam3', cutHere)).toMatchObject({ count: 0, missing: 2 });

    toFirst.open();
    toSecond.open();
    // They would return to the first by themselves after a minute or so; without the second they go at once.
    await second.program.end('SIGKILL');
    const cut = here.appended();
    const tookMs = await here.converged([...FIRST, ...SECOND], cut, 90_000);
    const records = cut.reduce((sum, [, , seq]) => sum + seq, 0);
    console.log(JSON.stringify({ records, convergedMs: Math.round(tookMs) }));
  });
});
