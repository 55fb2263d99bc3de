import { parseJson } from '../../protocol/codec.js';

/** Steps into a JSON value: names and list indices. */
export type JsonPath = readonly (string | number)[];

// A name up to a dot or bracket; or in brackets an index, or any name in double quotes.
const STEP = /(?:^|(?<!^)\.)([^.[\]"]+)|\[(\d{1,6})\]|\["([^"\\]*)"\]/y;

/** Reads `a.b[0]["any name"]`; undefined where it is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: (string | number)[] = [];
  STEP.lastIndex = 0;
  let at = 0;
  while (at < text.length) {
    const step = STEP.exec(text);
    if (step === null) return undefined;
    const [whole, name, index, quoted] = step;
    steps.push(index === undefined ? (name ?? quoted ?? '') : Number(index));
    at += whole.length;
  }
  return steps;
}

/**
 * The number at a path of a JSON text. Booleans count as 1 and 0, and so do ON and OFF, which switches say; a number may
 * stand in quotes. @throws Error that says what is there instead
 */
export function numberAt(text: string, path: JsonPath): number {
  let value: unknown = path.length === 0 ? text.trim() : parsed(text);
  for (const [i, step] of path.entries()) {
    const inside = insideOf(value, step);
    if (inside === undefined) throw new Error(`nothing at ${JSON.stringify(path.slice(0, i + 1).join('.'))}`);
    value = inside;
  }
  if (typeof value === 'string') value = SWITCH_WORDS.get(value.trim().toUpperCase()) ?? numberIn(value);
  if (typeof value === 'boolean') value = Number(value);
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw new Error(`no number: ${String(JSON.stringify(value)).slice(0, 60)}`);
}

const SWITCH_WORDS = new Map([
  ['ON', 1],
  ['OFF', 0],
  ['TRUE', 1],
  ['FALSE', 0],
]);

function numberIn(text: string): unknown {
  const trimmed = text.trim();
  return trimmed === '' || !Number.isFinite(Number(trimmed)) ? text : Number(trimmed);
}

function parsed(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    throw new Error(`no JSON: ${JSON.stringify(text.slice(0, 60))}`);
  }
}

function insideOf(value: unknown, step: string | number): unknown {
  if (typeof step === 'number') return Array.isArray(value) ? value[step] : undefined;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  // Own properties only: a path may not lead into what every object has.
  return Object.entries(value).find(([name]) => name === step)?.[1];
}
