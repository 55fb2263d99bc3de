import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SystemClock } from '../../base/clock.js';
import { Random } from '../../base/random.js';
import { Terminal } from '../../base/terminal/terminal.js';
import { DemoRun, field } from '../system/demo-run.js';
import { readBoardLog } from './board-log.js';
import { boundMs } from './chaos-bounds.js';
import type { ChaosFault } from './chaos-history.js';
import { type ChaosVerdict, describe, judgeChaos, recoveredAtMs } from './chaos-judge.js';
import { planFault } from './chaos-plan.js';
import { writeVerdict } from './chaos-report.js';
import { ChaosWatch } from './chaos-watch.js';
import { FaultInjector } from './fault-injector.js';

// npm run chaos -- [--minutes N] [--seed S] [--nodes N] [--json]
// Random faults against the real processes of a `vedette demo` of its own, for so many minutes; then what came of them.
// Linux: processes are found in /proc. The same seed draws the same numbers; what they meet depends on the machine.

const { values: args } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: randomBytes(4).toString('hex') },
    nodes: { type: 'string', default: '4' },
    json: { type: 'boolean', default: false },
  },
});

const START_MS = 120_000;
/** Between two looks at what may be broken next. */
const GAP_MS = [1_500, 5_000] as const;
/** Heads come every 10 s; the listener asks for what they tell of, for at most so long. */
const SETTLE_MS = 60_000;

const minutes = number('--minutes', args.minutes, 0.1, 240);
const nodeCount = number('--nodes', args.nodes, 1, 16);
const seed = args.seed;
const nodes = Array.from({ length: Math.floor(nodeCount) }, (_, i) => `cam${i + 1}`);
const clock = new SystemClock();
const out = new Terminal(process.stdout, process.env);
const err = new Terminal(process.stderr, process.env);

const verdict = await run();
if (args.json) out.writeJson({ seed, minutes, nodes: nodes.length, ...verdict });
else writeVerdict(out, verdict, `--minutes ${minutes} --nodes ${nodes.length} --seed ${seed}`);
process.exitCode = verdict.isGood ? 0 : 1;

async function run(): Promise<ChaosVerdict> {
  const demo = new DemoRun('--nodes', String(nodes.length), '--seed', seed);
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  process.once('SIGTERM', () => interrupted.abort());
  try {
    const status = await demo.status('every node is up', isRunning, START_MS);
    const password = readFileSync(join(demo.stateDir, 'credentials', 'operator.password'), 'utf8').trim();
    const watch = new ChaosWatch({ url: String(field(status, 'broker', 'url')), user: 'operator', password, clock });
    watch.open();
    const faults = await breakThings(demo, watch, interrupted.signal);
    await settle(watch, faults, interrupted.signal);
    const endMs = clock.nowMs();
    const records = watch.records();
    await watch.close();
    const boards = nodes.map((node) =>
      readBoardLog(node, readFileSync(join(demo.stateDir, 'logs', `${node}.log`), 'utf8')),
    );
    return judgeChaos({
      faults,
      beats: watch.beats,
      incidents: watch.incidents,
      rosterAtMs: watch.rosterAtMs,
      restarts: boards.flatMap(({ restarts }) => restarts),
      failures: boards.flatMap(({ failures }) => failures),
      records,
      endMs,
    });
  } finally {
    await demo.remove();
  }
}

function isRunning(status: unknown): boolean {
  return (
    field(status, 'monitor', 'mode') === 'watching' &&
    nodes.every(
      (_, i) => field(status, 'nodes', i, 'monitor') === 'up' && field(status, 'nodes', i, 'cameraOk') === true,
    )
  );
}

async function breakThings(demo: DemoRun, watch: ChaosWatch, end: AbortSignal): Promise<ChaosFault[]> {
  const random = new Random(seed);
  const injector = new FaultInjector(demo, clock);
  const past: { readonly fault: ChaosFault; backAtMs: number | undefined }[] = [];
  const untilMonoMs = clock.monoMs() + minutes * 60_000;
  while (clock.monoMs() < untilMonoMs && !end.aborted && !demo.program.isOver) {
    await clock.sleep(random.range(...GAP_MS), end).catch(() => {});
    for (const one of past) one.backAtMs ??= recoveredAtMs(one.fault, watch);
    const next = planFault(nodes, past, clock.nowMs(), random);
    const fault = next === undefined ? undefined : injector.inject(next);
    if (fault === undefined) continue;
    past.push({ fault, backAtMs: undefined });
    err.writeLine(`chaos: ${past.length}. ${describe(fault)}`);
  }
  return past.map(({ fault }) => fault);
}

/** Until every fault is over or beyond its bound, and then until the listener has what the last heads tell of. */
async function settle(watch: ChaosWatch, faults: readonly ChaosFault[], end: AbortSignal): Promise<void> {
  const isOver = (fault: ChaosFault) =>
    recoveredAtMs(fault, watch) !== undefined || clock.nowMs() > fault.atMs + boundMs(fault, faults);
  while (!faults.every(isOver) && !end.aborted) await clock.sleep(500, end).catch(() => {});
  const fromMs = clock.nowMs();
  const isWhole = () => nodes.every((node) => (watch.headAtMs(node) ?? 0) > fromMs) && watch.records().missing === 0;
  while (!isWhole() && clock.nowMs() < fromMs + SETTLE_MS && !end.aborted) {
    await clock.sleep(500, end).catch(() => {});
  }
}

function number(option: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= min && value <= max) return value;
  process.stderr.write(`${option}: "${text}" is not a number from ${min} to ${max}\n`);
  process.exit(2);
}
