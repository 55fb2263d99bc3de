import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import { RateLimitedLog } from '../../base/rate-limited-log.js';
import { type Alert, SCHEMA_MINOR } from '../../protocol/status.js';
import { SyncBudget } from '../records/sync-budget.js';
import { NO_MEMORY, readRuleMemory, ruleMemoryPath, writeRuleMemory } from './memory-file.js';
import { RuleFacts } from './rule-facts.js';
import { type OpenAlert, type RuleNews, RuleSet, type RuleSetOptions } from './rule-set.js';

/** A raise or a clear, for who tells people. */
export type AlertNews = Extract<RuleNews, { kind: 'raise' | 'clear' }>;

export type RuleDeskOptions = Omit<RuleSetOptions, 'facts'> & {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Shows an open alert; undefined: there is none of this rule. */
  readonly show: (rule: string, alert: Alert | undefined) => void;
  /** Writes it into the log of the node. */
  readonly record: (news: AlertNews, atMs: number) => Promise<unknown>;
  /** Tells it to people, where that is configured. */
  readonly tell: (news: AlertNews, atMs: number) => void;
};

/** Hours, `for` and cooldowns end without anything happening: a rule is looked at this often in any case. */
const TICK_MS = 1_000;
/** What happens together (several tracks of one frame) is looked at once. */
const GATHER_MS = 50;

/**
 * A write costs a card some 8 kB: twenty at once, then one in 30 s, which is 23 MB on a day on which a rule flaps all the
 * time. In between a crash may tell an alert twice.
 */
const WRITES = { soonMs: 0, refillMs: 30_000, burst: 20 };

/** The rules of a node at work: what it sees and reads goes in, alerts come out. Needs no broker. */
export class RuleDesk {
  readonly facts: RuleFacts;
  readonly #options: RuleDeskOptions;
  readonly #rules: RuleSet;
  readonly #path: string;
  readonly #limitedLog: RateLimitedLog;
  readonly #counters = new Counters(['records', 'memory', 'writes'] as const);
  #stops: (() => void)[] = [];
  #cancelGather: (() => void) | undefined;
  readonly #budget = new SyncBudget(WRITES);
  #cancelWrite: (() => void) | undefined;
  #writing: Promise<void> = Promise.resolve();

  constructor(options: RuleDeskOptions) {
    this.#options = options;
    this.facts = new RuleFacts(Object.keys(options.scope.cameras));
    this.#rules = new RuleSet({ ...options, facts: this.facts });
    this.#path = ruleMemoryPath(options.stateDir);
    this.#limitedLog = new RateLimitedLog(options.log, options.clock, 60_000);
  }

  /** Takes up alerts that were open when the node ended, and begins to look. */
  async open(): Promise<void> {
    const { rules, clock, log, show } = this.#options;
    if (Object.keys(rules).length > 0) this.#tellFaults();
    const memory = await readRuleMemory(this.#path).catch((error) => {
      log.warn('open alerts are not known', { file: this.#path, error: messageOf(error) });
      return NO_MEMORY;
    });
    const nowMs = clock.nowMs();
    const gone = this.#rules.restore(memory, nowMs, clock.monoMs());
    const { open } = this.#rules;
    // A broker may still show an alert that was cleared while nobody could tell it.
    for (const rule of Object.keys(rules)) show(rule, shown(open.get(rule)));
    this.#take(gone, nowMs);
    if (this.#rules.rules.length > 0) this.#stops = [clock.every(TICK_MS, () => this.#look())];
  }

  /** Something its rules may ask for has changed. Cheap. */
  wake(): void {
    if (this.#stops.length === 0) return;
    this.#cancelGather ??= this.#options.clock.after(GATHER_MS, () => this.#look());
  }

  /** What went wrong, by cause. */
  drops(): Record<string, number> {
    if (Object.keys(this.#options.rules).length === 0) return {};
    const { faults, unknown } = this.#rules.counters.snapshot();
    const { records, memory } = this.#counters.snapshot();
    const broken = new Set(this.#rules.faults.map(({ rule }) => rule)).size;
    const drops = { broken, faults, unknown, records, memory };
    return Object.fromEntries(Object.entries(drops).map(([name, count]) => [`rule-${name}`, count ?? 0]));
  }

  /** How often the open alerts were written down: what rules cost the card. */
  get writes(): number {
    return this.#counters.get('writes');
  }

  /** Open alerts stay open: the next life of the node takes them up. */
  async close(): Promise<void> {
    for (const stop of this.#stops) stop();
    this.#stops = [];
    this.#cancelGather?.();
    if (this.#cancelWrite !== undefined) this.#write();
    await this.#writing;
  }

  #tellFaults(): void {
    for (const { rule, key, message } of this.#rules.faults) {
      this.#options.log.error('rule is left out', { rule, setting: `rules.${rule}.${key}`, error: message });
    }
  }

  #look(): void {
    this.#cancelGather?.();
    this.#cancelGather = undefined;
    const { clock } = this.#options;
    const nowMs = clock.nowMs();
    this.#take(this.#rules.step(nowMs, clock.monoMs()), nowMs);
  }

  #take(all: readonly RuleNews[], atMs: number): void {
    const { log, show } = this.#options;
    for (const news of all) {
      const { rule } = news;
      switch (news.kind) {
        case 'raise':
        case 'clear':
          this.#takeAlert(news, atMs);
          break;
        case 'unknown':
          log.warn('rule cannot tell', { rule, why: news.why });
          if (news.alert !== undefined) show(rule, shown(news.alert, news.why));
          break;
        case 'known':
          log.info('rule can tell again', { rule });
          if (news.alert !== undefined) show(rule, shown(news.alert));
          break;
        case 'fault':
          this.#limitedLog.warn('rule cannot be computed', { rule, why: news.why });
      }
    }
    if (all.some(({ kind }) => kind === 'raise' || kind === 'clear')) this.#remember();
  }

  #takeAlert(news: AlertNews, atMs: number): void {
    const { log, show, record, tell } = this.#options;
    const { rule, alert } = news;
    log.info(news.kind === 'raise' ? 'alert raised' : 'alert cleared', { rule, text: alert.text });
    show(rule, news.kind === 'raise' ? shown(alert) : undefined);
    tell(news, atMs);
    record(news, atMs).catch((error) => {
      this.#counters.add('records');
      log.error('alert not recorded', { rule, error: messageOf(error) });
    });
  }

  // After the record: a crash in between tells a raise twice, never none.
  #remember(): void {
    if (this.#cancelWrite !== undefined) return;
    const { clock } = this.#options;
    const delayMs = this.#budget.take(clock.monoMs());
    if (delayMs === 0) this.#write();
    else this.#cancelWrite = clock.after(delayMs, () => this.#write());
  }

  #write(): void {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    this.#counters.add('writes');
    const { clock } = this.#options;
    const memory = this.#rules.memory(clock.nowMs(), clock.monoMs());
    this.#writing = this.#writing
      .then(() => writeRuleMemory(this.#path, memory))
      .catch((error) => {
        this.#counters.add('memory');
        this.#limitedLog.warn('open alerts not kept', { error: messageOf(error) });
      });
  }
}

function shown(alert: OpenAlert, unknown?: string): Alert;
function shown(alert: OpenAlert | undefined, unknown?: string): Alert | undefined;
function shown(alert: OpenAlert | undefined, unknown?: string): Alert | undefined {
  if (alert === undefined) return undefined;
  return { v: SCHEMA_MINOR, ...alert, ...(unknown === undefined ? {} : { unknown: unknown.slice(0, 200) }) };
}
