import type { QuerySpec } from '../../protocol/query.js';
import { holdersOf } from '../holders.js';
import type { KnownLog, Standing } from './fleet-knowledge.js';
import { type LogBounds, logKey } from './log-bounds.js';
import type { SessionToken } from './session-token.js';

/** `normal`: as new as anybody can know. `fast`: no newer than the reader has seen already, and nobody waits. */
export type QueryMode = 'normal' | 'fast';

/** Logs of one query message: with their cut and floor 40 KB of its 64. */
const LOGS_PER_QUERY = 512;

/** Logs with the same holders: what one replica can answer in one go, and what digests can be compared on. */
export type LogGroup = {
  readonly logs: readonly LogBounds[];
  /** Who is assigned to hold them, alive or not: majorities are counted over these. */
  readonly assigned: readonly string[];
};

/**
 * The cut of a query: of every log that can match max(token, newest head), from the smallest seq that is still kept. A
 * token without logs has nothing to be faithful to: then `fast` takes the heads too.
 */
export function cutOf(spec: QuerySpec, known: readonly KnownLog[], token: SessionToken, mode: QueryMode): LogBounds[] {
  const isAsked = (node: string) => spec.filter.node === undefined || spec.filter.node === node;
  const heads = new Map(known.map((log) => [logKey(log), log]));
  const cut = new Map<string, LogBounds>();
  for (const position of token.positions()) {
    const { node, epoch, seq } = position;
    cut.set(logKey(position), { node, epoch, from: heads.get(logKey(position))?.first ?? 1, to: seq });
  }
  if (mode === 'normal' || token.size === 0) {
    for (const [key, { node, epoch, first, seq }] of heads) {
      cut.set(key, { node, epoch, from: first, to: Math.max(seq, cut.get(key)?.to ?? 0) });
    }
  }
  return [...cut.values()].filter(({ node, from, to }) => isAsked(node) && to >= from);
}

/**
 * The logs of a cut by who holds them. Where no log is known, replicas are asked about none: they answer with what they
 * hold besides.
 */
export function groupsOf(cut: readonly LogBounds[], keepers: readonly string[]): LogGroup[] {
  if (cut.length === 0) return keepers.length === 0 ? [] : [{ assigned: keepers, logs: [] }];
  const groups = new Map<string, { readonly assigned: readonly string[]; readonly logs: LogBounds[] }>();
  for (const log of cut) {
    const assigned = holdersOf(log.node, keepers);
    const key = [...assigned].sort().join(' ');
    const group = groups.get(key) ?? { assigned, logs: [] };
    group.logs.push(log);
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ assigned, logs }) =>
    chunksOf(logs).map((chunk) => ({ assigned, logs: chunk })),
  );
}

function chunksOf(logs: readonly LogBounds[]): LogBounds[][] {
  const chunks: LogBounds[][] = [];
  for (let i = 0; i < logs.length; i += LOGS_PER_QUERY) chunks.push(logs.slice(i, i + LOGS_PER_QUERY));
  return chunks;
}

/** Who may be asked, the best first, and who is passed over. Among equals by chance, so that load spreads. */
export function rankCandidates(
  assigned: readonly string[],
  standing: (node: string) => Standing,
  random: () => number,
): { readonly candidates: readonly string[]; readonly passedOver: readonly { node: string; why: Standing }[] } {
  const ranked = assigned.map((node) => ({ node, why: standing(node), draw: random() }));
  const of = (why: Standing) => ranked.filter((one) => one.why === why).sort((a, b) => a.draw - b.draw);
  const able = [...of('active'), ...of('overloaded')];
  return {
    candidates: able.map(({ node }) => node),
    passedOver: ranked.filter((one) => !able.includes(one)).map(({ node, why }) => ({ node, why })),
  };
}
