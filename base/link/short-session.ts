import type { z } from 'zod';
import { buildFilter, type Params, type Route, routes } from '../../protocol/routes.js';
import type { Clock } from '../clock.js';
import type { MqttSession } from './mqtt-session.js';
import { SubscriptionTable } from './subscription-table.js';

/** Makes a session without a will that is not open yet. */
export type MakeSession = (onMessage: (topic: string, payload: Buffer, retained: boolean) => void) => MqttSession;

// Both brokers we know send a retained message within a few ms of SUBACK; a slow link gets 500.
const PEEK_QUIET_MS = 500;
/** A broker that drops whom it has just accepted does so within a round trip or two. */
const PROBE_HOLD_MS = 2_000;

/**
 * Reads what a broker has retained on one topic. The session is over afterwards.
 * @throws OperationError as `MqttSession.open`; the signal's reason.
 */
export async function peekRetained<P extends string, S extends z.ZodType>(
  makeSession: MakeSession,
  root: string,
  route: Route<P, S>,
  params: Params<P>,
  clock: Clock,
  signal: AbortSignal,
): Promise<z.infer<S> | undefined> {
  const found = new SubscriptionTable(root);
  let payload: z.infer<S> | undefined;
  found.add(
    route,
    params,
    (message) => {
      payload = message.payload;
    },
    undefined,
  );
  const session = makeSession((topic, bytes, retained) => {
    found.deliver(topic, bytes, retained, clock.monoMs(), () => {});
  });
  try {
    await session.open();
    await session.subscribe(buildFilter(root, route, params), 1);
    // MQTT 3.1.1 has no end-of-retained mark: brokers send it right after SUBACK.
    await clock.sleep(PEEK_QUIET_MS, signal);
    // One that was cut off has not seen that there is nothing.
    if (payload === undefined && !session.isOpen) throw (await session.ended).error;
    return payload;
  } finally {
    await session.end();
  }
}

/** True if a broker accepts a session, answers a SUBSCRIBE, keeps the session for a while and does not say that it stops. */
export async function probeBroker(
  makeSession: MakeSession,
  root: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<boolean> {
  const epochs = new SubscriptionTable(root);
  let isStopping = false;
  epochs.add(
    routes.brokerEpoch,
    {},
    ({ payload }) => {
      isStopping = payload.state === 'stopping';
    },
    undefined,
  );
  const session = makeSession((topic, bytes, retained) => {
    epochs.deliver(topic, bytes, retained, clock.monoMs(), () => {});
  });
  let isAnswered = false;
  try {
    await session.open();
    session.subscribe(buildFilter(root, routes.brokerEpoch, {}), 1).then(
      (granted) => {
        isAnswered = granted;
      },
      () => {},
    );
    await clock.sleep(PROBE_HOLD_MS, signal);
    return isAnswered && session.isOpen && !isStopping;
  } catch {
    return false;
  } finally {
    await session.end();
  }
}
