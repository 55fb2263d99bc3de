import type { ASTNode } from '@marcbachmann/cel-js';
import { nearest } from '../../../base/config-problem.js';
import { ExpressionError } from './expression-error.js';
import { EXPRESSION_NODES_MAX, EXPRESSION_STEPS_MAX, TRACKS_SEEN_MAX } from './expression-limits.js';
import { type ExpressionScope, hasVariable, placesOf, variableOf, zonesOf } from './expression-scope.js';

/** A label an expression asks for, and where. */
export type LabelUse = { readonly label: string; readonly at: number };

export type ExpressionFacts = {
  /** Parts an evaluation looks at at most, loops counted out. */
  readonly stepsMax: number;
  readonly labels: readonly LabelUse[];
  /** Parts that give a number from outside, as they are written: `temperature`, `count("person")`. Each once. */
  readonly reads: readonly string[];
  /** It asks for nothing that changes: it always says the same. */
  readonly isConstant: boolean;
};

const LOOPS: ReadonlySet<string> = new Set(['exists', 'all', 'exists_one', 'filter', 'map']);
/** Of the library's functions those that cost what their text is long. No `matches`: a pattern can run for years. */
const FUNCTIONS: ReadonlySet<string> = new Set(['size', 'string', 'int', 'double']);
const METHODS: ReadonlySet<string> = new Set(['startsWith', 'endsWith', 'contains', 'size', ...LOOPS]);
/** Of our own: what each takes. Names are written out, so that a wrong one is found before the rule runs. */
const NAMED: Readonly<Record<string, readonly ('sensor' | 'camera' | 'place' | 'label' | 'zone')[][]>> = {
  sensor: [['sensor']],
  sensor_ok: [['sensor']],
  camera_ok: [['camera']],
  fps: [['camera']],
  motion: [['camera']],
  count: [['label'], ['label', 'place'], ['label', 'camera', 'zone']],
  tracks: [[], ['camera']],
};
const NUMERIC: ReadonlySet<string> = new Set(['abs', 'min', 'max']);

/** Every function and method that may be called. */
export const CALLABLE: readonly string[] = [...Object.keys(NAMED), ...NUMERIC, ...METHODS, ...FUNCTIONS];

/**
 * Looks at a parsed expression before it is used: that it calls only what it may, names only what there is, divides by no
 * zero that is written out, and ends soon.
 * @throws ExpressionError
 */
export function checkExpression(ast: ASTNode, scope: ExpressionScope): ExpressionFacts {
  const walk = new Walk(scope);
  const stepsMax = walk.steps(ast);
  if (stepsMax > EXPRESSION_STEPS_MAX) {
    throw new ExpressionError(
      0,
      `it may look at ${stepsMax} parts each time, allowed ${EXPRESSION_STEPS_MAX}; a loop over tracks() counts ${TRACKS_SEEN_MAX} times`,
    );
  }
  return { stepsMax, labels: walk.labels, reads: [...walk.reads], isConstant: !walk.asks };
}

/** Calls whose number says why a rule fired. */
const READS: ReadonlySet<string> = new Set(['sensor', 'count', 'fps']);

class Walk {
  readonly labels: LabelUse[] = [];
  readonly reads = new Set<string>();
  /** Whether it asks for something from outside. */
  asks = false;
  readonly #scope: ExpressionScope;
  readonly #variables: ReadonlySet<string>;
  #nodes = 0;

  constructor(scope: ExpressionScope) {
    this.#scope = scope;
    this.#variables = new Set(scope.sensors.filter(hasVariable).map(variableOf));
  }

  /** Parts that evaluating a node looks at, at most. */
  steps(node: ASTNode): number {
    if (++this.#nodes > EXPRESSION_NODES_MAX) {
      throw new ExpressionError(node.start, `it has more than ${EXPRESSION_NODES_MAX} parts; make two rules of it`);
    }
    switch (node.op) {
      case 'value':
        if (isPlain(node.args)) return 1;
        throw new ExpressionError(node.start, 'allowed values: numbers, texts, true and false');
      case 'id':
        if (this.#variables.has(node.args)) this.reads.add(node.args);
        this.asks = true;
        return 1;
      case 'call':
        return this.#call(node, node.args[0], node.args[1]);
      case 'rcall':
        return this.#method(node, node.args[0], node.args[1], node.args[2]);
      case 'list':
        return 1 + this.#sum(node.args);
      case '.':
        return 1 + this.steps(node.args[0]);
      case '!_':
      case '-_':
        return 1 + this.steps(node.args);
      case '/':
      case '%':
        refuseZero(node.args[1]);
        return 1 + this.#sum(node.args);
      case 'map':
      case '.?':
      case '[?]':
        throw new ExpressionError(node.start, 'maps and optional values are not for rules');
      default:
        return 1 + this.#sum(node.args);
    }
  }

  #sum(nodes: readonly ASTNode[]): number {
    return nodes.reduce((total, node) => total + this.steps(node), 0);
  }

