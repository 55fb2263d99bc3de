import { z } from 'zod';
import type { ConfigPath } from './config-document.js';

/** One place of a schema as JSON Schema tells it: what may stand there. */
export type SchemaNode = { readonly [key: string]: unknown };

/** The input side of a schema (what a person writes, before defaults) as JSON Schema. */
export function schemaTree(schema: z.ZodType): SchemaNode {
  return z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
}

/** True for an object that can be asked for keys. */
export function isTree(value: unknown): value is SchemaNode {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The alternatives of a place; a place without alternatives is its own only one. */
export function branchesOf(node: SchemaNode): SchemaNode[] {
  const list = node.anyOf ?? node.oneOf;
  return Array.isArray(list) ? list.filter(isTree) : [node];
}

/** What may stand at a path; undefined where the schema says nothing about it. */
export function schemaAt(root: SchemaNode, path: ConfigPath): SchemaNode | undefined {
  let nodes = [root];
  for (const step of path) {
    nodes = nodes.flatMap(branchesOf).flatMap((node) => childOf(node, step));
    if (nodes.length === 0) return undefined;
  }
  return nodes.length === 1 ? nodes[0] : { anyOf: nodes };
}

function childOf(node: SchemaNode, step: string | number): SchemaNode[] {
  const candidates: unknown[] = [];
  // A pair such as a corner of a polygon has its own schema for each place.
  if (typeof step === 'number') candidates.push(Array.isArray(node.prefixItems) ? node.prefixItems[step] : node.items);
  else if (isTree(node.properties) && Object.hasOwn(node.properties, step)) {
    candidates.push(node.properties[step]);
  } else candidates.push(node.additionalProperties);
  return candidates.filter(isTree);
}

/** Names of the keys a map may have; empty for a map with free keys. */
export function keysOf(node: SchemaNode): string[] {
  const names = branchesOf(node).flatMap((branch) => (isTree(branch.properties) ? Object.keys(branch.properties) : []));
  return [...new Set(names)];
}

/** In words, what may stand in a place: `number, 0.1 to 60 (frames per second)`; undefined if the schema does not say. */
export function describeAllowed(node: SchemaNode): string | undefined {
  const description = typeof node.description === 'string' ? ` (${node.description})` : '';
  const parts = branchesOf(node).flatMap((branch) => describeBranch(branch) ?? []);
  return parts.length === 0 ? undefined : `${[...new Set(parts)].join(', or ')}${description}`;
}

function describeBranch(node: SchemaNode): string | undefined {
  if (Array.isArray(node.enum)) return node.enum.map(String).join(', ');
  if (node.const !== undefined) return String(node.const);
  switch (node.type) {
    case 'number':
      return `number${describeRange(node.minimum, node.maximum)}`;
    case 'integer':
      return `whole number${describeRange(node.minimum, node.maximum)}`;
    case 'string':
      if (typeof node.pattern === 'string') return `text matching ${node.pattern}`;
      return `text${describeRange(node.minLength, node.maxLength, ' characters')}`;
    case 'array':
      return `list${describeRange(node.minItems, node.maxItems, ' items')}`;
    case 'object':
      return keysOf(node).length === 0 ? 'map' : `map of ${keysOf(node).join(', ')}`;
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'nothing';
    default:
      return undefined;
  }
}

function describeRange(from: unknown, to: unknown, unit = ''): string {
  const low = typeof from === 'number' && from > Number.MIN_SAFE_INTEGER ? from : undefined;
  const high = typeof to === 'number' && to < Number.MAX_SAFE_INTEGER ? to : undefined;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}${unit}`;
  if (low !== undefined) return `, at least ${low}${unit}`;
  return high !== undefined ? `, at most ${high}${unit}` : '';
}
