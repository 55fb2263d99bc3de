import { SystemClock } from '../../base/clock.js';
import type { Site } from '../system/site.js';
import { type BenchResult, summarise } from './bench-report.js';
import { CountedProxy } from './counted-proxy.js';
import { FleetNode, withFleet } from './replication-fleet.js';
import { machineMs, type Reach, type Said } from './replication-words.js';

const WITHIN_MS = 120_000;
const LOOK_MS = 50;
const MB = 1e6;

/**
 * A node with an empty disk at a site whose two nodes hold a log of `records`: until it holds them, until it holds them
 * durably, what its connections carried, what its process grew by. The proxy that counts is part of the way.
 */
export async function measureNewcomer(records: number): Promise<BenchResult[]> {
  return withFleet(['cam1', 'cam2', 'cam3'], async (site, nodes) => {
    const [writer, peer] = await startTwo(site, nodes);
    const filledFromMs = machineMs();
    const { epoch, seq } = await writer.tell({ do: 'fill', records });
    const log: Reach = ['cam1', epoch, seq];
    const copied = await untilHeld(peer, log, filledFromMs);
    const proxy = await CountedProxy.open(site.port);
    const late = await FleetNode.start(site, 'cam3', proxy.port);
    nodes.push(late);
    const empty = await late.tell({ do: 'extents', logs: [] });
    const fromMs = machineMs();
    await late.tell({ do: 'open' });
    const whole = await untilHeld(late, log, fromMs);
    const { counters } = await late.tell({ do: 'report' });
    const { sent, received } = proxy.traffic;
    for (const node of nodes.splice(0)) await node.stop();
    await proxy.close();
    const one = (name: string, unit: string, value: number) => summarise(name, unit, [value]);
    return [
      one('a running replica keeps up with a burst', 'records/s', (seq * 1000) / copied.heldMs),
      one('empty node: until it holds everything', 's', whole.heldMs / 1000),
      one('empty node: until it is durable', 's', whole.durableMs / 1000),
      one('empty node: received', 'MB', received / MB),
      one('empty node: sent', 'MB', sent / MB),
      one('empty node: received for a record', 'B', received / seq),
      one('empty node: segments fetched', 'segments', counters.segmentsFetched ?? 0),
      one('empty node: records as lines', 'records', counters.records ?? 0),
      one('empty node: process before', 'MiB', empty.rssMiB),
      one('empty node: process at most', 'MiB', whole.said.rssMaxMiB),
    ];
  });
}

async function startTwo(site: Site, nodes: FleetNode[]): Promise<readonly [FleetNode, FleetNode]> {
  const writer = await FleetNode.start(site, 'cam1', site.port);
  nodes.push(writer);
  const peer = await FleetNode.start(site, 'cam2', site.port);
  nodes.push(peer);
  await writer.tell({ do: 'open' });
  await peer.tell({ do: 'open' });
  await new SystemClock().sleep(1_000);
  return [writer, peer];
}

/** @throws Error when it takes too long, with how far it came. */
async function untilHeld(node: FleetNode, [of, epoch, seq]: Reach, fromMs: number) {
  const clock = new SystemClock();
  let heldMs: number | undefined;
  for (;;) {
    const said: Said = await node.tell({ do: 'extents', logs: [[of, epoch]] });
    const { held = 0, durable = 0 } = said.extents[0] ?? {};
    const tookMs = machineMs() - fromMs;
    if (held >= seq) heldMs ??= tookMs;
    if (heldMs !== undefined && durable >= seq) return { heldMs, durableMs: tookMs, said };
    if (tookMs > WITHIN_MS) throw new Error(`${node.name} holds ${held} of ${seq}, durable ${durable}`);
    await clock.sleep(LOOK_MS);
  }
}
