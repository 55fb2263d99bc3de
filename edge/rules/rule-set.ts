import type { DeepReadonly } from '../../base/config.js';
import { Counters } from '../../base/counters.js';
import type { AlertValues, Severity } from '../../protocol/record.js';
import { type CompiledRule, compileRule, type RuleFault, readValues, renderText } from './compiled-rule.js';
import type { RuleConfig } from './config.js';
import { RULES_STEPS_MAX } from './expression/expression-limits.js';
import type { ExpressionScope } from './expression/expression-scope.js';
import { type Expression, type Outcome, RuleLanguage } from './expression/rule-language.js';
import { LocalClock } from './local-time.js';
import type { RuleFacts } from './rule-facts.js';
import { IDLE_RULE, type RuleState, stepRule, type Verdict } from './rule-state.js';
import { isInForce } from './schedule.js';

export type RuleSetOptions = {
  readonly rules: Readonly<Record<string, DeepReadonly<RuleConfig>>>;
  readonly scope: ExpressionScope;
  readonly timeZone: string | undefined;
  readonly facts: RuleFacts;
};

/** An alert while it is open. */
export type OpenAlert = {
  /** Wall clock ms. */
  readonly raisedAtMs: number;
  readonly severity: Severity;
  readonly text: string;
  readonly values: AlertValues;
};

/** What has changed at a rule. */
export type RuleNews =
  | { readonly kind: 'raise'; readonly rule: string; readonly alert: OpenAlert }
  | {
      readonly kind: 'clear';
      readonly rule: string;
      readonly alert: OpenAlert;
      readonly why: 'over' | 'schedule' | 'removed';
    }
  /** It cannot tell; `alert`: the one that is open meanwhile. */
  | { readonly kind: 'unknown'; readonly rule: string; readonly why: string; readonly alert: OpenAlert | undefined }
  | { readonly kind: 'known'; readonly rule: string; readonly alert: OpenAlert | undefined }
  /** It cannot be computed, for a reason not told before. */
  | { readonly kind: 'fault'; readonly rule: string; readonly why: string };

/** What of a set outlives its process. Times are wall clock ms. */
export type RuleMemory = {
  readonly open: Readonly<Record<string, OpenAlert>>;
  readonly cooldownUntilMs: Readonly<Record<string, number>>;
};

type Watched = {
  readonly rule: CompiledRule;
  state: RuleState;
  alert: OpenAlert | undefined;
  lastFault: string;
  looks: number;
  unknownLooks: number;
  /** Why it could not tell, the last time that it could not. */
  unknownWhy: string;
};

/** How often a rule was looked at, and how often it could not tell. */
export type RuleLooks = { readonly looks: number; readonly unknown: number; readonly why: string };

function watch(rule: CompiledRule): Watched {
  return {
    ...{ rule, state: IDLE_RULE, alert: undefined },
    ...{ lastFault: '', looks: 0, unknownLooks: 0, unknownWhy: '' },
  };
}

/**
 * All rules of a node over one set of facts. Pure: time is given, what happened is returned. A rule with a fault is left
 * out and told; the others run.
 */
export class RuleSet {
  readonly faults: readonly RuleFault[];
  readonly counters = new Counters(['evaluations', 'faults', 'unknown', 'raised', 'cleared'] as const);
  readonly #facts: RuleFacts;
  readonly #localClock: LocalClock;
  readonly #watched: readonly Watched[];

  constructor({ rules, scope, timeZone, facts }: RuleSetOptions) {
    this.#facts = facts;
    this.#localClock = new LocalClock(timeZone);
    const language = new RuleLanguage(scope, facts);
    const compiled = Object.entries(rules).map(([id, config]) => compileRule(id, config, language));
    const good = compiled.flatMap((result) => ('rule' in result ? [result.rule] : []));
    const { kept, faults } = withinBudget(good);
    this.faults = [...compiled.flatMap((result) => ('faults' in result ? result.faults : [])), ...faults];
    this.#watched = kept.map(watch);
  }

  /** Rules that run, by id. */
  get rules(): readonly CompiledRule[] {
    return this.#watched.map(({ rule }) => rule);
  }

