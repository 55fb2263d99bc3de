import { type AuditStanding, DOUBT_RULES, type DoubtRules, type JudgedResult, standingOf } from './audit-standing.js';
import { type AuditVerdict, combineVerdicts } from './audit-verdict.js';

/** One audit record, as somebody's log has it. */
export type AuditFinding = {
  /** Whose log it is in. */
  readonly author: string;
  /** The record it is about. */
  readonly of: { readonly n: string; readonly e: string; readonly s: number };
  /** SHA-256 of the model of all three, hex. */
  readonly model: string;
  /** The two auditors. */
  readonly by: readonly [string, string];
  readonly verdict: AuditVerdict;
  /** Capture time of the audited record, wall clock ms of its writer. */
  readonly atMs: number;
  /** When it was recorded, wall clock ms of its author. */
  readonly recordedMs: number;
};

/** A node that is doubted, and on what grounds. */
export type Doubt = {
  readonly node: string;
  readonly model: string;
  readonly sinceMs: number;
  readonly disputed: number;
  readonly valid: number;
  readonly last: { readonly e: string; readonly s: number };
};

/** How findings become a standing; the same at every node, or the fleet disagrees. */
export type BookRules = { readonly doubt: DoubtRules; readonly combine: typeof combineVerdicts };
const BOOK_RULES: BookRules = { doubt: DOUBT_RULES, combine: combineVerdicts };

/**
 * Results kept per epoch of a node, epochs per model, models per node, nodes: what a rate of 1 % and the rules look back at.
 * Of all nodes together half a kilobyte each: 32 MB. The node found about longest ago makes room, as a whole.
 */
export const BOOK_LIMITS = { resultsPerEpoch: 256, epochs: 16, models: 4, nodes: 1_024, results: 65_536 } as const;

type Result = { readonly atMs: number; readonly verdicts: Map<string, { verdict: AuditVerdict; recordedMs: number }> };
/** What follows from the findings about one epoch; made anew when one is added. */
type EpochView = { readonly atMs: number; readonly judged: readonly JudgedResult[] };
type EpochResults = { readonly bySeq: Map<number, Result>; view: EpochView | undefined };
type Epochs = Map<string, EpochResults>;
export type BookCounter =
  | 'findings'
  | 'findings-repeated'
  | 'findings-foreign'
  | 'findings-dropped'
  | 'nodes-forgotten';

/**
 * What all auditors have found, of every node and model. The same findings give the same standing, in whatever order and
 * however often they come.
 */
export class AuditBook {
  readonly #rules: BookRules;
  /** By node, then model, then epoch. */
  readonly #nodes = new Map<string, Map<string, Epochs>>();
  readonly counters = new Map<BookCounter, number>();
  /** Results kept. */
  #results = 0;
  /** Standings since the last finding. */
  readonly #standings = new Map<string, AuditStanding>();

  constructor(rules: BookRules = BOOK_RULES) {
    this.#rules = rules;
  }

