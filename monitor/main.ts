import { join } from 'node:path';
import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import { Link } from '../base/link/link.js';
import { bulkClientId, siteLinkOptions } from '../base/link/site-link.js';
import type { Log } from '../base/log.js';
import { Presence } from '../base/presence/presence.js';
import type { Random } from '../base/random.js';
import type { ServiceNotify } from '../base/service-notify.js';
import type { MonitorFile } from './config.js';
import { timingsOf } from './config.js';
import { Monitor } from './monitor.js';

export type MonitorContext = {
  /** Ends the monitor gracefully. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Folder of the monitor's state: its generation. */
  readonly stateDir: string;
  /** Software version, for the status. */
  readonly version: string;
  /** systemd's INVOCATION_ID, where there is one. */
  readonly invocation?: string;
  /** Tells systemd that the monitor is ready, decides and stops. */
  readonly notify?: ServiceNotify;
};

/**
 * Runs a monitor until the signal aborts: watches the inventory's births, wills and heartbeats, publishes its roster
 * and incidents. It acts on nothing.
 * @throws OperationError `credentials-invalid` if a secret cannot be read. An absent broker is no error.
 */
export async function runMonitor(file: DeepReadonly<MonitorFile>, context: MonitorContext): Promise<void> {
  const { site, monitor: config } = file;
  const { signal, log, clock, random, notify, stateDir, version } = context;
  const base = await siteLinkOptions(site, config.name, config, { clock, random, log });
  const link = new Link({ ...base, clientId: config.name });
  const presence = new Presence({
    link,
    identity: { kind: 'monitor', monitor: config.name },
    stateDir: join(stateDir, 'monitor', config.name),
    version,
    clock,
    random,
    log,
    ...(context.invocation === undefined ? {} : { invocation: context.invocation }),
  });
  await presence.open();
  const monitor = new Monitor({
    name: config.name,
    inventory: Object.entries(config.nodes).map(([node, { site: shared }]) => ({ node, site: shared })),
    timings: timingsOf(config.timing),
    link,
    presence,
    makeSecondLink: () =>
      new Link({ ...base, clientId: bulkClientId(config.name), follows: link, log: log.child({ link: 'second' }) }),
    onDecided: () => notify?.progress(),
    clock,
    log,
  });
  const running = monitor.run(signal);
  link.open();
  await notify?.ready();
  log.info('monitor runs', { monitor: config.name, nodes: Object.keys(config.nodes).length, brokers: site.brokers });
  await running;
  await notify?.stopping();
  await presence.close('sigterm');
  log.info('monitor stopped', { counters: monitor.counters() });
}
