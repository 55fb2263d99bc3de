import type { AuditFinding } from './audit-finding.js';
import { type DoubtRules, foldResults, type JudgedResult, type StandingFold } from './audit-standing.js';
import type { combineVerdicts } from './audit-verdict.js';

type Found = Pick<AuditFinding, 'author' | 'by' | 'verdict' | 'atMs' | 'recordedMs'>;
/** What is made of results is kept after each so many of them: half a percent of what the results take. */
const MARK_EVERY = 16;
type Mark = { readonly count: number; readonly after: StandingFold };
type Result = { found: readonly Found[]; judged: JudgedResult | undefined };

/**
 * What was found about the results of one epoch of a node. The same findings give the same, in whatever order they come,
 * and what is asked of it costs as much as was added since.
 */
export class EpochFindings {
  readonly epoch: string;
  readonly #combine: typeof combineVerdicts;
  readonly #bySeq = new Map<number, Result>();
  /** Ascending. */
  readonly #seqs: number[] = [];
  readonly #recordedMs: number[] = [];
  /** Undefined: to be made anew. */
  #judged: JudgedResult[] | undefined = [];
  /** What was made of the first so many of them, from `#before` on, as long as they stay. */
  #marks: Mark[] = [];
  #before: StandingFold | undefined;

  constructor(epoch: string, combine: typeof combineVerdicts) {
    this.epoch = epoch;
    this.#combine = combine;
  }

  /** Results kept. */
  get count(): number {
    return this.#seqs.length;
  }

  /** Median of when its findings were recorded: it is not moved by one auditor whose clock is off. Wall clock ms. */
  get medianMs(): number {
    return this.#recordedMs[Math.floor((this.#recordedMs.length - 1) / 2)] ?? 0;
  }

  /** Results that are judged, in their order; it changes with what is added. */
  get judged(): readonly JudgedResult[] {
    this.#judged ??= this.#seqs.flatMap((seq) => this.#bySeq.get(seq)?.judged ?? []);
    return this.#judged;
  }

  /**
   * Goes on from what was made of the epochs before. As long as that and the findings are the same, so is what it gives.
   */
  foldFrom(before: StandingFold, rules: DoubtRules): StandingFold {
    if (this.#before !== before) this.#marks = [];
    this.#before = before;
    const { judged } = this;
    const last = this.#marks.at(-1);
    if (last !== undefined && last.count === judged.length) return last.after;
    if (last !== undefined && last.count % MARK_EVERY !== 0) this.#marks.pop();
    let { count, after } = this.#marks.at(-1) ?? { count: 0, after: before };
    while (count < judged.length) {
      const next = judged.slice(count, count + MARK_EVERY);
      after = foldResults(after, next, rules);
      count += next.length;
      this.#marks.push({ count, after });
    }
    return after;
  }

  /** Whether somebody has recorded something about a result. */
  has(author: string, seq: number): boolean {
    return this.#bySeq.get(seq)?.found.some((one) => one.author === author) === true;
  }

  /** Takes a finding that it does not have. The newest results are kept, whichever came first. */
  add({ author, of, by, verdict, atMs, recordedMs }: AuditFinding, resultsMax: number): void {
    const before = this.#bySeq.get(of.s);
    if (before === undefined) insert(this.#seqs, of.s);
    // By their authors' names, not as they came.
    const found = [...(before?.found ?? []), { author, by: inOrder(by), verdict, atMs, recordedMs }];
    if (found.length > 1) found.sort((a, b) => (a.author < b.author ? -1 : 1));
    const judged = judge(this.epoch, of.s, found, this.#combine);
    this.#bySeq.set(of.s, { found, judged });
    insert(this.#recordedMs, recordedMs);
    this.#note(of.s, judged);
    if (this.#seqs.length > resultsMax) this.#forgetOldest();
  }

  // Mostly the newest result is judged, or judged anew.
  #note(seq: number, judged: JudgedResult | undefined): void {
    if (this.#judged?.at(-1)?.seq === seq) this.#judged.pop();
    if (seq !== this.#seqs.at(-1)) this.#judged = undefined;
    const same = this.#judged?.length ?? 0;
    while ((this.#marks.at(-1)?.count ?? 0) > same) this.#marks.pop();
    if (judged !== undefined) this.#judged?.push(judged);
  }

  #forgetOldest(): void {
    const seq = this.#seqs.shift();
    if (seq === undefined) return;
    for (const { recordedMs } of this.#bySeq.get(seq)?.found ?? []) {
      this.#recordedMs.splice(placeOf(this.#recordedMs, recordedMs), 1);
    }
    this.#bySeq.delete(seq);
    this.#judged = undefined;
    this.#marks = [];
  }
}

/**
 * What follows from all that was recorded about one result. Two that name each other have audited it; a third one that
 * says so as well, or alone, was asked by nobody as far as can be known.
 */
function judge(
  epoch: string,
  seq: number,
  found: readonly Found[],
  combine: typeof combineVerdicts,
): JudgedResult | undefined {
  const pairs = found.flatMap((one) => {
    const other = one.author === one.by[0] ? found.find((each) => isOther(each, one)) : undefined;
    return other === undefined ? [] : [{ one, verdict: combine(one.verdict, other.verdict), other }];
  });
  const [pair] = pairs;
  if (pair !== undefined) {
    // Only who lies makes a second pair: what they do not agree on is nobody's fault.
    const verdict = pairs.every((each) => each.verdict === pair.verdict) ? pair.verdict : 'inconclusive';
    const atMs = Math.min(pair.one.atMs, pair.other.atMs);
    return verdict === undefined ? undefined : { epoch, seq, atMs, verdict, by: pair.one.by, isByTwo: true };
  }
  const alone = found.map((one) => ({ ...one, verdict: combine(one.verdict, undefined) }));
  const told = alone.find(({ verdict }) => verdict === 'valid') ?? alone.find(({ verdict }) => verdict !== undefined);
  if (told?.verdict === undefined) return undefined;
  return { epoch, seq, atMs: told.atMs, verdict: told.verdict, by: told.by, isByTwo: false };
}

function isOther(found: Found, { by }: Found): boolean {
  return found.author === by[1] && found.by[0] === by[0] && found.by[1] === by[1];
}

function inOrder([one, other]: AuditFinding['by']): AuditFinding['by'] {
  return one < other ? [one, other] : [other, one];
}

/** Into an ascending list; what comes last mostly belongs last. */
function insert(list: number[], value: number): void {
  const last = list.at(-1);
  if (last === undefined || last <= value) list.push(value);
  else list.splice(placeOf(list, value), 0, value);
}

/** Of the first that is no smaller. */
function placeOf(list: readonly number[], value: number): number {
  let [from, to] = [0, list.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((list[middle] ?? value) < value) from = middle + 1;
    else to = middle;
  }
  return from;
}
