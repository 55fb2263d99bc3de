import { boundMs, type ChaosTimes } from './chaos-bounds.js';
import {
  type ChaosFault,
  type ChaosHistory,
  FAULT_KINDS,
  type FaultKind,
  isDeath,
  type RecordCounts,
  type RestartDone,
} from './chaos-history.js';
import { judgeSource, problemsOf, type SourceVerdict } from './chaos-sources.js';

/** Three heartbeats of the demo: whoever has gone on for so long is well again. */
const WELL_MS = 6_000;
/** What was under way when a fault came: frames in a pipe, messages in a socket. */
const UNDER_WAY_MS = 1_000;

/** Why a board was right to restart: the invocation was dead, stood still, or its frames were old; else `false`. */
export type RestartReason = 'dead' | 'frozen' | 'wedged' | 'false';

export type KindVerdict = {
  readonly kind: FaultKind;
  readonly faults: number;
  readonly recovered: number;
  /** Back later than the bound, or not at all. */
  readonly late: number;
  /** Fault to service back; null where none came back. */
  readonly recoveryMs: Quantiles | null;
};

export type Quantiles = { readonly p50: number; readonly p99: number; readonly max: number };

export type ChaosVerdict = {
  readonly faults: number;
  readonly byKind: readonly KindVerdict[];
  readonly deaths: number;
  readonly deathsSeen: number;
  readonly missedDeaths: number;
  readonly restarts: Readonly<Record<RestartReason, number>>;
  /** Services that ended by themselves, with no fault to explain it. */
  readonly ownFailures: number;
  readonly recoveryMs: Quantiles | null;
  readonly records: RecordCounts;
  /** Whether the source the nodes share was watched; absent where there is none. */
  readonly source?: SourceVerdict;
  readonly problems: readonly string[];
  readonly isGood: boolean;
};

/**
 * When the service of a fault was back; undefined if it was not. Back is a node that beats with frames taken after the
 * fault (and as another invocation, after a death), a broker that delivers, a monitor that sees.
 */
export function recoveredAtMs(
  fault: ChaosFault,
  { beats, rosterAtMs }: Pick<ChaosHistory, 'beats' | 'rosterAtMs'>,
): number | undefined {
  const fromMs = (fault.untilMs ?? fault.atMs) + UNDER_WAY_MS;
  if (fault.target === 'monitor') return rosterAtMs.find((atMs) => atMs > fromMs);
  if (fault.target === 'broker') return beats.find(({ atMs }) => atMs > fromMs)?.atMs;
  const after = beats.filter(
    ({ node, inv, atMs, frameAtMs }) =>
      node === fault.target &&
      atMs > fromMs &&
      frameAtMs !== null &&
      frameAtMs > fromMs &&
      !(isDeath(fault) && inv === fault.inv),
  );
  if (isDeath(fault)) return after[0]?.atMs;
  // A heartbeat tells of progress since the one before it: the first after a fault may tell of progress before it.
  return after.find(({ inv }, i) => inv !== fault.inv || i > 0)?.atMs;
}

/** Judges a whole run on a ground with these times. Pure. */
export function judgeChaos(history: ChaosHistory, times: ChaosTimes): ChaosVerdict {
  const { faults, restarts, failures, records, endMs } = history;
  const outcomes = faults.map((fault) => {
    const backAtMs = recoveredAtMs(fault, history);
    const tookMs = (backAtMs ?? endMs) - fault.atMs;
    const limitMs = boundMs(fault, faults, restarts, times);
    const isLate = tookMs > limitMs;
    return { fault, tookMs, limitMs, isBack: backAtMs !== undefined, isLate, isSeen: isSeen(fault, backAtMs, history) };
  });
  const deaths = outcomes.filter(({ fault }) => isDeath(fault));
  // A fault at the very end may have had no time: the driver waits for the bound, so that what is not back is missed.
  const missed = deaths.filter(({ isBack, isLate }) => !isBack || isLate);
  const reasons = restarts.map((restart) => ({ restart, reason: reasonOf(restart, history, times) }));
  const wrong = reasons.filter(({ reason }) => reason === 'false');
  const count = (wanted: RestartReason) => reasons.filter(({ reason }) => reason === wanted).length;
  const own = failures.filter(
    ({ node, atMs }) =>
      !faults.some(
        (fault) => fault.target === node && fault.kind === 'node killed' && Math.abs(fault.atMs - atMs) < WELL_MS,
      ),
  );
  const source = judgeSource(history, times.returnMs);
  const problems = [
    ...problemsOf(source),
    ...wrong.map(({ restart }) => `${restart.node} was well and was restarted at ${time(restart.atMs)}`),
    // What is not a death has no bound to be missed, but it has to come back too.
    ...outcomes
      .filter(({ fault, isBack, isLate }) => !isBack || (isDeath(fault) && isLate))
      .flatMap(({ fault, tookMs, limitMs, isBack }) => [
        `${describe(fault)}: ${isBack ? `back after ${seconds(tookMs)}` : 'not back'}, bound ${seconds(limitMs)}`,
        ...saidOf(fault, tookMs, history),
      ]),
    ...(records.missing > 0 ? [`${records.missing} records are missing at the listener`] : []),
  ];
  return {
    faults: faults.length,
    byKind: FAULT_KINDS.map((kind) => {
      const mine = outcomes.filter(({ fault }) => fault.kind === kind);
      const back = mine.filter(({ isBack }) => isBack);
      return {
        kind,
        faults: mine.length,
        recovered: back.length,
        late: mine.filter(({ isBack, isLate }) => !isBack || isLate).length,
        recoveryMs: quantiles(back.map(({ tookMs }) => tookMs)),
      };
    }).filter((one) => one.faults > 0),
    deaths: deaths.length,
    deathsSeen: deaths.filter(({ isSeen: seen }) => seen).length,
    missedDeaths: missed.length,
    restarts: { dead: count('dead'), frozen: count('frozen'), wedged: count('wedged'), false: wrong.length },
    ownFailures: own.length,
    recoveryMs: quantiles(deaths.filter(({ isBack }) => isBack).map(({ tookMs }) => tookMs)),
    records,
    ...(source === undefined ? {} : { source }),
    problems,
    isGood: problems.length === 0,
  };
}

