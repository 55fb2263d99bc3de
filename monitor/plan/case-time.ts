import { judgeLast, type NodeCase, type Successor, seriesOf } from './case.js';
import type { CaseBook } from './case-book.js';
import { doubtWords, isMassDoubt, massWords, trialEnd } from './doubt.js';
import { isLastOfGroup } from './fleet-limits.js';

/** Longest any step may take before its answer is no longer waited for: SSH stages and a slow `restart` together. */
export const STEP_MS = 60_000;

/** What time alone makes of a case: ends of holds, series and waits; trouble that nobody has told of. */
export function checkCase(book: CaseBook, given: NodeCase, now: number): void {
  const one = expireHold(book, endSeries(book, given, now), now);
  const { phase, entry } = one;
  if (phase === 'idle') {
    lookForTrouble(book, one, now);
    return;
  }
  if (phase === 'quarantined' || now < one.untilMonoMs) return;
  if (entry.kind === 'edge' && !book.canSee) return;
  if (phase === 'waiting') {
    askBoard(book, one, now);
    return;
  }
  if (phase === 'verifying') {
    onUnverified(book, one, now);
    return;
  }
  // The answer of a step is lost: nobody knows what was done. The next probe shows it.
  wait(book, entry.node, 'no answer to the last step', now, now);
}

function endSeries(book: CaseBook, one: NodeCase, now: number): NodeCase {
  const isLong = one.aliveFromMonoMs !== undefined && now - one.aliveFromMonoMs >= book.timings.healthyMs;
  if (one.phase !== 'idle' || !isLong || seriesOf(one).length === 0) return one;
  return book.change(one.entry.node, { seriesFromMonoMs: now }) ?? one;
}

function expireHold(book: CaseBook, one: NodeCase, now: number): NodeCase {
  if (one.hold === undefined || now < one.hold.untilMonoMs) return one;
  const { by, reason } = one.hold;
  const what = `maintenance by ${by} (${reason}) has run out; supervised again`;
  // A person should know in any case; where nothing is wrong there is no incident to open.
  if (one.phase === 'idle') book.push({ kind: 'news', node: one.entry.node, rule: '2.5', what });
  else book.decide(one, '2.5', what, true);
  return book.change(one.entry.node, { hold: undefined }) ?? one;
}

function lookForTrouble(book: CaseBook, one: NodeCase, now: number): void {
  if (one.entry.kind === 'broker') {
    const downMs = book.linkDownFromMonoMs === undefined ? 0 : now - book.linkDownFromMonoMs;
    if (downMs >= book.timings.graceMs) openCase(book, one, 'silent', now);
    return;
  }
  if (!book.canSee) return;
  // An update whose start failed: the last word was a graceful stop. A person who stopped it is not told of it.
  const { stoppedFromMonoMs } = one;
  if (stoppedFromMonoMs !== undefined && now - stoppedFromMonoMs >= book.timings.graceMs + book.timings.startMs) {
    openCase(book, one, 'silent', now, ['stopped']);
    return;
  }
  if (hasNoSight(book, one, now)) openCase(book, one, 'wedged', now);
  else if (isDoubted(book, one, now)) openCase(book, one, 'doubted', now);
}

/** True for who is to be taken for faulty now; a life on trial is left alone until that is over. */
export function isDoubted(book: CaseBook, one: NodeCase, now: number): boolean {
  const { timings } = book;
  if (!one.isUp || one.doubt === undefined || one.doubtFromMonoMs === undefined) return false;
  const graceMs = timings.graceMs * (isLastOfGroup(one, book.all()) ? 2 : 1);
  if (now - one.doubtFromMonoMs < graceMs) return false;
  return one.trial === undefined || trialEnd(one, now, timings) !== undefined;
}

