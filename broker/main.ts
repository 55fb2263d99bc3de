import { randomBytes } from 'node:crypto';
import { SystemClock } from '../base/clock.js';
import { openLog } from '../base/log.js';
import { Random } from '../base/random.js';
import { type Broker, openBroker } from './broker.js';
import type { BrokerConfig } from './config.js';

/**
 * Runs a broker until the signal aborts, then stops it gracefully. `onOpen` gets it once it listens.
 * Nothing else belongs into its process: what blocks its event loop kills the whole fleet's sessions.
 * @throws OperationError as `openBroker`
 */
export async function runBrokerMain(
  config: BrokerConfig,
  signal: AbortSignal,
  onOpen: (broker: Broker) => void = () => {},
): Promise<void> {
  const broker = await openBroker(config, {
    clock: new SystemClock(),
    log: openLog('broker', 'info'),
    random: new Random(randomBytes(16).toString('hex')),
  });
  // A listener of its own keeps the process alive even without a TCP client.
  onOpen(broker);
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  await broker.close();
}
