import type { Clock } from '../../base/clock.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import type { MetricsConfig } from './config.js';
import { FleetFacts } from './fleet-facts.js';
import { MetricsPage, type MonitorFacts } from './metrics-page.js';
import { MetricsServer } from './metrics-server.js';

export type MetricsContext = {
  readonly link: Link;
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  /** The inventory. */
  readonly nodes: readonly string[];
  readonly monitor: () => MonitorFacts;
};

/**
 * Listens for what the page shows and serves it; before the link opens. Nothing of it where no page is configured. A page
 * that cannot be served is told; the fleet is supervised without it.
 */
export async function openMetrics(
  config: MetricsConfig | undefined,
  { link, clock, log, version, nodes, monitor }: MetricsContext,
): Promise<MetricsServer | undefined> {
  if (config === undefined) return undefined;
  const facts = new FleetFacts({ nodes, clock, onRecord: (heard) => page.onRecord(heard) });
  const page: MetricsPage = new MetricsPage({ facts, monitor, version, clock });
  facts.listen(link);
  try {
    return await MetricsServer.open(config, page, log);
  } catch (error) {
    log.error('no metrics are served', { error: messageOf(error) });
    return undefined;
  }
}
