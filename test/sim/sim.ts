import { execFileSync } from 'node:child_process';
import { SystemClock } from '../../base/clock.js';
import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { Terminal } from '../../base/terminal/terminal.js';
import { scriptOptions, wrongCall } from '../script-options.js';
import { runAuditsProgram } from './audits/audits-program.js';
import { Campaign, commandFor, nodesOf, shrinkFailure } from './campaign.js';
import { runHistory } from './history.js';
import { runOffersProgram } from './offers/offers-program.js';
import { recordScenario } from './records/record-scenario.js';
import { ABLATIONS } from './records/reference-replica.js';
import { CORE_KIND, referenceKind } from './records/replica-kinds.js';
import { describeFault, summaryLine, writeReport } from './report.js';
import type { Scenario } from './scenario.js';
import { SOURCE_RULES } from './sources/source-rules.js';
import { showSourceScale } from './sources/source-scale-report.js';
import { sourceScenario } from './sources/source-scenario.js';

const WORDS = {
  call: 'npm run sim',
  about: `Simulated histories of replicas under faults. --steps: virtual seconds with faults. --seed: the first seed, and the only
one unless --seeds says how many. --faults: inflict only these of the plan. --reference: the reference replica instead of
the real core, of which --without leaves out a rule.
--program sources: histories of nodes that share sources, whole or --without a rule; with --scale fleets of up to so many
nodes, to see how that scales.
--program offers: histories of nodes that take looks off each other, with sharing and without; with --nodes fleets of up
to so many nodes, to see how that scales.
--program audits: histories of nodes that check each other's results, one of them wrong; --without leaves out a rule.`,
};

const args = scriptOptions(WORDS, {
  program: { type: 'string', default: 'replicas' },
  seeds: { type: 'string' },
  seed: { type: 'string' },
  steps: { type: 'string', default: '120' },
  nodes: { type: 'string' },
  scale: { type: 'string' },
  faults: { type: 'string' },
  without: { type: 'string' },
  reference: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
});

const clock = new SystemClock();
const terminal = new Terminal(process.stdout, process.env);
/** Failures that are shrunk and told; the others are only counted. */
const FAILURES_TOLD_MAX = 3;

const firstSeed = args.seed === undefined ? 1 : whole('--seed', args.seed, 0);
const seeds = args.seeds === undefined ? (args.seed === undefined ? 100 : 1) : whole('--seeds', args.seeds, 1);
const steps = whole('--steps', args.steps, 1);
const nodes = args.nodes === undefined ? undefined : whole('--nodes', args.nodes, 1);
if (args.scale !== undefined) process.exit(runScale(whole('--scale', args.scale, 1)));
if (args.program !== 'replicas' && args.program !== 'sources') process.exit(runOther(args.program));
const only = args.faults === undefined ? undefined : faultIds(args.faults);
const scenario = args.program === 'sources' ? sources() : replicas();
const more = [
  ...(args.program === 'sources' ? ['--program', 'sources'] : []),
  ...(args.reference ? ['--reference'] : []),
  ...(args.without === undefined ? [] : ['--without', JSON.stringify(args.without)]),
];

const progress = new ProgressBar(terminal, clock, 'histories', 'count');
const campaign = new Campaign();
let realMs = 0;
let processorMs = 0;
for (let i = 0; i < seeds; i++) {
  const seed = firstSeed + i;
  const options = { seed, steps, nodes: nodes ?? nodesOf(seed), ...(only === undefined ? {} : { only }) };
  const startMs = clock.monoMs();
  const startCpu = process.cpuUsage();
  const history = runHistory(scenario, options);
  realMs += clock.monoMs() - startMs;
  processorMs += process.cpuUsage(startCpu).user / 1_000;
  campaign.add(history);
  // At once: a campaign of an hour is not waited for.
  const [first] = history.violations;
  if (first !== undefined) process.stderr.write(`seed ${seed} breaks ${first.invariant}: ${first.detail}\n`);
  if (history.broken > 0 && campaign.failures.length < FAILURES_TOLD_MAX) {
    campaign.failures.push(shrinkFailure(scenario, history));
  }
  progress.update({ done: i + 1, total: seeds });
}
progress.end();
if (args.json) writeJson();
else writeReport(terminal, campaign, { commit: commitId(), realMs, processorMs, arguments: more });
terminal.writeLine(summaryLine(campaign));
process.exitCode = campaign.violations === 0 ? 0 : 1;

function writeJson(): void {
  terminal.writeJson({
    commit: commitId(),
    histories: campaign.histories,
    violations: campaign.violations,
    historiesPerSecond: (campaign.histories * 1_000) / realMs,
    timesRealTime: campaign.virtualMs / realMs,
    timesProcessorTime: campaign.virtualMs / processorMs,
    convergedMs: {
      p50: campaign.convergedQuantileMs(0.5),
      p99: campaign.convergedQuantileMs(0.99),
      max: campaign.convergedQuantileMs(1),
    },
    faults: Object.fromEntries(campaign.faults),
    checks: Object.fromEntries(campaign.checks),
    figures: Object.fromEntries(campaign.figures),
    broken: campaign.broken,
    failures: campaign.failures.map(({ history, shrunk, shrunkHistory }) => ({
      seed: history.options.seed,
      violations: shrunkHistory.violations,
      faults: history.planned.filter(({ id }) => shrunk.includes(id)).map(describeFault),
      command: commandFor({ ...history.options, only: shrunk }, more),
    })),
  });
}

function runOther(program: string): number {
  const { without, json } = args;
  if (program === 'audits') return runAuditsProgram({ firstSeed, seeds, without, json, terminal, clock });
  if (program === 'offers') return runOffersProgram({ firstSeed, seeds, steps, without, nodes, json, terminal, clock });
  wrongCall(`--program: no program "${program}"; there are: replicas, sources, offers, audits`);
}

function runScale(nodesMax: number): number {
  if (args.program === 'sources')
    return showSourceScale({ seed: firstSeed, nodesMax, calmMs: steps * 1_000, json: args.json, terminal });
  wrongCall('--scale: goes with --program sources');
}

function sources(): Scenario {
  const rule = ruleOf(SOURCE_RULES);
  return sourceScenario(rule === undefined ? {} : { without: [rule] });
}

function replicas(): Scenario {
  const rule = ruleOf(ABLATIONS);
  return recordScenario(args.reference || rule !== undefined ? referenceKind(rule) : CORE_KIND);
}

function ruleOf<Rule extends string>(rules: readonly Rule[]): Rule | undefined {
  const rule = rules.find((each) => each === args.without);
  if (args.without !== undefined && rule === undefined) {
    wrongCall(`--without: no rule "${args.without}"; there are: ${rules.join(', ')}`);
  }
  return rule;
}

function whole(option: string, text: string, min: number): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < min) wrongCall(`${option}: "${text}" is not a whole number from ${min}`);
  return value;
}

function faultIds(text: string): number[] {
  return text === 'none' ? [] : text.split(',').map((id) => whole('--faults', id, 1));
}

function commitId(): string {
  try {
    return execFileSync('git', ['rev-parse', '--short', 'HEAD'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return 'unknown';
  }
}
