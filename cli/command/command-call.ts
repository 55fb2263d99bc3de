import type { Clock } from '../../base/clock.js';
import { OperationError } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { CommandResult } from '../../protocol/record.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR, type Status } from '../../protocol/status.js';

export type CommandCall = {
  /** A node, or a monitor. */
  readonly node: string;
  readonly verb: string;
  readonly args: Record<string, unknown>;
  /** Who asks: the identity of the link. */
  readonly caller: string;
  /** Names this call; nobody has used it before. */
  readonly id: string;
  readonly timeoutMs: number;
};

/**
 * Sends one command and waits for what came of it: listens first, reads the node's session from its status, then asks.
 * @throws OperationError `unreachable` without broker, `not-found` for a node that is not online, `timeout` if no answer
 *   came, when it is unknown whether it was done.
 */
export async function callCommand(
  call: CommandCall,
  link: Link,
  clock: Clock,
  signal: AbortSignal,
): Promise<CommandResult> {
  const { node, verb, args, caller, id, timeoutMs } = call;
  const subject = `${verb} of ${node}`;
  const answers = waiter<CommandResult>();
  const statuses = waiter<Status>();
  link.subscribe(routes.result, { recipient: caller, sender: node }, ({ payload }) => {
    if (payload.id === id && payload.phase === 'done') answers.settle(payload);
  });
  link.subscribe(routes.status, { node }, ({ payload }) => statuses.settle(payload));
  // A monitor takes commands, too; no two identities have one name.
  link.subscribe(routes.monitorStatus, { monitor: node }, ({ payload }) => statuses.settle(payload));
  const within = <T>(
    work: Promise<T>,
    message: string,
    code: 'timeout' | 'not-found' | 'unreachable',
    hint: string,
  ) => {
    const late = clock.sleep(timeoutMs, signal).then(() => {
      throw new OperationError({ code, op: 'ask for', subject, message, hint });
    });
    late.catch(() => {});
    return Promise.race([work, late]);
  };
  await within(upOf(link), unreachableText(link), 'unreachable', 'is the broker running, and is the password its own?');
  const status = await within(
    statuses.value,
    'no status',
    'not-found',
    `is there a node or monitor ${node} on this broker?`,
  );
  if (status.state !== 'online') {
    const hint = 'who is not there cannot be asked';
    throw new OperationError({
      code: 'not-found',
      op: 'ask for',
      subject,
      message: `it is ${status.state}`,
      hint,
    });
  }
  await link.publish(
    routes.command,
    { recipient: node, verb, sender: caller },
    { v: SCHEMA_MINOR, id, sid: status.sid, args },
  );
  const hint = 'the node may have done it or not; look at its state before asking again';
  return within(answers.value, `no answer in ${timeoutMs / 1000} s: unknown whether it was done`, 'timeout', hint);
}

function unreachableText(link: Link): string {
  return link.lastError?.message ?? `no connection to ${link.brokerUrl}`;
}

async function upOf(link: Link): Promise<void> {
  if (link.isUp) return;
  await new Promise<void>((resolve) => link.onUp(() => resolve()));
}

function waiter<T>(): { readonly value: Promise<T>; readonly settle: (value: T) => void } {
  let settle: (value: T) => void = () => {};
  const value = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { value, settle: (given) => settle(given) };
}
