import { CALLABLE, hintFor } from './expression-check.js';
import { type ExpressionScope, hasVariable, TIME_VARIABLES, variableOf } from './expression-scope.js';

/** What the library says of an expression it does not take. */
export type LibraryFault = {
  readonly code: string;
  /** Its own words, one line. */
  readonly summary: string;
  /** Offset in the text. */
  readonly at: number;
};

/** The words for a person: what is wrong, and what was probably meant. */
export function explainFault(text: string, fault: LibraryFault, scope: ExpressionScope): string {
  const { code, summary, at } = fault;
  const rest = text.slice(at);
  if (rest.trim() === '') return 'it ends too early';
  switch (code) {
    case 'unknown_variable':
      return minusHint(rest, scope) ?? unknownName(/^[A-Za-z0-9_]+/.exec(rest)?.[0] ?? rest, scope);
    case 'no_such_overload':
      return `${lowerFirst(summary)}${overloadHint(summary)}`;
    case 'no_matching_overload':
      return `${lowerFirst(summary)}; see docs/rules.md for what each function takes`;
    case 'no_such_key':
      return `a track has no ${summary.replace(/^.*: /, '')}; it has camera, id, label, zones, seconds, score, stationary`;
    case 'invalid_logical_operand':
      return `${lowerFirst(summary)}; compare it with something, as in temperature > 30.0`;
    case 'unexpected_character':
    case 'unexpected_token':
      return `${lowerFirst(summary)}${syntaxHint(text, at)}`;
    default:
      return lowerFirst(summary);
  }
}

// The slip that ids with a minus invite.
function minusHint(rest: string, scope: ExpressionScope): string | undefined {
  const id = /^[a-z0-9]+(?:-[a-z0-9]+)+/.exec(rest)?.[0];
  const sensor = scope.sensors.find((sensor) => sensor === id);
  return sensor === undefined ? undefined : `write ${variableOf(sensor)}: a minus subtracts`;
}

function unknownName(name: string, scope: ExpressionScope): string {
  if (Object.hasOwn(scope.cameras, name))
    return `${name} is a camera; ask camera_ok("${name}") or count(LABEL, "${name}")`;
  const sensor = scope.sensors.find((id) => variableOf(id) === name);
  if (sensor !== undefined) return `write sensor("${sensor}"): ${name} is a word of the language`;
  if (CALLABLE.includes(name)) return `${name} is a function; write ${name}(...)`;
  const known = [...scope.sensors.filter(hasVariable).map(variableOf), ...Object.keys(TIME_VARIABLES)];
  return `there is no variable ${name}${hintFor(name, known)}`;
}

function overloadHint(summary: string): string {
  const isMixed = /\bdouble\b/.test(summary) && /\bint\b/.test(summary);
  return isMixed ? '; write the whole number with a point (3.0), or double(...) around the count' : '';
}

const WORDS: Readonly<Record<string, string>> = { and: '&&', or: '||', not: '!' };

function syntaxHint(text: string, at: number): string {
  const word = wordAround(text, at);
  const meant = WORDS[word.toLowerCase()];
  if (meant !== undefined) return `; write ${meant} for ${word}`;
  if (text[at] === '=') return '; write == to compare';
  if (text[at] === ',' && /\d/.test(text[at - 1] ?? '')) return '; write the number with a point, as in 30.5';
  if (text[at] === '&' || text[at] === '|') return `; write ${text[at]}${text[at]}`;
  return '';
}

function wordAround(text: string, at: number): string {
  const before = /[A-Za-z]*$/.exec(text.slice(0, at))?.[0] ?? '';
  return before + (/^[A-Za-z]*/.exec(text.slice(at))?.[0] ?? '');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