function hasNoSight(book: CaseBook, one: NodeCase, now: number): boolean {
  const { wedgedMs, startMs, graceMs } = book.timings;
  const { staleFromMonoMs, awaitedFromMonoMs } = one;
  // A first frame takes a start, and the node's own repair of its vision process.
  if (awaitedFromMonoMs !== undefined && now - awaitedFromMonoMs >= startMs + graceMs) return true;
  if (staleFromMonoMs === undefined) return false;
  return now - staleFromMonoMs >= wedgedMs + (isLastOfGroup(one, book.all()) ? graceMs : 0);
}

function onUnverified(book: CaseBook, one: NodeCase, now: number): void {
  const { history, successor } = one;
  if (successor !== undefined && isOnItsWay(book, one, successor, now)) {
    book.decide(one, 'M11', `${lifeWords(successor)} so far: waiting for the rest`);
    book.change(one.entry.node, { isProlonged: true, untilMonoMs: now + book.timings.verifyMs });
    return;
  }
  book.counters.add('restartsUseless');
  const life = successor === undefined ? 'no new life in time' : unseenWords(successor);
  book.decide(one, 'M11', `${life}: it did not help`);
  // Who is heard is not silent any more: fresh frames end this case, and nothing less.
  const cause = successor !== undefined ? 'wedged' : one.cause === 'doubted' ? 'silent' : one.cause;
  book.change(one.entry.node, { history: judgeLast(history, false), cause });
  wait(book, one.entry.node, 'not verified', now, now);
}

// On a loaded board a start takes most of the time there is. What came late and gives what is wanted was helped.
function isOnItsWay(book: CaseBook, one: NodeCase, { goodMonoMs }: Successor, now: number): boolean {
  return !one.isProlonged && goodMonoMs !== undefined && now - goodMonoMs < book.timings.staleMs;
}

function unseenWords(successor: Successor): string {
  const { inv, cameras, goodMonoMs } = successor;
  if (goodMonoMs !== undefined || cameras === '') return `${lifeWords(successor)} only`;
  return `invocation ${inv.slice(0, 8)} lives, but does not see: ${cameras}`;
}

function lifeWords({ inv, freshBeats }: Successor): string {
  return `invocation ${inv.slice(0, 8)} gave ${freshBeats} fresh heartbeat${freshBeats === 1 ? '' : 's'}`;
}

/** Begins a case: nothing is done before the board was asked (M9). @param told verdicts that are no news to anybody. */
export function openCase(
  book: CaseBook,
  one: NodeCase,
  cause: 'silent' | 'wedged' | 'doubted',
  now: number,
  told: readonly string[] = [],
): void {
  if (one.phase !== 'idle') return;
  if (book.mode === 'observe') {
    observe(book, one, cause);
    return;
  }
  book.change(one.entry.node, {
    cause,
    told,
    stoppedFromMonoMs: undefined,
    faults: 0,
    gracedInv: undefined,
    aliveFromMonoMs: undefined,
  });
  if (cause === 'doubted') tellDoubt(book, one);
  else book.decide(one, cause === 'silent' ? 'M9' : '2.2', `${cause}: the board is asked before anything is done`);
  const waitMs = book.before * book.timings.rankMs;
  const why = waitMs === 0 ? 'ask the board' : `${book.before} monitors go first`;
  wait(book, one.entry.node, why, now + waitMs, now);
}

/** A person should know of records that may be wrong, whatever comes of the node. */
export function tellDoubt(book: CaseBook, one: NodeCase): void {
  book.counters.add('doubts');
  const next = one.trial === undefined ? 'the board is asked before anything is done' : 'it was restarted since';
  book.decide(one, 'D1', `${causeWords(one, 'doubted')}: ${next}`, !isMassDoubt(book.doubts));
}

function causeWords({ doubt }: NodeCase, cause: NodeCase['cause']): string {
  return cause === 'doubted' && doubt !== undefined ? doubtWords(doubt) : cause;
}

/** The roster confirmed that it is silent: that goes before any doubt of what it said. */
export function onConfirmed(book: CaseBook, one: NodeCase, now: number): void {
  if (one.phase === 'idle') openCase(book, one, 'silent', now);
  if (one.cause !== 'doubted' || (one.phase !== 'waiting' && one.phase !== 'probing')) return;
  book.change(one.entry.node, { cause: 'silent' });
  book.decide(one, 'M9', 'silent, too: the board is asked before anything is done');
  if (one.phase === 'waiting') wait(book, one.entry.node, 'ask the board', now, now);
}

