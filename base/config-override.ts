import { parse } from 'yaml';
import type { ConfigPath } from './config-document.js';
import { branchesOf, isTree, keysOf, type SchemaNode, schemaAt } from './config-schema.js';

/** A value that wins over the file, and where it came from in words: `VEDETTE_EDGE_NODE`, `--port`. */
export type ConfigOverride = { readonly path: ConfigPath; readonly value: unknown; readonly from: string };

export type OverridesFound = {
  readonly overrides: readonly ConfigOverride[];
  /** Variables of one of our sections that name no setting. */
  readonly unknown: readonly string[];
};

/**
 * Settings given by the environment. `VEDETTE_<SECTION>_<KEY>`: the path in capitals, camel case parted by `_`, levels
 * joined by `_`, list items by number, `-` in a name as `_`: `VEDETTE_EDGE_NODE`, `VEDETTE_SITE_BROKERS_0`,
 * `VEDETTE_EDGE_CAMERAS_FRONT_FPS` (an entry of a map with free keys must already stand in the file).
 * A value is read as YAML (`5`, `true`, `[a, b]`), except where the schema wants text: there it is taken as it is.
 * Names outside the sections (`VEDETTE_DEBUG`) are not settings and are passed over.
 */
export function overridesFromEnv(
  env: Readonly<Record<string, string | undefined>>,
  sections: readonly string[],
  root: SchemaNode,
  value: unknown,
): OverridesFound {
  const overrides: ConfigOverride[] = [];
  const unknown: string[] = [];
  for (const [name, text] of Object.entries(env)) {
    if (text === undefined || !sections.some((section) => name.startsWith(`VEDETTE_${capitals(section)}_`))) continue;
    const path = findPath(name.slice('VEDETTE_'.length), root, value);
    if (path === undefined) unknown.push(name);
    else if (path !== 'ignored') overrides.push({ path, value: readValue(text, schemaAt(root, path)), from: name });
  }
  return { overrides, unknown };
}

/** `stateDir` -> `STATE_DIR`, `cam-1` -> `CAM_1`. */
function capitals(key: string): string {
  return key
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .replace(/-/g, '_')
    .toUpperCase();
}

// `ignored`: below a place the schema leaves open, which is the section of another service.
function findPath(rest: string, node: SchemaNode, value: unknown): ConfigPath | 'ignored' | undefined {
  if (rest === '') return [];
  if (isOpen(node)) return 'ignored';
  for (const key of stepsInto(node, value)) {
    const name = capitals(String(key));
    if (rest !== name && !rest.startsWith(`${name}_`)) continue;
    const child = schemaAt(node, [key]);
    if (child === undefined) continue;
    const below = findPath(rest.slice(name.length + 1), child, childValue(value, key));
    if (below === 'ignored') return below;
    if (below !== undefined) return [key, ...below];
  }
  return undefined;
}

function isOpen(node: SchemaNode): boolean {
  return ['type', 'anyOf', 'oneOf', 'enum', 'const'].every((key) => node[key] === undefined);
}

// Longest names first, so that `STATE_DIR` is not read as `STATE` with a key `DIR`.
function stepsInto(node: SchemaNode, value: unknown): (string | number)[] {
  if (branchesOf(node).some((branch) => branch.type === 'array')) {
    const length = Array.isArray(value) ? value.length : 0;
    // One past the end may be given: it appends.
    return Array.from({ length: length + 1 }, (_, i) => length - i);
  }
  const free = isTree(value) ? Object.keys(value) : [];
  return [...new Set([...keysOf(node), ...free])].sort((a, b) => b.length - a.length);
}

function childValue(value: unknown, key: string | number): unknown {
  if (Array.isArray(value)) return value[Number(key)];
  return isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

function readValue(text: string, node: SchemaNode | undefined): unknown {
  if (node !== undefined && branchesOf(node).every((branch) => branch.type === 'string')) return text;
  try {
    return parse(text, { maxAliasCount: 0, logLevel: 'silent' });
  } catch {
    return text;
  }
}

/** The value with one place replaced; maps and lists on the way are copied, or made where there were none. */
export function withOverride(value: unknown, path: ConfigPath, replacement: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return replacement;
  if (typeof step === 'number') {
    const list: unknown[] = Array.isArray(value) ? [...value] : [];
    list[step] = withOverride(list[step], rest, replacement);
    return list;
  }
  const entries = new Map<string, unknown>(isTree(value) ? Object.entries(value) : []);
  entries.set(step, withOverride(entries.get(step), rest, replacement));
  return Object.fromEntries(entries);
}
