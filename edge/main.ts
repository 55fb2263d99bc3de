import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import { Link } from '../base/link/link.js';
import { SideLinks } from '../base/link/side-links.js';
import { bulkClientId, siteLinkOptions } from '../base/link/site-link.js';
import type { Log } from '../base/log.js';
import { Presence, type StopReason } from '../base/presence/presence.js';
import type { Random } from '../base/random.js';
import type { ServiceNotify } from '../base/service-notify.js';
import { openStateFolder } from '../base/state-folder.js';
import type { EdgeFile } from './config.js';
import { EdgeNode } from './node.js';

export type EdgeContext = {
  /** Ends the node gracefully. */
  readonly signal: AbortSignal;
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  /** Folder of this node's state: its log, generation, keys. Made if it is not there. */
  readonly stateDir: string;
  /** Software version. */
  readonly version: string;
  /** systemd's INVOCATION_ID, where there is one. */
  readonly invocation?: string;
  /** Tells systemd that the node is ready, alive and stopping. */
  readonly notify: ServiceNotify;
  /** systemd's RuntimeDirectory, where there is one. */
  readonly runtimeDir?: string;
  /** Program and first arguments of the built-in simulated camera. */
  readonly simCommand: readonly string[];
  /** The same of the built-in simulated sensor. */
  readonly simSensorCommand: readonly string[];
};

/** The model that is shipped with the software; it knows the simulated world only. */
export const BUILT_IN_MODEL = new URL('../../edge/models/vedette-sim.onnx', import.meta.url).pathname;

/**
 * Runs one node until the signal aborts: watches its cameras, keeps its log, publishes what it sees.
 * @throws OperationError `credentials-invalid`, `state-unwritable`, `state-locked`, `model-missing`, `model-invalid`,
 *   `manifest-invalid`. An absent broker or camera is no error.
 */
export async function runEdge(file: DeepReadonly<EdgeFile>, context: EdgeContext): Promise<void> {
  const { site, edge: config } = file;
  const { clock, random, log, notify, signal, stateDir, version } = context;
  // A board whose card has become full or read-only still has eyes and a network.
  const trouble = await openStateFolder(stateDir);
  if (trouble !== undefined) log.error('state folder takes no writes, going on in memory', { error: trouble.message });
  const credentials = await siteLinkOptions(site, config.node, config, { clock, random, log });
  const link = new Link({ ...credentials, clientId: config.node });
  const second = { ...credentials, clientId: bulkClientId(config.node), log: log.child({ link: 'bulk' }) };
  const bulk = new Link({ ...second, follows: link });
  const sides = new SideLinks({ link: second, main: link });
  const presence = new Presence({
    link,
    identity: { kind: 'node', node: config.node },
    stateDir,
    version,
    clock,
    random,
    log,
    ...(context.invocation === undefined ? {} : { invocation: context.invocation }),
  });
  const node = new EdgeNode({
    config,
    site: site.name,
    modelPath: config.model.path ?? BUILT_IN_MODEL,
    stateDir,
    version,
    simCommand: context.simCommand,
    simSensorCommand: context.simSensorCommand,
    ...(context.runtimeDir === undefined ? {} : { runtimeDir: context.runtimeDir }),
    link,
    bulk,
    sides,
    presence,
    notify,
    clock,
    random,
    log,
  });
  await node.open();
  let reason: StopReason = 'failed';
  try {
    await presence.open();
    link.open();
    bulk.open();
    sides.open();
    // The log takes records; a broker that cannot be reached is no reason to be called not started.
    await notify.ready();
    log.info('node runs', { node: config.node, cameras: Object.keys(config.cameras), brokers: site.brokers });
    await node.run(signal);
    reason = 'sigterm';
  } finally {
    await notify.stopping();
    // In reverse: what was seen is on disk and on its way before the node says that it stops.
    await node.close();
    await Promise.all([bulk.close(), sides.close()]);
    await presence.close(reason);
  }
}
