import type { AuditFinding } from './audit-finding.js';
import { type AuditStanding, DOUBT_RULES, type DoubtRules, NOTHING_JUDGED, standingAfter } from './audit-standing.js';
import { combineVerdicts } from './audit-verdict.js';
import { EpochFindings } from './epoch-findings.js';

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

type Epochs = Map<string, EpochFindings>;
/** Of a node with one model; the standing is unknown since the last finding. */
type Audited = { readonly epochs: Epochs; standing: AuditStanding | undefined };
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
  /** By node, then model. */
  readonly #nodes = new Map<string, Map<string, Audited>>();
  readonly counters = new Map<BookCounter, number>();
  /** Results kept. */
  #results = 0;

  constructor(rules: BookRules = BOOK_RULES) {
    this.#rules = rules;
  }

  /** Takes a finding. @returns whether it was new. */
  apply(finding: AuditFinding): boolean {
    const { author, by, of, model } = finding;
    if (!by.includes(author) || by[0] === by[1] || by.includes(of.n)) return this.#count('findings-foreign', false);
    if (this.has(author, of, model)) return this.#count('findings-repeated', false);
    const models = this.#modelsOf(of.n);
    if (models === undefined) return this.#count('findings-dropped', false);
    const audited = this.#auditedOf(models, model);
    const { epochs } = audited;
    const epoch = epochs.get(of.e) ?? new EpochFindings(of.e, this.#rules.combine);
    epochs.set(of.e, epoch);
    this.#results -= epoch.count;
    epoch.add(finding, BOOK_LIMITS.resultsPerEpoch);
    this.#results += epoch.count;
    audited.standing = undefined;
    this.#trim(epochs);
    this.#makeRoom(of.n, models);
    return this.#count('findings', true);
  }

  /** Whether an auditor's record about a result is known: there is one of each, and it stays as it is. */
  has(author: string, of: AuditFinding['of'], model: string): boolean {
    return this.#nodes.get(of.n)?.get(model)?.epochs.get(of.e)?.has(author, of.s) === true;
  }

  /** How far a node can be trusted with a model; one that was never audited: not yet. */
  standingOf(node: string, model: string): AuditStanding {
    const audited = this.#nodes.get(node)?.get(model);
    if (audited === undefined) return standingAfter(NOTHING_JUDGED);
    audited.standing ??= this.#standingAfter(audited.epochs);
    return audited.standing;
  }

  // At the limit nobody new is taken in.
  #modelsOf(node: string): Map<string, Audited> | undefined {
    const found = this.#nodes.get(node);
    if (found !== undefined || this.#nodes.size >= BOOK_LIMITS.nodes) return found;
    const made = new Map<string, Audited>();
    this.#nodes.set(node, made);
    return made;
  }

  #auditedOf(models: Map<string, Audited>, model: string): Audited {
    const found = models.get(model);
    if (found !== undefined) return found;
    const [oldest] = models.size < BOOK_LIMITS.models ? [] : models;
    if (oldest !== undefined) {
      this.#results -= countOf(oldest[1]);
      models.delete(oldest[0]);
    }
    const made = { epochs: new Map<string, EpochFindings>(), standing: undefined };
    models.set(model, made);
    return made;
  }

  #standingAfter(epochs: Epochs): AuditStanding {
    const { doubt } = this.#rules;
    return standingAfter(inOrder(epochs).reduce((before, epoch) => epoch.foldFrom(before, doubt), NOTHING_JUDGED));
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

  #trim(epochs: Epochs): void {
    const [oldest] = epochs.size > BOOK_LIMITS.epochs ? inOrder(epochs) : [];
    if (oldest === undefined) return;
    this.#results -= oldest.count;
    epochs.delete(oldest.epoch);
  }

  // Nodes stand in the order in which they were found about last.
  #makeRoom(node: string, models: Map<string, Audited>): void {
    if (this.#nodes.delete(node)) this.#nodes.set(node, models);
    const [first] = this.#results > BOOK_LIMITS.results ? this.#nodes.keys() : [];
    if (first === undefined || first === node) return;
    for (const audited of this.#nodes.get(first)?.values() ?? []) this.#results -= countOf(audited);
    this.#nodes.delete(first);
    this.#count('nodes-forgotten', false);
  }

  #count(name: BookCounter, isNew: boolean): boolean {
    this.counters.set(name, (this.counters.get(name) ?? 0) + 1);
    return isNew;
  }
}

function countOf({ epochs }: Audited): number {
  return [...epochs.values()].reduce((sum, { count }) => sum + count, 0);
}

// Epochs have no order of their own, and a worker's clock may jump between two of them. When the auditors recorded is a
// better guess.
function inOrder(epochs: Epochs): readonly EpochFindings[] {
  return [...epochs.values()].sort((a, b) => a.medianMs - b.medianMs || (a.epoch < b.epoch ? -1 : 1));
}

// By code units: the same on every machine, whatever its locale.
function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
