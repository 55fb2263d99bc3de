import type { z } from 'zod';
import type { ConfigPath } from './config-document.js';

type Issue = z.core.$ZodIssue;

/** Refused keys within what a refused key held, and so on: no configuration of ours nests names deeper. */
const ROUNDS_MAX = 4;

/**
 * The faults behind keys that a schema refuses, which it does not look behind: what such a key holds is parsed again under
 * a name that is allowed. Paths are those of `value`.
 * @param issues what the schema found in `value`.
 */
export function issuesBehindKeys(schema: z.ZodType, value: unknown, issues: readonly Issue[]): Issue[] {
  const names = new Map<string, string>();
  const found: Issue[] = [];
  let renamed = value;
  let refused = refusedKeys(issues);
  for (let round = 0; round < ROUNDS_MAX && refused.length > 0; round++) {
    for (const path of refused) {
      const standIn = `stand-in-${names.size}`;
      names.set(standIn, String(path.at(-1)));
      renamed = renameKey(renamed, path, standIn);
    }
    const isBehind = ({ path }: Issue) => path.some((step) => typeof step === 'string' && names.has(step));
    const isOwn = (path: ConfigPath) => names.has(String(path.at(-1)));
    const behind = (schema.safeParse(renamed).error?.issues ?? []).filter(isBehind);
    refused = refusedKeys(behind).filter((path) => !isOwn(path));
    const isLast = refused.length === 0;
    found.push(...behind.filter(({ code }) => (code === 'invalid_key' ? !isLast : isLast)));
  }
  return found.map((issue) => ({ ...issue, path: issue.path.map((step) => names.get(String(step)) ?? step) }));
}

function refusedKeys(issues: readonly Issue[]): ConfigPath[] {
  return issues.flatMap(({ code, path }) =>
    code === 'invalid_key' ? [path.filter((step) => typeof step !== 'symbol')] : [],
  );
}

/** A copy in which the key at a path has another name, in its place; unchanged where there is no such key. */
function renameKey(value: unknown, [step, ...rest]: ConfigPath, name: string): unknown {
  if (Array.isArray(value)) return value.map((item, i) => (i === step ? renameKey(item, rest, name) : item));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => {
      if (key !== String(step)) return [key, child];
      return rest.length === 0 ? [name, child] : [key, renameKey(child, rest, name)];
    }),
  );
}

/**
 * Arguments of `refine` that limit the size of a map. Checked even where some of its entries are wrong, so that all faults
 * are told at once.
 */
export function atMostKeys(max: number, what: string) {
  const isWithin = (map: object) => Object.keys(map).length <= max;
  const when = ({ value }: { value: unknown }) => typeof value === 'object' && value !== null;
  return [isWithin, { message: `allowed: at most ${max} ${what}`, when }] as const;
}
