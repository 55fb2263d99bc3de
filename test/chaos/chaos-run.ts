import type { Clock } from '../../base/clock.js';
import { Random } from '../../base/random.js';
import { boundMs } from './chaos-bounds.js';
import type { ChaosGround } from './chaos-ground.js';
import type { ChaosFault } from './chaos-history.js';
import { type ChaosVerdict, describe, judgeChaos, recoveredAtMs } from './chaos-judge.js';
import { planFault } from './chaos-plan.js';

/** Between two looks at what may be broken next. */
const GAP_MS = [1_500, 5_000] as const;
/** Heads come every 10 s; the listener asks for what they tell of, for at most so long. */
const SETTLE_MS = 60_000;

export type ChaosRunOptions = {
  readonly ground: ChaosGround;
  readonly seed: string;
  readonly minutes: number;
  readonly clock: Clock;
  /** Interrupted by a person: nothing more is broken, what was is waited for and judged. */
  readonly end: AbortSignal;
  readonly tell: (line: string) => void;
};

/** Breaks things for so many minutes, waits until all is well again or beyond its bound, and judges. */
export async function runChaos(options: ChaosRunOptions): Promise<ChaosVerdict> {
  const { ground, clock } = options;
  const { watch, times } = ground;
  const faults = await breakThings(options);
  await settle(options, faults);
  const records = watch.records();
  const { beats, incidents, rosterAtMs, source } = watch;
  const { restarts, failures } = await ground.boardLogs();
  const history = { faults, beats, incidents, rosterAtMs, restarts, failures, records, source, endMs: clock.nowMs() };
  return judgeChaos(history, times);
}

async function breakThings({ ground, seed, minutes, clock, end, tell }: ChaosRunOptions): Promise<ChaosFault[]> {
  const random = new Random(seed);
  const past: { readonly fault: ChaosFault; backAtMs: number | undefined }[] = [];
  const untilMonoMs = clock.monoMs() + minutes * 60_000;
  while (clock.monoMs() < untilMonoMs && !end.aborted && !ground.isOver) {
    await clock.sleep(random.range(...GAP_MS), end).catch(() => {});
    for (const one of past) one.backAtMs ??= recoveredAtMs(one.fault, ground.watch);
    const next = planFault({ ...ground.rules, nodes: ground.targets() }, past, clock.nowMs(), random);
    const fault = next === undefined ? undefined : await ground.inject(next);
    if (fault === undefined) continue;
    past.push({ fault, backAtMs: undefined });
    tell(`chaos: ${past.length}. ${describe(fault)}`);
  }
  return past.map(({ fault }) => fault);
}

/** Until every fault is over or beyond its bound, and then until the listener has what the last heads tell of. */
async function settle({ ground, clock }: ChaosRunOptions, faults: readonly ChaosFault[]): Promise<void> {
  const { watch, times, rules } = ground;
  const isOpen = (fault: ChaosFault) => recoveredAtMs(fault, watch) === undefined;
  while (faults.some(isOpen)) {
    const { restarts } = await ground.boardLogs();
    const nowMs = clock.nowMs();
    if (faults.filter(isOpen).every((fault) => nowMs > fault.atMs + boundMs(fault, faults, restarts, times))) break;
    await clock.sleep(2_000);
  }
  const fromMs = clock.nowMs();
  const isHeard = (node: string) => (watch.headAtMs(node) ?? 0) > fromMs;
  const isWhole = () => rules.nodes.every(isHeard) && watch.records().missing === 0;
  while (!isWhole() && clock.nowMs() < fromMs + SETTLE_MS) {
    await clock.sleep(500);
  }
}
