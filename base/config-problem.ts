import type { z } from 'zod';
import type { ConfigPath } from './config-document.js';
import { describeAllowed, keysOf, type SchemaNode, schemaAt } from './config-schema.js';

/** One fault of a configuration, ready to be told: where, what was given, what is allowed. */
export type ConfigProblem = {
  /** Keys from the top, joined by dots: `edge.cameras.front.fps`; empty for the whole. */
  readonly path: string;
  /** `12:5` (line and column in the file), or where else the value came from, e.g. `VEDETTE_EDGE_FPS`. */
  readonly place: string;
  readonly message: string;
};

/** A fault found by a schema, with the steps to it and what part of the entry to point at. */
export type SchemaProblem = { readonly path: ConfigPath; readonly at: 'key' | 'value'; readonly message: string };

type Issue = z.core.$ZodIssue;

/** Longest value repeated back to the person; more is noise in a terminal line. */
const VALUE_CHARS_MAX = 60;

/** Keys whose value is a secret that should not have been written there; it is not repeated back. */
const SECRET_KEY = /password|secret|token|passphrase|privatekey/i;

/** Everything a schema found wrong, in words: the value given and what is allowed. */
export function describeFaults(issues: readonly Issue[], value: unknown, root: SchemaNode): SchemaProblem[] {
  return issues.flatMap((issue) => describeIssue(issue, [], value, root));
}

function describeIssue(issue: Issue, prefix: ConfigPath, value: unknown, root: SchemaNode): SchemaProblem[] {
  const path = [...prefix, ...issue.path.filter((step) => typeof step !== 'symbol')];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey([...path, key], root));
    case 'invalid_key':
      return [{ path, at: 'key', message: `this key is not allowed; ${allowedText(issue.issues[0]?.message)}` }];
    case 'invalid_element':
      return issue.issues.flatMap((inner) => describeIssue(inner, path, value, root));
    case 'invalid_union': {
      const branch = nearestBranch(issue.errors);
      if (branch !== undefined) return branch.flatMap((inner) => describeIssue(inner, path, value, root));
      return [wrongValue(path, value, root, issue)];
    }
    default:
      return [wrongValue(path, value, root, issue)];
  }
}

// Of a union, the one alternative whose kind fits and whose inside does not: its faults say more than "invalid".
function nearestBranch(branches: readonly (readonly Issue[])[]): readonly Issue[] | undefined {
  const fitting = branches.filter(
    (issues) => !issues.some((issue) => issue.path.length === 0 && issue.code === 'invalid_type'),
  );
  return fitting.length === 1 ? fitting[0] : undefined;
}

function unknownKey(path: ConfigPath, root: SchemaNode): SchemaProblem {
  const parent = schemaAt(root, path.slice(0, -1));
  const known = parent === undefined ? [] : keysOf(parent);
  const key = String(path.at(-1));
  const near = nearest(key, known);
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  const allowed = known.length === 0 ? '' : `; allowed: ${known.join(', ')}`;
  return { path, at: 'key', message: `unknown key${meant}${allowed}` };
}

function wrongValue(path: ConfigPath, value: unknown, root: SchemaNode, issue: Issue): SchemaProblem {
  const given = valueAt(value, path);
  const isSecret = path.some((step) => typeof step === 'string' && SECRET_KEY.test(step) && !/file$/i.test(step));
  const shown = given === undefined ? 'missing' : isSecret ? 'the value (not shown) is wrong' : `got ${show(given)}`;
  const node = schemaAt(root, path);
  const fromSchema = node === undefined ? undefined : describeAllowed(node);
  return {
    path,
    at: 'value',
    message: `${shown}; ${allowedText(isOwnText(issue) ? issue.message : fromSchema, issue)}`,
  };
}

// Rules with words of their own ("allowed: 1 to 32 of a-z ...") say more than the JSON Schema can.
function isOwnText(issue: Issue): boolean {
  return issue.code === 'custom' || issue.message.startsWith('allowed');
}

function allowedText(text: string | undefined, issue?: Issue): string {
  const said = text ?? issue?.message ?? 'not allowed';
  return said.startsWith('allowed') || issue?.code === 'custom' ? said : `allowed: ${said}`;
}

function valueAt(value: unknown, path: ConfigPath): unknown {
  let current = value;
  for (const step of path) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = new Map<string, unknown>(Object.entries(current)).get(String(step));
  }
  return current;
}

function show(value: unknown): string {
  if (value === null) return 'nothing';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > VALUE_CHARS_MAX ? `${text.slice(0, VALUE_CHARS_MAX - 3)}...` : text;
}

/** The known name a mistyped one is nearest to: at most two letters wrong, or the same but for case and separators. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, '');
  const distanceMax = name.length <= 4 ? 1 : 2;
  const scored = known.map((other) => ({ other, distance: editDistance(plain(name), plain(other)) }));
  scored.sort((a, b) => a.distance - b.distance);
  const best = scored[0];
  return best !== undefined && best.distance <= distanceMax ? best.other : undefined;
}

// Edit distance with swapped neighbours as one slip (optimal string alignment); names longer than this are no slip.
function editDistance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2 || a.length > 64) return Number.POSITIVE_INFINITY;
  const at = (row: readonly number[] | undefined, j: number) => row?.[j] ?? Number.POSITIVE_INFINITY;
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = at(rows[i - 1], j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(rows[i - 2], j - 2) + 1 : change;
      row.push(Math.min(change, swapped, at(rows[i - 1], j) + 1, at(row, j - 1) + 1));
    }
    rows.push(row);
  }
  return at(rows[a.length], b.length);
}
