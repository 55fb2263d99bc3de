import { randomBytes } from 'node:crypto';
import { SystemClock } from '../base/clock.js';
import type { Environment } from '../base/config.js';
import { openLog } from '../base/log.js';
import { Random } from '../base/random.js';
import { ServiceNotify } from '../base/service-notify.js';
import { type Broker, openBroker } from './broker.js';
import type { BrokerConfig } from './config.js';

/**
 * Runs a broker until the signal aborts, then stops it gracefully. `onOpen` gets it once it listens.
 * `env` is where systemd says how it wants to be told that the broker serves (sd_notify(3)).
 * Nothing else belongs into its process: what blocks its event loop kills the whole fleet's sessions.
 * @throws OperationError as `openBroker`
 */
export async function runBrokerMain(
  config: BrokerConfig,
  signal: AbortSignal,
  onOpen: (broker: Broker) => void = () => {},
  env: Environment = {},
): Promise<void> {
  const clock = new SystemClock();
  const log = openLog('broker', 'info');
  const notify = new ServiceNotify({ env, clock, log });
  const broker = await openBroker(config, {
    clock,
    log,
    random: new Random(randomBytes(16).toString('hex')),
    onServed: () => notify.progress(),
  });
  // A listener of its own keeps the process alive even without a TCP client.
  onOpen(broker);
  await notify.ready();
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await notify.stopping();
  await broker.close();
}
