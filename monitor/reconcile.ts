import type { Clock } from '../base/clock.js';
import { OperationError } from '../base/errors.js';
import type { Link } from '../base/link/link.js';
import { routes } from '../protocol/routes.js';
import type { StatusSeen } from './roster.js';

/** Longest wait for the second session; a broker that takes longer is looked at again at the next turn. */
const CONNECT_MAX_MS = 10_000;
/** How long retained messages may take after SUBACK; MQTT 3.1.1 has no end mark. */
const COLLECT_MS = 2_000;

/**
 * Rule M13: reads all retained statuses over a session of its own, which shares no queue, no filter and no lost
 * packet with the monitor's own.
 * @param link not open yet; it is closed when this returns or throws.
 * @throws OperationError `timeout` if the broker does not accept the second session in time.
 */
export async function readRetainedStatuses(link: Link, clock: Clock, signal: AbortSignal): Promise<StatusSeen[]> {
  const found = new Map<string, StatusSeen>();
  link.subscribe(routes.status, {}, ({ params, payload, retained }) => {
    const { state, gen, inv } = payload;
    if (retained) found.set(params.node, { node: params.node, state, gen, inv });
  });
  try {
    await connected(link, clock, signal);
    await clock.sleep(COLLECT_MS, signal);
    return [...found.values()];
  } finally {
    await link.close();
  }
}

async function connected(link: Link, clock: Clock, signal: AbortSignal): Promise<void> {
  const isUp = new Promise<void>((resolve) => link.onUp(resolve));
  const wait = new AbortController();
  const tooLong = clock.sleep(CONNECT_MAX_MS, AbortSignal.any([signal, wait.signal])).then(() => {
    throw new OperationError({
      code: 'timeout',
      op: 'read retained statuses from',
      subject: `broker ${link.brokerUrl}`,
      message: `no second session within ${CONNECT_MAX_MS} ms`,
      transient: true,
      cause: link.lastError,
    });
  });
  link.open();
  try {
    await Promise.race([isUp, tooLong]);
  } finally {
    wait.abort();
    tooLong.catch(() => {});
  }
}
