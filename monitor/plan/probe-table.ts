import type { ActionAnswer, ProbeAnswer } from '../../protocol/board.js';
import type { PlanTimings } from './timings.js';

/** Why a board gave no answer that can be used. */
export type BoardFaultKind =
  /** No TCP connection, or none in time. */
  | 'unreachable'
  /** It accepts TCP and then stays silent: a frozen board, or a hung login. */
  | 'hung'
  /** Another host key than the pinned one: nothing was sent. */
  | 'host-key'
  | 'auth'
  /** It answers something else than one JSON line of the protocol. */
  | 'garbage'
  | 'closed';

export type BoardFault = { readonly kind: 'fault'; readonly fault: BoardFaultKind; readonly message: string };

/** What came back from a board: an answer of the protocol or the fault that took its place. */
export type ProbeResult = { readonly kind: 'probe'; readonly probe: ProbeAnswer } | RefusedProbe | BoardFault;
type RefusedProbe = { readonly kind: 'refused'; readonly answer: ActionAnswer };

/** What a probe says about a service that fell silent (table 2.2 of supervision). */
export type Verdict = {
  readonly kind: /** The local supervisor is on it: wait, ask again. */
    | 'wait'
    /** Restarted by its supervisor: one more grace. */
    | 'restarted-locally'
    /** It works and cannot reach the broker. */
    | 'isolated'
    /** It works, says that it is connected, and is not heard. */
    | 'unheard'
    /** It works and is heard, and its heartbeats tell of a camera without frames that does not say why. */
    | 'unseeing'
    /** It is dead or stands still: the ladder. */
    | 'dead'
    | 'stopped'
    | 'maintenance'
    | 'config'
    | 'security'
    | 'unreachable'
    | 'unmanageable';
  readonly rule: string;
  readonly why: string;
  /** When it makes sense to ask again, where the board knows. */
  readonly waitMs?: number;
  /** How it ended, to see whether the same happens again. */
  readonly signature?: string;
};

export type ProbeContext = {
  /** Invocation of the last birth or heartbeat that was heard. */
  readonly heardInv: string | undefined;
  /** Invocation a probe showed before, for which one more grace was given. */
  readonly gracedInv: string | undefined;
  /** Its heartbeats are heard; what they tell of its cameras is why the board is asked. */
  readonly isHeard: boolean;
  readonly timings: PlanTimings;
};

/** Exit code of a configuration that another start cannot mend (EX_CONFIG). */
const EXIT_CONFIG = 78;
const UNDER_WAY = ['activating', 'deactivating', 'reloading', 'refreshing', 'maintenance'];

/** Table 2.2, row by row. Pure. No row but `dead` allows an action. */
export function decideProbe(result: ProbeResult, context: ProbeContext): Verdict {
  if (result.kind === 'fault') return decideFault(result);
  if (result.kind === 'refused') {
    return {
      kind: 'unmanageable',
      rule: '2.2',
      why: `the board refuses to be asked: ${result.answer.why ?? 'no reason'}`,
    };
  }
  const { probe } = result;
  if (probe.load !== 'loaded') return { kind: 'unmanageable', rule: '2.2', why: `unit ${probe.unit} is ${probe.load}` };
  if (probe.maintenance !== null && probe.maintenance.leftS > 0) {
    const { by, reason, leftS } = probe.maintenance;
    return {
      kind: 'maintenance',
      rule: '2.5',
      why: `maintenance by ${by} (${reason}), ${leftS} s left`,
      waitMs: leftS * 1000,
    };
  }
  if (UNDER_WAY.includes(probe.active)) {
    return { kind: 'wait', rule: '2.2', why: `systemd is on it: ${probe.active} (${probe.sub})` };
  }
  if (probe.active === 'active') return decideActive(probe, context);
  if (probe.active === 'failed') return decideFailed(probe);
  // A board that boots has its network and its SSH before its services.
  if (probe.isQueued === true) return { kind: 'wait', rule: '2.2', why: `systemd is on it: ${probe.active}, queued` };
  return { kind: 'stopped', rule: '2.2', why: `${probe.active}, result ${probe.result}: somebody stopped it` };
}

function decideFault({ fault, message }: BoardFault): Verdict {
  if (fault === 'host-key' || fault === 'auth') return { kind: 'security', rule: '2.2', why: message };
  if (fault === 'garbage') return { kind: 'unmanageable', rule: '2.2', why: message };
  return { kind: 'unreachable', rule: '2.2', why: message };
}

function decideFailed(probe: ProbeAnswer): Verdict {
  const signature = `${probe.result} ${probe.exitCode ?? '-'}/${probe.exitStatus ?? '-'}`;
  if (probe.exitCode === 1 && probe.exitStatus === EXIT_CONFIG) {
    return {
      kind: 'config',
      rule: '2.2',
      why: 'it ended with exit code 78: its configuration must be mended',
      signature,
    };
  }
  return { kind: 'dead', rule: '2.2', why: `failed: ${signature}`, signature };
}

function decideActive(probe: ProbeAnswer, { heardInv, gracedInv, isHeard, timings }: ProbeContext): Verdict {
  if (probe.inv !== null && probe.inv !== heardInv && probe.inv !== gracedInv) {
    return { kind: 'restarted-locally', rule: '2.2', why: `active with another invocation, ${short(probe.inv)}` };
  }
  const upMs = probe.startedMonoMs === null ? undefined : probe.monoMs - probe.startedMonoMs;
  if (upMs !== undefined && upMs < timings.startMs && !isFresh(probe, timings)) {
    return { kind: 'wait', rule: '2.2', why: `started ${seconds(upMs)} ago, has not shown its pulse yet` };
  }
  if (probe.health === null || probe.health.ageMs === null) {
    return { kind: 'unheard', rule: '2.2', why: 'active, and shows no pulse to judge by' };
  }
  if (!isFresh(probe, timings)) {
    const { ageMs, frameAgeMs } = probe.health;
    const why = `active, but its pulse is ${seconds(ageMs)} old and its newest frame ${frameAgeMs == null ? 'unknown' : seconds(frameAgeMs + ageMs)}`;
    return { kind: 'dead', rule: '2.2', why, signature: 'wedged' };
  }
  if (probe.health.mqttConnected !== true) {
    return { kind: 'isolated', rule: '2.2', why: 'it works and cannot reach the broker' };
  }
  if (isHeard) {
    const why =
      'its board says that it works, its heartbeats that a camera does not deliver: a restart ends what works';
    return { kind: 'unseeing', rule: '2.2', why };
  }
  return { kind: 'unheard', rule: '2.2', why: 'it works and is connected to a broker, but is not heard here' };
}

function isFresh({ health, inv }: ProbeAnswer, { staleMs }: PlanTimings): boolean {
  if (health === null || health.ageMs === null) return false;
  // The file outlives a restart: a pulse of the life before is none of this one.
  if (health.inv != null && inv !== null && health.inv !== inv) return false;
  return health.ageMs <= staleMs && (health.frameAgeMs == null || health.frameAgeMs + health.ageMs <= staleMs);
}

function short(inv: string): string {
  return inv.slice(0, 8);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