// Told once, until it is well again: time comes by twice a second.
function observe(book: CaseBook, one: NodeCase, cause: NodeCase['cause']): void {
  if (one.told.includes(cause)) return;
  book.change(one.entry.node, { cause, told: [...one.told, cause], stoppedFromMonoMs: undefined });
  book.decide(one, 'L0', `${causeWords(one, cause)}: would ask the board, but only observes`, true);
}

/** Ends a case. @param helped what is now known of the last action, if there was one. */
export function closeCase(book: CaseBook, one: NodeCase, what: string, now: number, helped?: boolean): void {
  book.answer(one.entry.node, false, 'unavailable', what);
  const history = helped === undefined ? one.history : judgeLast(one.history, helped);
  if (helped === true) book.counters.add('restartsHelped');
  const idle = { history, step: undefined, successor: undefined, faults: 0, aliveFromMonoMs: now };
  book.enter(one.entry.node, 'idle', Number.POSITIVE_INFINITY, idle);
  book.push({ kind: 'closed', node: one.entry.node, what });
  if (helped !== undefined) book.push({ kind: 'remember' });
}

/** Waits before the board is asked again; asks at once if that time has come. */
export function wait(book: CaseBook, node: string, why: string, untilMonoMs: number, now: number): void {
  const before = book.case(node);
  if (before?.request !== undefined && (before.phase === 'probing' || before.phase === 'acting')) {
    book.answer(node, false, 'unavailable', why);
    if (before.cause === 'requested' && before.phase === 'probing') {
      closeCase(book, before, `nothing was done: ${why}`, now);
      // Nobody said that it is well.
      book.change(node, { aliveFromMonoMs: before.aliveFromMonoMs });
      return;
    }
  }
  const waiting = book.enter(node, 'waiting', untilMonoMs, { step: undefined, why });
  if (waiting !== undefined && untilMonoMs <= now) checkCase(book, waiting, now);
}

function askBoard(book: CaseBook, one: NodeCase, now: number): void {
  if (one.hold !== undefined) {
    const { by, reason } = one.hold;
    if (!one.told.includes('hold')) {
      book.change(one.entry.node, { told: [...one.told, 'hold'] });
      book.decide(one, '2.5', `maintenance by ${by} (${reason}): nothing is done until it is over`);
    }
    const untilMonoMs = Math.min(one.hold.untilMonoMs, now + book.timings.personMs);
    book.enter(one.entry.node, 'waiting', untilMonoMs, { why: `maintenance by ${by}` });
    return;
  }
  const restraint = doubtRestraint(book, one);
  if (restraint !== undefined) {
    book.enter(one.entry.node, 'waiting', now + book.timings.retryMs, { why: restraint });
    return;
  }
  const step = book.nextStep();
  book.counters.add('probes');
  book.enter(one.entry.node, 'probing', now + STEP_MS, { step });
  book.push({ kind: 'probe', node: one.entry.node, step, unit: one.entry.unit });
}

/** Why nothing is done about a node because of doubts alone; undefined where something may be. */
export function doubtRestraint(book: CaseBook, one: NodeCase): string | undefined {
  if (one.cause !== 'doubted' || one.request !== undefined) return undefined;
  if (isMassDoubt(book.doubts)) {
    const why = massWords(book.doubts);
    if (one.told.includes('mass')) return why;
    book.counters.add('doubtsHeldBack');
    // One word to a person is enough, however many are doubted.
    const isFirst = book.all().every(({ told }) => !told.includes('mass'));
    book.change(one.entry.node, { told: [...one.told, 'mass'] });
    book.decide(one, 'D2', why, isFirst);
    return why;
  }
  // One restart for a doubt is enough: what comes of it is seen by its results.
  return one.trial === undefined ? undefined : 'restarted; its new results are watched';
}