  #call(node: ASTNode, name: string, args: readonly ASTNode[]): number {
    const forms = NAMED[name];
    if (forms !== undefined && Object.hasOwn(NAMED, name)) return this.#named(node, name, forms, args);
    if (FUNCTIONS.has(name) || NUMERIC.has(name)) return 1 + this.#sum(args);
    throw notCallable(node, name);
  }

  #named(node: ASTNode, name: string, forms: readonly (readonly string[])[], args: readonly ASTNode[]): number {
    const form = forms.find(({ length }) => length === args.length);
    if (form === undefined) {
      const shown = forms.map((names) => `${name}(${names.map((kind) => `"${kind.toUpperCase()}"`).join(', ')})`);
      throw new ExpressionError(node.start, `${name} is called as ${shown.join(' or ')}`);
    }
    const texts = args.map((arg, i) => textOf(arg, name, form[i] ?? ''));
    for (const [i, kind] of form.entries()) this.#checkName(kind, texts, i, args[i] ?? node);
    this.asks = true;
    if (READS.has(name)) this.reads.add(node.input.slice(node.start, node.end));
    return 1 + args.length + (name === 'count' || name === 'tracks' ? TRACKS_SEEN_MAX : 0);
  }

  #checkName(kind: string, texts: readonly string[], i: number, node: ASTNode): void {
    const name = texts[i] ?? '';
    const cameras = Object.keys(this.#scope.cameras);
    if (kind === 'label') this.labels.push({ label: name, at: node.start });
    else if (kind === 'sensor') mustBeOne(node, 'sensor', name, this.#scope.sensors);
    else if (kind === 'camera') mustBeOne(node, 'camera', name, cameras);
    else if (kind === 'zone')
      mustBeOne(node, `zone of ${texts[i - 1]}`, name, this.#scope.cameras[texts[i - 1] ?? ''] ?? []);
    else if (kind === 'place') {
      const places = placesOf(this.#scope, name);
      if (places.length === 0) mustBeOne(node, 'zone or camera', name, [...zonesOf(this.#scope), ...cameras]);
      if (places.length > 1) {
        throw new ExpressionError(node.start, `${name} is a camera and a zone; write count(LABEL, CAMERA, ZONE)`);
      }
    }
  }

  #method(node: ASTNode, name: string, receiver: ASTNode, args: readonly ASTNode[]): number {
    if (!METHODS.has(name)) throw notCallable(node, name);
    if (!LOOPS.has(name)) return 1 + this.steps(receiver) + this.#sum(args);
    const [, ...body] = args;
    return 1 + this.steps(receiver) + lengthMaxOf(receiver) * (1 + this.#sum(body));
  }
}

// How many elements a loop may go over: those of a list written out, else as many as there can be tracks.
function lengthMaxOf(node: ASTNode): number {
  if (node.op === 'list') return node.args.length;
  // What is left of a list, or made of it, is no longer than it was.
  if (node.op === 'rcall' && (node.args[0] === 'filter' || node.args[0] === 'map')) return lengthMaxOf(node.args[1]);
  return TRACKS_SEEN_MAX;
}

function isPlain(value: unknown): boolean {
  return ['string', 'boolean', 'bigint', 'number'].includes(typeof value);
}

function refuseZero(node: ASTNode): void {
  const isZero = node.op === 'value' && (node.args === 0n || node.args === 0);
  if (isZero) throw new ExpressionError(node.start, 'it divides by zero');
}

function textOf(node: ASTNode, name: string, kind: string): string {
  if (node.op === 'value' && typeof node.args === 'string') return node.args;
  throw new ExpressionError(node.start, `${name}() takes the name of a ${kind} in quotes, such as "front"`);
}

function mustBeOne(node: ASTNode, kind: string, name: string, known: readonly string[]): void {
  if (known.includes(name)) return;
  throw new ExpressionError(node.start, `there is no ${kind} ${JSON.stringify(name)}${hintFor(name, known)}`);
}

/** `; did you mean gate?` and what there is, in few words. */
export function hintFor(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  const list = known.length === 0 ? 'none' : `${known.slice(0, 12).join(', ')}${known.length > 12 ? ', ...' : ''}`;
  return `${near === undefined ? '' : `; did you mean ${near}?`}; there is: ${list}`;
}

function notCallable(node: ASTNode, name: string): ExpressionError {
  return new ExpressionError(node.start, `there is no function ${name}${hintFor(name, CALLABLE)}`);
}
