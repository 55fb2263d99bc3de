import type { DeepReadonly } from '../../base/config.js';
import type { AlertValues } from '../../protocol/record.js';
import type { RuleConfig } from './config.js';
import { ExpressionError, placeIn } from './expression/expression-error.js';
import type { Expression, Outcome, RuleLanguage, Wanted } from './expression/rule-language.js';

/** One rule, checked and ready to be evaluated. */
export type CompiledRule = {
  readonly id: string;
  readonly config: DeepReadonly<RuleConfig>;
  readonly when: Expression;
  readonly clear: Expression | undefined;
  /** Its text: words, and what is filled in between them. */
  readonly text: readonly (string | Expression)[];
  /** What it looks at, by how it is written. */
  readonly reads: ReadonlyMap<string, Expression>;
};

/** One thing wrong with a rule, found before it runs. */
export type RuleFault = {
  readonly rule: string;
  readonly key: 'when' | 'clear' | 'text';
  /** Where in the text, and what is wrong with it. */
  readonly message: string;
};

/** Numbers an alert tells of what its rule looked at. */
const VALUES_MAX = 8;
const VALUE_NAME_CHARS_MAX = 80;
/** As its record and its topic take. */
const ALERT_TEXT_CHARS_MAX = 400;

/** Compiles one rule; all its faults at once if it has some. */
export function compileRule(
  id: string,
  config: DeepReadonly<RuleConfig>,
  language: RuleLanguage,
): { readonly rule: CompiledRule } | { readonly faults: readonly RuleFault[] } {
  const faults: RuleFault[] = [];
  const compile = (key: RuleFault['key'], text: string, wanted: Wanted, whole = text, offset = 0) => {
    try {
      return language.compile(text, wanted);
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      faults.push({ rule: id, key, message: `at ${placeIn(whole, offset + error.at)}: ${error.message}` });
      return undefined;
    }
  };
  const when = compile('when', config.when, 'condition');
  const clear = config.clear === undefined ? undefined : compile('clear', config.clear, 'condition');
  const text = splitText(config.text ?? '').map(({ at, words, expression }) =>
    expression === undefined ? words : (compile('text', expression, 'shown', config.text, at) ?? ''),
  );
  if (when === undefined || faults.length > 0) return { faults };
  const names = [...new Set([...when.reads, ...(clear?.reads ?? [])])];
  const shown = names.filter(({ length }) => length <= VALUE_NAME_CHARS_MAX).slice(0, VALUES_MAX);
  const reads = new Map(shown.map((name) => [name, language.compile(name, 'shown')]));
  return { rule: { id, config, when, clear, text: config.text === undefined ? [config.when] : text, reads } };
}

/** The text of an alert as it is at this moment; `?` for what is not known. */
export function renderText({ text }: CompiledRule): string {
  const words = text.map((part) => (typeof part === 'string' ? part : shownOf(part.evaluate())));
  return words.join('').slice(0, ALERT_TEXT_CHARS_MAX);
}

/** The numbers a rule looks at, as far as they are known at this moment. */
export function readValues({ reads }: CompiledRule): AlertValues {
  const values = [...reads].flatMap(([name, expression]): [string, number][] => {
    const outcome = expression.evaluate();
    const isNumber = outcome.kind === 'value' && typeof outcome.value === 'number' && Number.isFinite(outcome.value);
    return isNumber ? [[name, Number(outcome.value)]] : [];
  });
  return Object.fromEntries(values);
}

function shownOf(outcome: Outcome): string {
  if (outcome.kind !== 'value') return '?';
  const { value } = outcome;
  // A tenth of a degree is worth a word, a tenth of a kilowatt in watts is not.
  return typeof value === 'number' ? String(Number(value.toFixed(Math.abs(value) < 100 ? 1 : 0))) : String(value);
}

type TextPart = { readonly at: number; readonly words: string; readonly expression?: string };

function splitText(text: string): TextPart[] {
  const parts: TextPart[] = [];
  let from = 0;
  for (const match of text.matchAll(/\{([^{}]*)\}/g)) {
    parts.push({ at: from, words: text.slice(from, match.index) });
    parts.push({ at: match.index + 1, words: '', expression: match[1] ?? '' });
    from = match.index + match[0].length;
  }
  parts.push({ at: from, words: text.slice(from) });
  return parts.filter(({ words, expression }) => words !== '' || expression !== undefined);
}
