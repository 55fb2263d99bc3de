import type { NodeCase } from './case.js';
import type { CaseBook } from './case-book.js';
import { wait } from './case-time.js';

/**
 * Somebody asks for a restart: the board is asked first, as always, and what it answers, the ladder and the budgets
 * decide. Every request is answered once, by an `answered` step.
 */
export function onRequested(book: CaseBook, one: NodeCase, by: string, now: number): void {
  const { node } = one.entry;
  const refusal = refusalOf(book, one);
  if (refusal !== undefined) {
    book.push({ kind: 'answered', node, ok: false, ...refusal });
    return;
  }
  book.counters.add('requests');
  const isNew = one.phase === 'idle';
  book.change(node, {
    request: { by },
    ...(isNew ? { cause: 'requested' as const, told: [], faults: 0, gracedInv: undefined } : {}),
  });
  // A probe under way answers it.
  if (one.phase !== 'probing') wait(book, node, `a restart is asked for by ${by}`, now, now);
  book.decide(one, 'R1', `a restart is asked for by ${by}`);
}

type Refusal = { readonly code: string; readonly what: string };

function refusalOf(book: CaseBook, one: NodeCase): Refusal | undefined {
  if (book.mode === 'observe') return { code: 'not-allowed', what: 'this monitor only observes' };
  if (one.hold !== undefined) {
    return {
      code: 'held',
      what: `maintenance by ${one.hold.by} (${one.hold.reason}): nothing is done until it is over`,
    };
  }
  if (!book.canSee) return { code: 'try-again', what: 'the monitor cannot see the fleet at present, or settles' };
  if (one.request !== undefined) return { code: 'try-again', what: `asked for already by ${one.request.by}` };
  if (one.phase === 'acting' || one.phase === 'verifying') {
    return { code: 'try-again', what: 'a restart is under way' };
  }
  // Pressed again and again it would be a ladder without an end.
  if (one.phase === 'quarantined') {
    return { code: 'quarantined', what: `given up (${one.why}): who has looked at it ends that by a maintenance` };
  }
  return undefined;
}
