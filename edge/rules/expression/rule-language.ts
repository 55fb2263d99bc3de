import { TypeError as CelTypeError, Environment, EvaluationError, ParseError } from '@marcbachmann/cel-js';
import { messageOf } from '../../../base/errors.js';
import { checkExpression, type ExpressionFacts } from './expression-check.js';
import { ExpressionError } from './expression-error.js';
import { explainFault } from './expression-hints.js';
import {
  EXPRESSION_CHARS_MAX,
  EXPRESSION_DEPTH_MAX,
  EXPRESSION_LIST_MAX,
  EXPRESSION_NODES_MAX,
} from './expression-limits.js';
import { type ExpressionScope, hasVariable, placesOf, TIME_VARIABLES, variableOf } from './expression-scope.js';
import { type RuleView, type TrackView, UnknownValueError } from './rule-view.js';

/** What an expression says at one moment. */
export type Outcome =
  | { readonly kind: 'value'; readonly value: boolean | number | string }
  /** Something it asks for is not known, and the rest does not decide. */
  | { readonly kind: 'unknown'; readonly why: string }
  /** It cannot be computed: a whole number divided by zero, an overflow. */
  | { readonly kind: 'fault'; readonly why: string };

/** A checked expression. Evaluating it changes nothing and never throws. */
export type Expression = ExpressionFacts & {
  readonly text: string;
  readonly evaluate: () => Outcome;
};

/** What an expression has to give: true or false, or anything that can be shown. */
export type Wanted = 'condition' | 'shown';

const SHOWN_TYPES: ReadonlySet<string> = new Set(['bool', 'int', 'double', 'string']);

/**
 * CEL over what one node knows: its sensors are variables, the rest are functions. Three-valued: `false && unknown` is
 * false, `true || unknown` is true, and every other use of an unknown value is unknown.
 */
export class RuleLanguage {
  readonly #scope: ExpressionScope;
  readonly #environment: Environment;
  readonly #variables: Record<string, unknown>;

  /** @param view what expressions look at when they are evaluated. */
  constructor(scope: ExpressionScope, view: RuleView) {
    this.#scope = scope;
    this.#environment = buildEnvironment(scope, view);
    this.#variables = buildVariables(scope, view);
  }

  /** @throws ExpressionError naming the place and what was probably meant. */
  compile(text: string, wanted: Wanted): Expression {
    if (text.trim() === '') throw new ExpressionError(0, 'it is empty');
    if (text.length > EXPRESSION_CHARS_MAX) {
      throw new ExpressionError(0, `${text.length} characters, allowed ${EXPRESSION_CHARS_MAX}`);
    }
    const parsed = this.#parse(text);
    const facts = checkExpression(parsed.ast, this.#scope);
    const { valid, type = '', error } = parsed.check();
    if (!valid) throw this.#fault(text, error);
    if (wanted === 'condition' && type !== 'bool') {
      throw new ExpressionError(0, `it gives ${type}, not true or false; compare it, as in temperature > 30.0`);
    }
    if (!SHOWN_TYPES.has(type)) throw new ExpressionError(0, `it gives ${type}, which has no words`);
    const variables = this.#variables;
    return { ...facts, text, evaluate: () => outcomeOf(() => parsed(variables)) };
  }

  #parse(text: string): ReturnType<Environment['parse']> {
    try {
      return this.#environment.parse(text);
    } catch (error) {
      throw this.#fault(text, error);
    }
  }

  #fault(text: string, error: unknown): ExpressionError {
    if (!(error instanceof ParseError || error instanceof CelTypeError))
      return new ExpressionError(0, messageOf(error));
    const at = error.range?.start ?? 0;
    return new ExpressionError(at, explainFault(text, { code: error.code, summary: error.summary, at }, this.#scope));
  }
}

function outcomeOf(run: () => unknown): Outcome {
  try {
    const value = run();
    if (typeof value === 'bigint') return { kind: 'value', value: Number(value) };
    if (typeof value === 'boolean' || typeof value === 'number' || typeof value === 'string') {
      return { kind: 'value', value };
    }
    return { kind: 'fault', why: `it gave ${typeof value}` };
  } catch (error) {
    if (error instanceof UnknownValueError) return { kind: 'unknown', why: error.message };
    return { kind: 'fault', why: error instanceof EvaluationError ? error.summary : messageOf(error) };
  }
}

function buildEnvironment(scope: ExpressionScope, view: RuleView): Environment {
  const environment = new Environment({
    limits: {
      maxAstNodes: EXPRESSION_NODES_MAX,
      maxDepth: EXPRESSION_DEPTH_MAX,
      maxListElements: EXPRESSION_LIST_MAX,
      maxCallArguments: 8,
    },
  });
  for (const sensor of scope.sensors.filter(hasVariable)) environment.registerVariable(variableOf(sensor), 'double');
  for (const [name, type] of Object.entries(TIME_VARIABLES)) environment.registerVariable(name, type);
  const known = { async: false };
  const add = (signature: string, handler: (...args: never[]) => unknown) =>
    environment.registerFunction(signature, handler, known);
  environment.registerType('Track', { fields: TRACK_FIELDS });
  const all = Object.keys(scope.cameras);
  add('sensor(string): double', (name: string) => view.reading(name));
  add('sensor_ok(string): bool', (name: string) => view.isReading(name));
  add('camera_ok(string): bool', (name: string) => view.isSeeing(name));
  add('fps(string): double', (name: string) => view.fps(name));
  add('motion(string): bool', (name: string) => view.isMoving(name));
  add('count(string): int', (label: string) => countOf(view.tracks(all), label, undefined));
  add('count(string, string): int', (label: string, name: string) => {
    const [place] = placesOf(scope, name);
    return countOf(view.tracks(place?.cameras ?? []), label, place?.zone);
  });
  add('count(string, string, string): int', (label: string, camera: string, zone: string) =>
    countOf(view.tracks([camera]), label, zone),
  );
  add('tracks(): list<Track>', () => view.tracks(all));
  add('tracks(string): list<Track>', (camera: string) => view.tracks([camera]));
  add('abs(double): double', (value: number) => Math.abs(value));
  add('min(double, double): double', (a: number, b: number) => Math.min(a, b));
  add('max(double, double): double', (a: number, b: number) => Math.max(a, b));
  return environment;
}

const TRACK_FIELDS = {
  camera: 'string',
  id: 'int',
  label: 'string',
  zones: 'list<string>',
  seconds: 'double',
  score: 'double',
  stationary: 'bool',
} as const;

function countOf(tracks: readonly TrackView[], label: string, zone: string | undefined): bigint {
  let count = 0;
  for (const track of tracks) {
    if (track.label === label && (zone === undefined || track.zones.includes(zone))) count++;
  }
  return BigInt(count);
}

// Looked up when they are used: an unknown value is then an error of that use, which && and || may make up for.
function buildVariables(scope: ExpressionScope, view: RuleView): Record<string, unknown> {
  const variables: Record<string, unknown> = Object.create(null);
  const define = (name: string, get: () => unknown) =>
    Object.defineProperty(variables, name, { get, enumerable: true });
  for (const sensor of scope.sensors.filter(hasVariable)) define(variableOf(sensor), () => view.reading(sensor));
  define('hour', () => BigInt(view.time.hour));
  define('minute', () => BigInt(view.time.minute));
  define('weekday', () => BigInt(view.time.weekday));
  return variables;
}
