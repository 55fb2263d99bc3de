import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SystemClock } from '../../base/clock.js';
import { Link, type LinkOptions } from '../../base/link/link.js';
import { SideLinks } from '../../base/link/side-links.js';
import { silentLog } from '../../base/log.js';
import { Random } from '../../base/random.js';
import { routes } from '../../protocol/routes.js';
import { eventually } from '../eventually.js';
import { PlainBroker } from '../plain-broker.js';

const maintenance = (by: string) => ({ v: 1, by, reason: 'test', untilMs: 1 });

describe('SideLinks', () => {
  let brokers: PlainBroker[];
  const closers: (() => Promise<void>)[] = [];

  beforeEach(async () => {
    brokers = [await PlainBroker.open(), await PlainBroker.open()];
  });

  afterEach(async () => {
    for (const close of closers.splice(0).reverse()) await close();
    for (const broker of brokers) await broker.close();
  });

  function optionsOf(clientId: string, url: LinkOptions['url']): LinkOptions {
    return {
      url,
      clientId,
      root: 'vedette',
      clock: new SystemClock(),
      random: new Random(clientId),
      log: silentLog,
      limits: { reconnectFirstMs: 20, reconnectMaxMs: 100, stableMs: 50 },
    };
  }

  function openLink(clientId: string, url: LinkOptions['url']): Link {
    const link = new Link(optionsOf(clientId, url));
    link.open();
    closers.push(() => link.close());
    return link;
  }

  function openSides(main: Link, url: LinkOptions['url']): SideLinks {
    const sides = new SideLinks({ link: optionsOf('cam1-bulk', url), main });
    sides.open();
    closers.push(() => sides.close());
    return sides;
  }

  it('speak and listen at every broker the node is not at', async () => {
    const urls = brokers.map(({ url }) => url);
    const sides = openSides(openLink('cam1', urls), urls);
    const other = openLink('cam2', urls[1] ?? '');
    const heard: string[] = [];
    sides.subscribe(routes.maintenance, {}, ({ payload }, link) => heard.push(`${payload.by} at ${link.brokerUrl}`));
    const seen: string[] = [];
    other.subscribe(routes.maintenance, { node: 'cam1' }, ({ payload }) => seen.push(payload.by));
    const ups: string[] = [];
    sides.onUp(({ brokerUrl }) => ups.push(brokerUrl));
    await eventually(() => sides.up.length === 1 && other.isUp, 'both at the second broker');
    expect(ups).toEqual([urls[1]]);
    await sides.publish(routes.maintenance, { node: 'cam1' }, maintenance('cam1'));
    await eventually(() => seen.length === 1, 'what was said aside');
    await other.publish(routes.maintenance, { node: 'cam2' }, maintenance('cam2'));
    await eventually(() => heard.includes(`cam2 at ${urls[1]}`), 'what was heard aside');
  });

  it('change sides when the node moves', async () => {
    const urls = brokers.map(({ url }) => url);
    const main = openLink('cam1', urls);
    const sides = openSides(main, urls);
    await eventually(() => sides.up.length === 1, 'a side link');
    const { port } = brokers[0] ?? {};
    await brokers[0]?.close();
    await eventually(() => main.isUp && main.brokerUrl === urls[1], 'the node at the second broker');
    brokers[0] = await PlainBroker.open(port);
    await eventually(() => sides.up.some(({ brokerUrl }) => brokerUrl === urls[0]), 'a side link to the first');
    expect(sides.up).toHaveLength(1);
  });

  it('are none where there is one broker', async () => {
    const main = openLink('cam1', brokers[0]?.url ?? '');
    const sides = openSides(main, [brokers[0]?.url ?? '']);
    await eventually(() => main.isUp, 'the node up');
    expect(sides.up).toEqual([]);
    await sides.publish(routes.maintenance, { node: 'cam1' }, maintenance('nobody'));
  });
});