  /** Alerts that are open now, by rule. */
  get open(): ReadonlyMap<string, OpenAlert> {
    return new Map(this.#watched.flatMap(({ rule, alert }) => (alert === undefined ? [] : [[rule.id, alert]])));
  }

  /** How often each rule was looked at since the start. */
  get looks(): ReadonlyMap<string, RuleLooks> {
    return new Map(
      this.#watched.map(({ rule, looks, unknownLooks, unknownWhy }) => [
        rule.id,
        { looks, unknown: unknownLooks, why: unknownWhy },
      ]),
    );
  }

  /** Looks at every rule once. @param nowMs wall clock, for hours and time stamps. */
  step(nowMs: number, nowMonoMs: number): RuleNews[] {
    this.#facts.setTime(nowMs, nowMonoMs, this.#localClock.at(nowMs));
    return this.#watched.flatMap((watched) => this.#stepOne(watched, nowMs, nowMonoMs));
  }

  /** What has to be known after a restart. */
  memory(nowMs: number, nowMonoMs: number): RuleMemory {
    const cooldowns = this.#watched.flatMap(({ rule, state }) => {
      const leftMs = state.cooldownUntilMonoMs - nowMonoMs;
      return leftMs > 0 ? [[rule.id, nowMs + leftMs]] : [];
    });
    return { open: Object.fromEntries(this.open), cooldownUntilMs: Object.fromEntries(cooldowns) };
  }

  /** Takes up what an earlier process remembered. @returns clears of alerts whose rules are no more. */
  restore({ open, cooldownUntilMs }: RuleMemory, nowMs: number, nowMonoMs: number): RuleNews[] {
    for (const watched of this.#watched) {
      const { id, config } = watched.rule;
      const alert = open[id];
      // A wall clock that was set back in between must not hold a rule down for longer than it asks for.
      const leftMs = Math.min(config.cooldown, (cooldownUntilMs[id] ?? 0) - nowMs);
      watched.alert = alert;
      watched.state = { ...IDLE_RULE, isRaised: alert !== undefined, cooldownUntilMonoMs: nowMonoMs + leftMs };
    }
    const known = new Set(this.#watched.map(({ rule }) => rule.id));
    return Object.entries(open).flatMap(([rule, alert]): RuleNews[] => {
      if (known.has(rule)) return [];
      this.counters.add('cleared');
      return [{ kind: 'clear', rule, alert, why: 'removed' }];
    });
  }

  #stepOne(watched: Watched, nowMs: number, nowMonoMs: number): RuleNews[] {
    const { rule } = watched;
    const { config, when, clear } = rule;
    const inForce = isInForce(config.schedule, this.#facts.time);
    const looks = [when, ...(watched.state.isRaised && clear !== undefined ? [clear] : [])].map((expression) =>
      this.#evaluate(expression),
    );
    const news = this.#noteFault(watched, looks);
    const [whenLook, clearLook] = looks.map(verdictOf);
    watched.looks++;
    if (whenLook === 'unknown') {
      watched.unknownLooks++;
      watched.unknownWhy = reasonOf(looks);
    }
    const { state, events } = stepRule(
      watched.state,
      {
        when: whenLook ?? 'unknown',
        clear: clear === undefined ? undefined : (clearLook ?? 'unknown'),
        isInForce: inForce,
      },
      nowMonoMs,
      { forMs: config.for, clearForMs: config.clearFor, cooldownMs: config.cooldown },
    );
    watched.state = state;
    for (const event of events) {
      switch (event.kind) {
        case 'raise':
          news.push(this.#raise(watched, nowMs));
          break;
        case 'clear':
          news.push(...this.#clear(watched, event.why));
          break;
        case 'unknown':
          this.counters.add('unknown');
          news.push({ kind: 'unknown', rule: rule.id, why: reasonOf(looks), alert: watched.alert });
          break;
        case 'known':
          news.push({ kind: 'known', rule: rule.id, alert: watched.alert });
      }
    }
    return news;
  }

  #evaluate(expression: Expression): Outcome {
    this.counters.add('evaluations');
    const outcome = expression.evaluate();
    if (outcome.kind === 'fault') this.counters.add('faults');
    return outcome;
  }

  #noteFault(watched: Watched, looks: readonly Outcome[]): RuleNews[] {
    const why = looks.flatMap((look) => (look.kind === 'fault' ? [look.why] : []))[0];
    if (why === undefined || why === watched.lastFault) return [];
    watched.lastFault = why;
    return [{ kind: 'fault', rule: watched.rule.id, why }];
  }

  #raise(watched: Watched, nowMs: number): RuleNews {
    const { rule } = watched;
    const { severity } = rule.config;
    const alert = { raisedAtMs: nowMs, severity, text: renderText(rule), values: readValues(rule) };
    watched.alert = alert;
    this.counters.add('raised');
    return { kind: 'raise', rule: rule.id, alert };
  }

  #clear(watched: Watched, why: 'over' | 'schedule'): RuleNews[] {
    const { alert, rule } = watched;
    watched.alert = undefined;
    this.counters.add('cleared');
    return alert === undefined ? [] : [{ kind: 'clear', rule: rule.id, alert, why }];
  }
}

/** As many rules, in their order, as one look has time for. */
function withinBudget(rules: readonly CompiledRule[]): { kept: CompiledRule[]; faults: RuleFault[] } {
  const kept: CompiledRule[] = [];
  const faults: RuleFault[] = [];
  let total = 0;
  for (const rule of rules) {
    const steps = rule.when.stepsMax + (rule.clear?.stepsMax ?? 0);
    if (total + steps <= RULES_STEPS_MAX) {
      total += steps;
      kept.push(rule);
      continue;
    }
    const message = `it and the rules before it may look at ${total + steps} parts each time, allowed ${RULES_STEPS_MAX}`;
    faults.push({ rule: rule.id, key: 'when', message });
  }
  return { kept, faults };
}

function verdictOf(outcome: Outcome): Verdict {
  if (outcome.kind !== 'value' || typeof outcome.value !== 'boolean') return 'unknown';
  return outcome.value ? 'true' : 'false';
}

function reasonOf(looks: readonly Outcome[]): string {
  return looks.flatMap((look) => (look.kind === 'value' ? [] : [look.why]))[0] ?? 'unknown';
}