  /** Takes a finding. @returns whether it was new. */
  apply(finding: AuditFinding): boolean {
    const { author, by, of, model, verdict, recordedMs, atMs } = finding;
    if (!by.includes(author) || by[0] === by[1] || by.includes(of.n)) return this.#count('findings-foreign', false);
    const models = mapIn(this.#nodes, of.n, BOOK_LIMITS.nodes);
    const epochs = models === undefined ? undefined : this.#epochsOf(of.n, models, model);
    if (epochs === undefined) return this.#count('findings-dropped', false);
    const results = epochs.get(of.e) ?? { bySeq: new Map<number, Result>(), view: undefined };
    const result = results.bySeq.get(of.s) ?? { atMs, verdicts: new Map() };
    if (result.verdicts.has(author)) return this.#count('findings-repeated', false);
    result.verdicts.set(author, { verdict, recordedMs });
    if (!results.bySeq.has(of.s)) this.#results++;
    results.bySeq.set(of.s, result);
    results.view = undefined;
    epochs.set(of.e, results);
    this.#standings.delete(`${of.n}/${model}`);
    this.#trim(epochs, results);
    this.#makeRoom(of.n, models);
    return this.#count('findings', true);
  }

  /** How far a node can be trusted with a model; one that was never audited: not yet. */
  standingOf(node: string, model: string): AuditStanding {
    const key = `${node}/${model}`;
    const standing = this.#standings.get(key) ?? this.#compute(node, model);
    // Of nodes never audited nothing is kept, or names nobody knows would fill the memory.
    if (this.#nodes.get(node)?.has(model) === true) this.#standings.set(key, standing);
    return standing;
  }

  #epochsOf(node: string, models: Map<string, Epochs>, model: string): Epochs | undefined {
    const [oldest] = models.has(model) || models.size < BOOK_LIMITS.models ? [] : models;
    if (oldest !== undefined) {
      this.#results -= countOf(oldest[1]);
      this.#standings.delete(`${node}/${oldest[0]}`);
      models.delete(oldest[0]);
    }
    return mapIn(models, model, BOOK_LIMITS.models);
  }

  #compute(node: string, model: string): AuditStanding {
    const epochs = this.#nodes.get(node)?.get(model);
    return standingOf(epochs === undefined ? [] : this.#resultsOf(epochs), this.#rules.doubt);
  }

  /** All that are doubted, by node and model. */
  doubts(): readonly Doubt[] {
    const all = [...this.#nodes].flatMap(([node, models]) =>
      [...models.keys()].map((model) => ({ node, model, standing: this.standingOf(node, model) })),
    );
    return all
      .flatMap(
        ({ node, model, standing: { sinceMs, disputedSince: disputed, validSince: valid, lastDisputed: last } }) =>
          sinceMs === undefined || last === undefined ? [] : [{ node, model, sinceMs, disputed, valid, last }],
      )
      .sort((a, b) => compare(a.node, b.node) || compare(a.model, b.model));
  }

  // The newest are kept, whichever came first.
  #trim(epochs: Epochs, { bySeq }: EpochResults): void {
    if (bySeq.size > BOOK_LIMITS.resultsPerEpoch && bySeq.delete(Math.min(...bySeq.keys()))) this.#results--;
    const [oldest] = epochs.size > BOOK_LIMITS.epochs ? inOrder(epochs, this.#rules.combine) : [];
    if (oldest === undefined) return;
    this.#results -= epochs.get(oldest.epoch)?.bySeq.size ?? 0;
    epochs.delete(oldest.epoch);
  }

  // Nodes stand in the order in which they were found about last.
  #makeRoom(node: string, models: Map<string, Epochs> | undefined): void {
    if (models !== undefined && this.#nodes.delete(node)) this.#nodes.set(node, models);
    const [first] = this.#results > BOOK_LIMITS.results ? this.#nodes.keys() : [];
    if (first === undefined || first === node) return;
    for (const [model, epochs] of this.#nodes.get(first) ?? []) {
      this.#results -= countOf(epochs);
      this.#standings.delete(`${first}/${model}`);
    }
    this.#nodes.delete(first);
    this.#count('nodes-forgotten', false);
  }

  #resultsOf(epochs: Epochs): readonly JudgedResult[] {
    return inOrder(epochs, this.#rules.combine).flatMap(({ judged }) => judged);
  }

  #count(name: BookCounter, isNew: boolean): boolean {
    this.counters.set(name, (this.counters.get(name) ?? 0) + 1);
    return isNew;
  }
}

// At the limit nothing is taken in.
function mapIn<V>(maps: Map<string, Map<string, V>>, key: string, max: number): Map<string, V> | undefined {
  const found = maps.get(key);
  if (found !== undefined || maps.size >= max) return found;
  const made = new Map<string, V>();
  maps.set(key, made);
  return made;
}

function countOf(epochs: Epochs): number {
  return [...epochs.values()].reduce((sum, { bySeq }) => sum + bySeq.size, 0);
}

// Epochs have no order of their own, and a worker's clock may jump between two of them. When the auditors recorded is a
// better guess, and its median is not moved by one auditor whose clock is off.
function inOrder(epochs: Epochs, combine: BookRules['combine']): readonly (EpochView & { readonly epoch: string })[] {
  const views = [...epochs].map(([epoch, results]) => {
    results.view ??= { atMs: medianOf(results.bySeq), judged: judgedOf(epoch, results.bySeq, combine) };
    return { epoch, ...results.view };
  });
  return views.sort((a, b) => a.atMs - b.atMs || (a.epoch < b.epoch ? -1 : 1));
}

function judgedOf(
  epoch: string,
  bySeq: ReadonlyMap<number, Result>,
  combine: BookRules['combine'],
): readonly JudgedResult[] {
  const judged: JudgedResult[] = [];
  for (const seq of [...bySeq.keys()].sort((a, b) => a - b)) {
    const result = bySeq.get(seq);
    const [one, other] = [...(result?.verdicts.values() ?? [])];
    const verdict = one === undefined ? undefined : combine(one.verdict, other?.verdict);
    if (result === undefined || verdict === undefined) continue;
    judged.push({ epoch, seq, atMs: result.atMs, verdict, isByTwo: other !== undefined });
  }
  return judged;
}

function medianOf(bySeq: ReadonlyMap<number, Result>): number {
  const times = [...bySeq.values()].flatMap(({ verdicts }) => [...verdicts.values()].map((one) => one.recordedMs));
  times.sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) / 2)] ?? 0;
}

// By code units: the same on every machine, whatever its locale.
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
