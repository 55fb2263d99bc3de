import { type DoubtPicture, type NodeDoubt, standingOf } from '../../base/doubts.js';
import { judgeLast, type NodeCase, seriesOf } from './case.js';
import type { CaseBook } from './case-book.js';
import { quarantine } from './case-probe.js';
import { closeCase, isDoubted, tellDoubt, wait } from './case-time.js';
import { DOUBTED, doubtWords, isMassDoubt, trialEnd, trialUnder } from './doubt.js';

/** Whom the others doubt now. Where too few are left to tell, what they said before stands. */
export function onDoubts(book: CaseBook, picture: DoubtPicture, now: number): void {
  book.doubts = picture;
  if (!isMassDoubt(picture)) forgetMass(book);
  for (const one of book.all()) {
    if (one.entry.kind !== 'edge') continue;
    const standing = standingOf(picture, one.entry.node);
    const doubt = picture.doubted.get(one.entry.node);
    if (doubt !== undefined) onDoubted(book, one, doubt, now);
    else if (standing === 'trusted' && one.doubt !== undefined) onTrusted(book, one, now);
  }
  for (const [node, watched] of book.watchedOnly) {
    const standing = standingOf(picture, node);
    if (standing === 'doubted') watched.fromMonoMs ??= now;
    else if (standing === 'trusted') {
      watched.fromMonoMs = undefined;
      if (watched.isTold) book.push({ kind: 'closed', node, what: NOBODY });
      watched.isTold = false;
    }
  }
}

// The next time is told again.
function forgetMass(book: CaseBook): void {
  for (const { entry, told } of book.all()) {
    if (told.includes('mass')) book.change(entry.node, { told: told.filter((what) => what !== 'mass') });
  }
}

/** Another life of a doubted node is heard: it is on trial, whoever began it. */
export function onNewLife(book: CaseBook, one: NodeCase, inv: string, now: number): void {
  if (one.doubt === undefined || one.trial !== undefined) return;
  if (one.heardInv === undefined || one.heardInv === inv) return;
  book.change(one.entry.node, { trial: { fromMonoMs: now, disputed: one.doubt.disputed } });
}

const NOBODY = 'the others do not doubt it any more';

function onDoubted(book: CaseBook, one: NodeCase, doubt: NodeDoubt, now: number): void {
  const { node } = one.entry;
  book.change(node, { doubt, doubtFromMonoMs: one.doubtFromMonoMs ?? now });
  // While it is restarted, what is said of it is about the life before.
  if (one.phase !== 'acting' && one.phase !== 'verifying') book.change(node, { trial: trialUnder(one, doubt) });
}

function onTrusted(book: CaseBook, one: NodeCase, now: number): void {
  const { node } = one.entry;
  const told = one.told.filter((what) => what !== 'doubted' && what !== 'mass');
  book.change(node, { doubt: undefined, doubtFromMonoMs: undefined, trial: undefined, told });
  if (one.cause !== 'doubted' || one.phase === 'acting' || one.phase === 'verifying') return;
  if (one.phase === 'idle') {
    // Only observed.
    if (one.told.includes('doubted')) book.push({ kind: 'closed', node, what: NOBODY });
    return;
  }
  if (!one.isUp) {
    // It fell silent meanwhile, and the roster has told that once.
    book.change(node, { cause: 'silent' });
    if (one.phase !== 'probing') wait(book, node, NOBODY, now, now);
    return;
  }
  const last = seriesOf(one).at(-1);
  const isHelped = last?.signature === DOUBTED && last.helped === undefined;
  closeCase(book, { ...one, doubt: undefined }, NOBODY, now, isHelped ? true : undefined);
}

/** Gives up who is still doubted after its restart. The case as it stands then. */
export function checkDoubt(book: CaseBook, given: NodeCase, now: number): NodeCase {
  const one = fromUnseeing(book, given, now);
  if (one.cause !== 'doubted' || one.phase !== 'waiting' || one.doubt === undefined || !book.canSee) return one;
  if (one.hold !== undefined || one.request !== undefined || isMassDoubt(book.doubts)) return one;
  const end = trialEnd(one, now, book.timings);
  if (end === undefined) return one;
  const last = one.history.at(-1);
  const isOurs = last?.signature === DOUBTED && last.helped === undefined;
  if (isOurs) book.counters.add('restartsUseless');
  const history = isOurs ? judgeLast(one.history, false) : one.history;
  const judged = book.change(one.entry.node, { history }) ?? one;
  quarantine(book, judged, 'L4', `still doubted ${end}. ${doubtWords(one.doubt)}`);
  book.push({ kind: 'remember' });
  return book.case(one.entry.node) ?? judged;
}

// A camera that does not deliver keeps a case open for long, in which nothing is done: a doubt takes it over.
function fromUnseeing(book: CaseBook, one: NodeCase, now: number): NodeCase {
  const isKeptOpen = one.cause === 'wedged' && one.phase === 'waiting' && one.told.includes('unseeing');
  if (!isKeptOpen || !book.canSee || !isDoubted(book, one, now)) return one;
  tellDoubt(book, one);
  return book.change(one.entry.node, { cause: 'doubted', untilMonoMs: now }) ?? one;
}

/** A restart was verified: the end of a case, or where results are doubted, the beginning of their trial. */
export function endVerified(book: CaseBook, one: NodeCase, what: string, now: number): void {
  if (one.cause !== 'doubted' || one.doubt === undefined) {
    closeCase(book, one, what, now, true);
    return;
  }
  const { doubtTrialMs, doubtDisputesMax, retryMs } = book.timings;
  const { node } = one.entry;
  // Disputes of results of before the restart may have come until now.
  book.change(node, { trial: { fromMonoMs: now, disputed: one.doubt.disputed }, successor: undefined });
  const time = `${Math.round(doubtTrialMs / 60_000)} min`;
  book.decide(one, 'D3', `${what}. Still doubted after ${time} or ${doubtDisputesMax} more disputes it is given up`);
  wait(book, node, 'restarted; its new results are watched', now + retryMs, now);
}

/** Tells of doubted nodes on which nothing can be done. */
export function checkWatchedOnly(book: CaseBook, now: number): void {
  if (!book.canSee) return;
  for (const [node, watched] of book.watchedOnly) {
    const doubt = book.doubts.doubted.get(node);
    if (watched.isTold || watched.fromMonoMs === undefined || doubt === undefined) continue;
    if (now - watched.fromMonoMs < book.timings.graceMs) continue;
    watched.isTold = true;
    const isAlert = !isMassDoubt(book.doubts);
    book.counters.add('doubts');
    if (isAlert) book.counters.add('alerts');
    const what = `${doubtWords(doubt)}. It is on no board of the inventory: nothing is done`;
    book.push({ kind: 'decision', node, rule: 'D1', what, isAlert, cause: 'doubted' });
  }
}
