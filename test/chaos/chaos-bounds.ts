import { type ChaosFault, isDeath } from './chaos-history.js';

/** The demo's times, as `vedette demo` writes them into its monitor's configuration. */
export const DEMO = {
  leaseMs: 15_000,
  settleMs: 15_000,
  graceMs: 3_000,
  verifyMs: 30_000,
  startMs: 20_000,
  healthyMs: 15_000,
  wedgedMs: 6_000,
};

/** A will is there within a second, the roster looks twice a second. */
const WILL_MS = 2_000;
/** A probe, and a stop that needs SIGKILL in the end. */
const ORDER_MS = 10_000;
/** A role killed twice in a row comes back after up to 10 s, and then everybody has to connect again. */
const RETURN_MS = 20_000;
/** A node's own repair of its vision process or camera: deadline of a frame, backoff, start. */
const REPAIR_MS = 60_000;

/**
 * How long a fault may last until the service is back, ms. What happened around it counts: a monitor that could not see
 * settles first and then waits for a lease, and it acts on one node of a site at a time.
 */
export function boundMs(fault: ChaosFault, all: readonly ChaosFault[]): number {
  const around = all.filter(
    (other) => other !== fault && other.atMs < fault.atMs + DEMO.leaseMs * 2 && other.atMs > fault.atMs - 60_000,
  );
  const wasBlind = around.some(({ target }) => target === 'broker' || target === 'monitor');
  const blindMs = wasBlind ? RETURN_MS + DEMO.settleMs + DEMO.leaseMs : 0;
  const turnsMs = around.filter(isDeath).length * DEMO.verifyMs;
  return ownMs(fault) + blindMs + turnsMs;
}

function ownMs({ kind, atMs, untilMs }: ChaosFault): number {
  const pausedMs = untilMs === undefined ? 0 : untilMs - atMs;
  switch (kind) {
    case 'node killed':
      return WILL_MS + DEMO.graceMs + ORDER_MS + DEMO.startMs;
    case 'node frozen':
    case 'node paused':
      return DEMO.leaseMs + DEMO.graceMs + ORDER_MS + DEMO.startMs + pausedMs;
    case 'broker killed':
    case 'broker paused':
    case 'monitor killed':
      return RETURN_MS + DEMO.settleMs + DEMO.leaseMs + pausedMs;
    default:
      return REPAIR_MS;
  }
}
