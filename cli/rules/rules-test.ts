import { setImmediate } from 'node:timers/promises';
import { ConfigError, type DeepReadonly, loadConfig, readPlaces } from '../../base/config.js';
import { ProgressBar } from '../../base/terminal/progress-bar.js';
import { type Column, renderTable } from '../../base/terminal/table.js';
import { printable } from '../../base/terminal/terminal.js';
import { EdgeFile } from '../../edge/config.js';
import { ruleScopeOf } from '../../edge/node-rules.js';
import { type ReplayEvent, type ReplayedNews, RuleReplay } from '../../edge/rules/rule-replay.js';
import type { RuleSet } from '../../edge/rules/rule-set.js';
import { type CommandContext, usageError } from '../command-context.js';
import { ruleFindings } from '../config/rule-findings.js';
import { timeText } from '../query/time-words.js';
import { readRecording } from './replay-file.js';

export type RulesTestOptions = {
  readonly replay: string;
  readonly rule?: readonly string[];
  readonly json?: boolean;
};

type Edge = DeepReadonly<EdgeFile>['edge'];

/**
 * Shows when the rules of a configuration would have raised and cleared alerts.
 * @throws ConfigError for a configuration or a rule with faults; OperationError `not-found` where there are no records.
 */
export async function runRulesTest(file: string, options: RulesTestOptions, context: CommandContext): Promise<void> {
  const { site, edge } = await loadConfig({ path: file, schema: EdgeFile, env: context.env });
  const rules = chosenRules(edge, options.rule);
  await refuseFaults(file, { ...edge, rules });
  const { signal } = context;
  const { events, skipped, hasCameraStates } = await readRecording(options.replay, {
    root: site.root,
    node: edge.node,
    signal,
  });
  const replay = new RuleReplay({ rules, scope: ruleScopeOf(edge), timeZone: edge.timeZone }, !hasCameraStates);
  const startedMonoMs = context.clock.monoMs();
  const news = await runThrough(replay, events, context);
  const tookMs = context.clock.monoMs() - startedMonoMs;
  const report = buildReport(edge.node, events, news, replay.rules);
  const looks = replay.rules.counters.get('evaluations');
  if (options.json === true) {
    const cost = { evaluations: looks, microsecondsEach: round((tookMs * 1000) / Math.max(1, looks)) };
    return context.out.writeJson({ ...report, events: events.length, skippedLines: skipped, hasCameraStates, ...cost });
  }
  context.out.write(renderTable(context.out, NEWS_COLUMNS, news));
  context.out.write(`\n${renderTable(context.out, RULE_COLUMNS, report.rules)}`);
  for (const line of remarks(report, hasCameraStates, skipped)) context.err.writeLine(printable(line));
  const each = (tookMs * 1000) / Math.max(1, looks);
  context.err.writeLine(
    `${events.length} events from ${timeText(report.fromMs)} to ${timeText(report.toMs)}; ` +
      `${looks} evaluations in ${Math.round(tookMs)} ms, ${each.toFixed(1)} us each with all around them`,
  );
}

function chosenRules(edge: Edge, wanted: readonly string[] | undefined): Edge['rules'] {
  const names = Object.keys(edge.rules);
  if (names.length === 0) throw usageError('rules test', `node ${edge.node} has no rules`);
  const unknown = wanted?.find((name) => !names.includes(name));
  if (unknown !== undefined) throw usageError('rules test', `no rule ${unknown}; there is: ${names.join(', ')}`);
  return Object.fromEntries(Object.entries(edge.rules).filter(([name]) => wanted?.includes(name) ?? true));
}

async function refuseFaults(file: string, edge: Edge): Promise<void> {
  const found = ruleFindings(edge);
  if (found.length === 0) return;
  const placeOf = await readPlaces(file);
  throw new ConfigError(
    file,
    found.map(({ path, message }) => ({ path: path.join('.'), place: placeOf(path), message })),
  );
}