/** A death is seen when the monitor opened an incident about the node, or had its board restart that invocation. */
function isSeen(
  fault: ChaosFault,
  backAtMs: number | undefined,
  { incidents, restarts, endMs }: ChaosHistory,
): boolean {
  const isWithin = (atMs: number) => atMs >= fault.atMs - UNDER_WAY_MS && atMs <= (backAtMs ?? endMs);
  return (
    incidents.some(({ node, openedAtMs }) => node === fault.target && isWithin(openedAtMs)) ||
    restarts.some(({ node, inv }) => node === fault.target && inv === fault.inv)
  );
}

/** What the monitor said of a node while a fault of it lasted. */
function saidOf({ target, atMs }: ChaosFault, tookMs: number, { incidents }: ChaosHistory): string[] {
  return incidents
    .filter(({ node }) => node === target)
    .flatMap(({ evidence }) => evidence)
    .filter((one) => one.atMs >= atMs && one.atMs <= atMs + tookMs + WELL_MS)
    .map((one) => `  ${time(one.atMs)} ${one.what}`);
}

function reasonOf(restart: RestartDone, history: ChaosHistory, times: ChaosTimes): RestartReason {
  const { faults, failures, beats } = history;
  const before = beats.filter(({ inv, atMs }) => inv === restart.inv && atMs <= restart.atMs);
  const firstAtMs = before[0]?.atMs ?? Number.POSITIVE_INFINITY;
  const mine = faults.filter(({ inv, atMs }) => inv === restart.inv && atMs <= restart.atMs);
  // Whatever else is wrong with it: a person stopped it.
  if (mine.some(({ kind }) => kind === 'node stopped')) return 'false';
  if (mine.some(({ kind }) => kind.endsWith(' killed') && isMain(kind))) return 'dead';
  if (mine.some(({ kind }) => kind === 'node given up' || kind === 'board unplugged')) return 'dead';
  // It ended by itself, after it had lived.
  if (failures.some(({ node, atMs }) => node === restart.node && atMs >= firstAtMs && atMs <= restart.atMs))
    return 'dead';
  if (mine.some(({ kind }) => kind === 'node frozen')) return 'frozen';
  if (mine.some(({ kind, untilMs }) => kind.endsWith(' paused') && restart.atMs <= (untilMs ?? endOfTime) + WELL_MS)) {
    return 'frozen';
  }
  const newestFrameAtMs = before.at(-1)?.frameAtMs ?? undefined;
  const isOld = newestFrameAtMs !== undefined && restart.atMs - newestFrameAtMs > times.wedgedMs;
  // Who is cut off is not heard, and works.
  return mine.some(({ kind }) => kind !== 'board cut off') && isOld ? 'wedged' : 'false';
}

/** Done to the main process of a service. */
function isMain(kind: FaultKind): boolean {
  return !/^(vision|camera)/.test(kind);
}

const endOfTime = Number.POSITIVE_INFINITY;

/** Nearest rank; null of nothing. */
export function quantiles(values: readonly number[]): Quantiles | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

export function describe({ kind, target, atMs }: ChaosFault): string {
  return kind.startsWith(target) ? `${kind} at ${time(atMs)}` : `${kind} (${target}) at ${time(atMs)}`;
}

function time(atMs: number): string {
  return new Date(atMs).toISOString().slice(11, 19);
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}
