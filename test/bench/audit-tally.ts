import { type Answer, differenceOf, MATCH_RULES, type MatchRules } from '../../edge/sharing/audits/answer-match.js';

/** Rules that are compared: the reference's, ours, and some between and beyond. */
export const RULE_SETS: readonly MatchRules[] = [
  { iouMin: 0.9, scoreDiffMax: 0.02, nearThreshold: 0.05, sureFrom: 0 },
  { iouMin: 0.8, scoreDiffMax: 0.05, nearThreshold: 0.05, sureFrom: 0 },
  { iouMin: 0.7, scoreDiffMax: 0.1, nearThreshold: 0.1, sureFrom: 0 },
  { iouMin: 0.6, scoreDiffMax: 0.15, nearThreshold: 0.15, sureFrom: 0 },
  { iouMin: 0.5, scoreDiffMax: 0.2, nearThreshold: 0.2, sureFrom: 0 },
  { ...MATCH_RULES, sureFrom: 0 },
  MATCH_RULES,
];

/** Answers to one picture, by who gave them, and the threshold they were asked with. */
export type Comparison = {
  readonly name: string;
  readonly picture: string;
  readonly one: Answer;
  readonly other: Answer;
  readonly scoreMin: number;
};

export type Tally = { readonly name: string; readonly compared: number; readonly different: readonly number[] };

/** How often wrong boards differ from a right one, and how often the right one stands by it. */
export type Stand = { readonly name: string; compared: number; different: number; stood: number };

/** How often answers differ, by what was compared, under each of the rule sets. */
export class AnswerTally {
  readonly #compared = new Map<string, number>();
  readonly #different = new Map<string, number[]>();
  /** The first differences under the rules of the product. */
  readonly examples: { readonly name: string; readonly picture: string; readonly why: string }[] = [];

  add({ name, picture, one, other, scoreMin }: Comparison): void {
    this.#compared.set(name, (this.#compared.get(name) ?? 0) + 1);
    const counts = this.#different.get(name) ?? RULE_SETS.map(() => 0);
    this.#different.set(name, counts);
    RULE_SETS.forEach((rules, i) => {
      const why = differenceOf(one, other, scoreMin, rules);
      if (why === undefined) return;
      counts[i] = (counts[i] ?? 0) + 1;
      if (rules === MATCH_RULES && this.examples.length < 50) this.examples.push({ name, picture, why });
    });
  }

  get rows(): readonly Tally[] {
    return [...this.#compared].map(([name, compared]) => ({
      name,
      compared,
      different: this.#different.get(name) ?? [],
    }));
  }

  /** Over all that were compared. */
  get sum(): Tally {
    const total = (pick: (row: Tally) => number) => this.rows.reduce((sum, row) => sum + pick(row), 0);
    const different = RULE_SETS.map((_, i) => total((row) => row.different[i] ?? 0));
    return { name: 'all', compared: total(({ compared }) => compared), different };
  }
}
