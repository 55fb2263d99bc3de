import { type ChaosFault, type ChaosHistory, isBlinding } from './chaos-history.js';

/** What a node said of a source the nodes share: whether it claims it, and whether it gets frames of it. */
export type SourceSaid = {
  readonly node: string;
  readonly atMs: number;
  readonly what: 'claim' | 'frames';
  readonly isSo: boolean;
};

export type SourceVerdict = {
  /** Deaths of the node that watched it. */
  readonly ownersLost: number;
  /** From a death that gives a will until another node claimed it, ms, each; undefined where nobody did. */
  readonly claimedMs: readonly (number | undefined)[];
  /** From any death until another node got frames of it, ms, each. */
  readonly seenMs: readonly (number | undefined)[];
  /** Times in which no node got frames of it, ms, longest first. */
  readonly gapsMs: readonly number[];
};

/** The stated bound of a source with a node in reach (docs/sharing.md). */
export const UNWATCHED_MAX_MS = 90_000;

type Span = readonly [fromMs: number, toMs: number];

/**
 * Whether a shared source was watched by somebody all the time. A node watches from when it says that it gets frames until
 * it says otherwise, or something is done to it; while the broker is not there the source has nobody to send to, and that
 * time is not counted. Pure.
 * @param returnMs how long a broker may take to be back, with all who are connected to it.
 */
export function judgeSource(
  { faults, source, endMs }: Pick<ChaosHistory, 'faults' | 'source' | 'endMs'>,
  returnMs: number,
): SourceVerdict | undefined {
  const nodes = [...new Set(source.map(({ node }) => node))];
  const frames = nodes.map((node) => ({ node, spans: spansOf(node, 'frames', { faults, source, endMs }) }));
  const claims = nodes.map((node) => ({ node, spans: spansOf(node, 'claim', { faults, source, endMs }) }));
  const firstMs = Math.min(...frames.flatMap(({ spans }) => spans.map(([fromMs]) => fromMs)));
  if (!Number.isFinite(firstMs)) return undefined;
  const away = faults
    .filter(({ target }) => target === 'broker')
    .map(({ atMs, untilMs = atMs }): Span => [atMs, untilMs + returnMs]);
  const lost = faults.filter(
    (fault) =>
      isEnding(fault) &&
      claims.some(({ node, spans }) => node === fault.target && spans.some(([, toMs]) => toMs === fault.atMs)),
  );
  const next = (fault: ChaosFault, of: typeof frames) => {
    const times = of
      .filter(({ node }) => node !== fault.target)
      .flatMap(({ spans }) => spans.filter(([, toMs]) => toMs > fault.atMs));
    const atMs = Math.min(...times.map(([fromMs]) => fromMs));
    return Number.isFinite(atMs) ? Math.max(0, atMs - fault.atMs) : undefined;
  };
  return {
    ownersLost: lost.length,
    claimedMs: lost.filter(({ kind }) => kind === 'node killed').map((fault) => next(fault, claims)),
    seenMs: lost.map((fault) => next(fault, frames)),
    gapsMs: gapsOf([...frames.flatMap(({ spans }) => spans), ...away], firstMs, endMs).sort((a, b) => b - a),
  };
}

/** What is wrong with it, in words. */
export function problemsOf(verdict: SourceVerdict | undefined): string[] {
  const [longestMs = 0] = verdict?.gapsMs ?? [];
  if (longestMs <= UNWATCHED_MAX_MS) return [];
  return [`the source was unwatched for ${longestMs / 1_000} s, bound ${UNWATCHED_MAX_MS / 1_000} s`];
}

/** Done to the node, or to what looks at the frames: it does not watch any more until it says that it does. */
function isEnding(fault: ChaosFault): boolean {
  return !isBlinding(fault) && /(killed|frozen|given up|unplugged)$/.test(fault.kind);
}

function spansOf(
  node: string,
  what: SourceSaid['what'],
  { faults, source, endMs }: Pick<ChaosHistory, 'faults' | 'source' | 'endMs'>,
): Span[] {
  const said = source.filter((one) => one.node === node && one.what === what);
  const ends = faults
    .filter((fault) => fault.target === node && isEnding(fault) && (what === 'frames' || isOfNode(fault)))
    .map(({ atMs }) => ({ atMs, isSo: false }));
  const spans: Span[] = [];
  let fromMs: number | undefined;
  for (const { atMs, isSo } of [...said, ...ends].sort((a, b) => a.atMs - b.atMs)) {
    if (isSo) fromMs ??= atMs;
    else if (fromMs !== undefined) {
      spans.push([fromMs, atMs]);
      fromMs = undefined;
    }
  }
  return fromMs === undefined ? spans : [...spans, [fromMs, endMs]];
}

// A node whose vision process is gone claims on: it starts another one.
function isOfNode({ kind }: ChaosFault): boolean {
  return /^(node|board)/.test(kind);
}

function gapsOf(spans: readonly Span[], fromMs: number, endMs: number): number[] {
  const gaps: number[] = [];
  let watchedToMs = fromMs;
  for (const [start, end] of [...spans].sort((a, b) => a[0] - b[0])) {
    if (start > watchedToMs) gaps.push(start - watchedToMs);
    watchedToMs = Math.max(watchedToMs, end);
  }
  return watchedToMs < endMs ? [...gaps, endMs - watchedToMs] : gaps;
}
