import { type ChaosFault, isBlinding, type RestartDone } from './chaos-history.js';

/** What the services of one ground need at most, ms. */
export type ChaosTimes = {
  /** Of the monitor's configuration. */
  readonly leaseMs: number;
  readonly settleMs: number;
  readonly graceMs: number;
  readonly verifyMs: number;
  readonly healthyMs: number;
  readonly wedgedMs: number;
  /** A start, until heartbeats with frames. */
  readonly startMs: number;
  /** A probe, and a stop that needs SIGKILL in the end. */
  readonly orderMs: number;
  /** Until a broker or a monitor is started again, and everybody is connected to it. */
  readonly returnMs: number;
  /** A node's own repair of its vision process or camera: deadline of a frame, backoff, start. */
  readonly repairMs: number;
};

/** As `vedette demo` writes them into its monitor's configuration. A role killed twice in a row waits for up to 10 s. */
export const DEMO: ChaosTimes = {
  leaseMs: 15_000,
  settleMs: 15_000,
  graceMs: 3_000,
  verifyMs: 30_000,
  healthyMs: 15_000,
  wedgedMs: 6_000,
  startMs: 60_000,
  orderMs: 10_000,
  returnMs: 20_000,
  repairMs: 60_000,
};

/** A will is there within a second, the roster looks twice a second. */
const WILL_MS = 2_000;
/** What was done to broker and monitor so long before a fault may still hide it. */
const BEFORE_MS = 60_000;

/**
 * How long a fault may last until the service is back, ms. What happened around it counts: a monitor that could not see
 * begins anew, settles and waits for a lease; and it acts on one node of a site at a time, so that each restart of
 * another node may take its turn first.
 */
export function boundMs(
  fault: ChaosFault,
  faults: readonly ChaosFault[],
  restarts: readonly RestartDone[],
  times: ChaosTimes,
): number {
  const blinding = faults.filter((other) => other !== fault && isBlinding(other));
  let limitMs = ownMs(fault, times);
  for (const other of blinding.toSorted((a, b) => a.atMs - b.atMs)) {
    if (other.atMs < fault.atMs - BEFORE_MS || other.atMs >= fault.atMs + limitMs) continue;
    const seesFromMs = (other.untilMs ?? other.atMs) + times.returnMs + times.settleMs - fault.atMs;
    limitMs = Math.max(limitMs, seesFromMs + silenceMs(times));
  }
  // Several orders for one service are one turn, and its verification begins anew with each.
  const inTheWay = restarts.filter(
    ({ node, atMs }) =>
      node !== fault.target && atMs > fault.atMs - times.verifyMs && atMs < fault.atMs + limitMs + times.verifyMs,
  );
  return limitMs + inTheWay.length * times.verifyMs;
}

/** From the last heartbeat to the service of a successor, under a monitor that sees. */
function silenceMs({ leaseMs, graceMs, orderMs, startMs }: ChaosTimes): number {
  return leaseMs + graceMs + orderMs + startMs;
}

function ownMs({ kind, atMs, untilMs }: ChaosFault, times: ChaosTimes): number {
  const { graceMs, orderMs, startMs, returnMs, settleMs, leaseMs, repairMs } = times;
  const pausedMs = untilMs === undefined ? 0 : untilMs - atMs;
  switch (kind) {
    case 'node killed':
    case 'node given up':
      return WILL_MS + graceMs + orderMs + startMs;
    case 'node frozen':
    case 'node paused':
      return silenceMs(times) + pausedMs;
    case 'node stopped':
    case 'board unplugged':
    case 'board cut off':
      return pausedMs + returnMs + startMs;
    case 'broker killed':
    case 'broker paused':
    case 'monitor killed':
      // Whose board has given it up is restarted by the monitor.
      return returnMs + Math.max(settleMs + leaseMs, graceMs + orderMs + startMs) + pausedMs;
    default:
      return repairMs;
  }
}
