import { describe, expect, it } from 'vitest';
import { VerifyBudget } from '../../../edge/query/verify-budget.js';

describe('VerifyBudget', () => {
  it('lets one begin at a time, and the next one when nine times as long has passed', () => {
    const budget = new VerifyBudget();
    expect(budget.begin(1_000)).toBe(true);
    expect(budget.begin(1_050)).toBe(false);
    budget.end(1_100);
    expect(budget.begin(1_999)).toBe(false);
    expect(budget.begin(2_000)).toBe(true);
  });
});
