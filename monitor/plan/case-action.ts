import { judgeLast, type NodeCase } from './case.js';
import type { CaseBook } from './case-book.js';
import { endVerified } from './case-doubt.js';
import { VERIFY_BEATS, verifiedWords } from './case-news.js';
import { wait } from './case-time.js';
import type { ActionResult } from './plan-step.js';

/** What a board answered to an order; what it did not do counts neither for the ladder nor for budgets. */
export function onActed(book: CaseBook, one: NodeCase, step: number, result: ActionResult, now: number): void {
  if (one.phase !== 'acting' || one.step !== step) {
    book.counters.add('answersLate');
    return;
  }
  const { node } = one.entry;
  const { retryMs, graceMs, personMs, verifyMs, rebootVerifyMs } = book.timings;
  if (result.kind === 'fault') {
    book.decide(one, '2.3', `the answer is lost (${result.message}); the next probe shows what was done`);
    wait(book, node, 'the answer was lost', now + retryMs, now);
    return;
  }
  const { outcome, why, retryS, inv } = result.answer;
  switch (outcome) {
    case 'restarted':
    case 'rebooting': {
      const ms = outcome === 'rebooting' ? rebootVerifyMs : verifyMs;
      book.decide(
        one,
        'M11',
        `${outcome}${inv == null ? '' : `, invocation ${inv.slice(0, 8)}`}; waiting for its life`,
      );
      book.enter(node, 'verifying', now + ms, { step: undefined });
      book.answer(node, true, outcome, `${outcome} at the request of ${one.request?.by ?? 'nobody'}`);
      const { successor } = one;
      if (successor !== undefined && successor.freshBeats >= VERIFY_BEATS) {
        endVerified(book, { ...one, step: undefined }, verifiedWords(successor), now);
      }
      return;
    }
    case 'already-restarted':
    case 'stale':
      book.counters.add('alreadyRestarted');
      forgetAttempt(book, one, inv ?? undefined);
      book.decide(one, '2.3', `${outcome}: somebody else was first; nothing was done`);
      wait(book, node, outcome, now + graceMs, now);
      return;
    case 'held':
      book.counters.add('heldByBoard');
      forgetAttempt(book, one);
      book.decide(one, '2.3', `held by the board: ${why ?? 'no reason'}`, !one.told.includes('held'));
      // The next probe says for how long.
      wait(book, node, 'held by the board', now + graceMs, now);
      return;
    case 'budget':
      book.counters.add('boardBudget');
      forgetAttempt(book, one);
      book.decide(one, '2.3', "the board's own budget is used up", !one.told.includes('2.3'));
      wait(book, node, 'board budget', now + Math.max(retryMs, (retryS ?? 0) * 1000), now);
      return;
    default:
      book.decide(one, '2.3', `${outcome}: ${why ?? 'no reason'}`, why !== 'busy');
      if (why === 'busy') forgetAttempt(book, one);
      else book.change(one.entry.node, { history: judgeLast(one.history, false) });
      wait(book, node, `${outcome}: ${why ?? ''}`, now + (outcome === 'refused' ? personMs : retryMs), now);
      return;
  }
}

// Nothing was done: it must count neither for the ladder nor for the budget.
function forgetAttempt(book: CaseBook, one: NodeCase, gracedInv?: string): void {
  book.change(one.entry.node, { history: one.history.slice(0, -1), gracedInv: gracedInv ?? one.gracedInv });
}