async function runThrough(
  replay: RuleReplay,
  events: readonly ReplayEvent[],
  { err, clock, signal }: CommandContext,
): Promise<ReplayedNews[]> {
  const news: ReplayedNews[] = [];
  const firstMs = events[0]?.atMs ?? 0;
  const total = Math.round(((events.at(-1)?.atMs ?? 0) - firstMs) / 1000);
  const bar = new ProgressBar(err, clock, 'seconds replayed', 'count');
  try {
    for (const step of replay.run(events)) {
      if (typeof step !== 'number') {
        news.push(step);
        continue;
      }
      bar.update({ done: Math.round((step - firstMs) / 1000), total });
      await setImmediate();
      signal.throwIfAborted();
    }
  } finally {
    bar.end();
  }
  return news;
}

type RuleReport = {
  readonly rule: string;
  readonly raised: number;
  readonly openMs: number;
  readonly isOpen: boolean;
  /** Share of the looks at which it could not tell, and why the last time. */
  readonly unknown: number;
  readonly why: string;
};
type Report = {
  readonly node: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly news: readonly ReplayedNews[];
  readonly rules: readonly RuleReport[];
};

function buildReport(
  node: string,
  events: readonly ReplayEvent[],
  news: readonly ReplayedNews[],
  set: RuleSet,
): Report {
  const fromMs = events[0]?.atMs ?? 0;
  const toMs = events.at(-1)?.atMs ?? 0;
  const rules = set.rules.map(({ id: rule }): RuleReport => {
    const own = news.filter((entry) => entry.rule === rule);
    const open = set.open.get(rule);
    const closedMs = own.reduce(
      (total, entry) => total + (entry.kind === 'clear' ? entry.atMs - entry.alert.raisedAtMs : 0),
      0,
    );
    const { looks, unknown, why } = set.looks.get(rule) ?? { looks: 0, unknown: 0, why: '' };
    return {
      ...{ rule, raised: own.filter(({ kind }) => kind === 'raise').length, isOpen: open !== undefined, why },
      openMs: closedMs + (open === undefined ? 0 : toMs - open.raisedAtMs),
      unknown: looks === 0 ? 0 : unknown / looks,
    };
  });
  return { node, fromMs, toMs, news, rules };
}

function remarks(report: Report, hasCameraStates: boolean, skipped: number): string[] {
  const blind = report.rules.filter(({ unknown }) => unknown > 0);
  return [
    ...blind.map(({ rule, unknown, why }) => `${rule} could not tell ${percent(unknown)} of the time: ${why}`),
    ...(hasCameraStates ? [] : ['the recording does not tell how the cameras were: taken as seeing']),
    ...(skipped === 0 ? [] : [`${skipped} lines were neither records nor messages`]),
  ];
}

const NEWS_COLUMNS: readonly Column<ReplayedNews>[] = [
  { title: 'time', cell: ({ atMs }) => timeText(atMs) },
  { title: 'rule', cell: ({ rule }) => rule },
  { title: 'event', cell: ({ kind }) => kind, colour: ({ kind }) => (kind === 'raise' ? 'yellow' : undefined) },
  { title: 'severity', cell: (news) => ('alert' in news ? (news.alert?.severity ?? '-') : '-') },
  { title: 'text', cell: textOf },
];

function textOf(news: ReplayedNews): string {
  if (news.kind === 'raise') return news.alert.text;
  if (news.kind === 'clear') return `after ${seconds(news.atMs - news.alert.raisedAtMs)}, ${news.why}`;
  return news.kind === 'known' ? '' : news.why;
}

const RULE_COLUMNS: readonly Column<RuleReport>[] = [
  { title: 'rule', cell: ({ rule }) => rule },
  { title: 'raised', cell: ({ raised }) => String(raised), align: 'right' },
  { title: 'open for', cell: ({ openMs }) => seconds(openMs), align: 'right' },
  { title: 'now', cell: ({ isOpen }) => (isOpen ? 'open' : '-') },
  { title: 'unknown', cell: ({ unknown }) => percent(unknown), align: 'right' },
];

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
