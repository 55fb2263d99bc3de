import type { NodeCase } from './case.js';
import type { CaseBook } from './case-book.js';
import { closeCase, wait } from './case-time.js';

/** Fresh heartbeats that show a restart helped (M11). */
export const VERIFY_BEATS = 3;

/** M6: the monitor can see again, or not. */
export function onSight(book: CaseBook, canSee: boolean, now: number): void {
  const sawBefore = book.canSee;
  book.canSee = canSee;
  if (!canSee || sawBefore) return;
  // M6: what was not seen meanwhile is nobody's failure. Verification and staleness start over.
  for (const one of book.all()) {
    const isVerifying = one.phase === 'verifying' && one.entry.kind === 'edge';
    const untilMonoMs = isVerifying ? now + book.timings.verifyMs : one.untilMonoMs;
    book.change(one.entry.node, { staleFromMonoMs: undefined, untilMonoMs });
  }
}

/** The broker's own case hangs on the monitor's link. */
export function onLink(book: CaseBook, isUp: boolean, now: number): void {
  if (!isUp) {
    book.linkDownFromMonoMs ??= now;
    return;
  }
  book.linkDownFromMonoMs = undefined;
  for (const one of book.all()) {
    if (one.entry.kind !== 'broker' || one.phase === 'idle') continue;
    if (one.phase === 'acting') book.change(one.entry.node, { successor: { inv: '', beats: VERIFY_BEATS } });
    else closeCase(book, one, 'the broker takes connections again', now, one.phase === 'verifying');
  }
}

/** The roster saw proof of life. */
export function onAlive(book: CaseBook, one: NodeCase, now: number): void {
  book.change(one.entry.node, { stoppedFromMonoMs: undefined });
  if (one.cause === 'wedged' || one.phase === 'acting' || one.phase === 'verifying') return;
  if (one.phase !== 'idle') closeCase(book, one, 'it is heard again', now);
}

/** A birth; other software than before begins the ladder anew. */
export function onBirth(
  book: CaseBook,
  one: NodeCase,
  birth: { readonly inv: string; readonly version: string },
  now: number,
): void {
  const isNews = one.phase === 'quarantined' && one.version !== undefined && one.version !== birth.version;
  book.change(one.entry.node, {
    heardInv: birth.inv,
    version: birth.version,
    staleFromMonoMs: undefined,
    ...(isNews ? { seriesFromMonoMs: now } : {}),
  });
  onSuccessor(book, one, birth.inv, false, now);
}

/** A heartbeat: of the life that is verified, or of old frames. */
export function onBeat(
  book: CaseBook,
  one: NodeCase,
  beat: { readonly inv: string; readonly isFresh: boolean },
  now: number,
): void {
  const staleFromMonoMs = beat.isFresh ? undefined : (one.staleFromMonoMs ?? now);
  const aliveFromMonoMs = one.phase === 'idle' && beat.isFresh ? (one.aliveFromMonoMs ?? now) : undefined;
  book.change(one.entry.node, { heardInv: beat.inv, staleFromMonoMs, aliveFromMonoMs });
  const isOurs = one.cause === 'wedged' && ['probing', 'waiting', 'quarantined'].includes(one.phase);
  if (beat.isFresh && isOurs) closeCase(book, one, 'its frames are fresh again', now);
  else onSuccessor(book, one, beat.inv, beat.isFresh, now);
}

// M11: another invocation and three fresh heartbeats of it.
function onSuccessor(book: CaseBook, one: NodeCase, inv: string, isFreshBeat: boolean, now: number): void {
  if ((one.phase !== 'acting' && one.phase !== 'verifying') || inv === one.endedInv) return;
  const beats = (one.successor?.inv === inv ? one.successor.beats : 0) + (isFreshBeat ? 1 : 0);
  book.change(one.entry.node, { successor: { inv, beats } });
  if (one.phase === 'verifying' && beats >= VERIFY_BEATS) {
    closeCase(book, one, `verified: invocation ${inv.slice(0, 8)}, ${beats} fresh heartbeats`, now, true);
  }
}

/** A person keeps hands off a node for a while, or no longer. */
export function onMaintenance(
  book: CaseBook,
  one: NodeCase,
  hold: { readonly by: string; readonly reason: string; readonly leftMs: number } | undefined,
  now: number,
): void {
  if (hold === undefined) {
    book.change(one.entry.node, { hold: undefined });
    if (one.hold !== undefined) book.decide(one, '2.5', 'maintenance is over');
    return;
  }
  const { by, reason, leftMs } = hold;
  book.change(one.entry.node, { hold: { by, reason, untilMonoMs: now + leftMs } });
  book.decide(one, '2.5', `maintenance by ${by} for ${Math.round(leftMs / 1000)} s: ${reason}`);
}

/** Its last word was that it stops: nothing is wrong with that, and its next start may fail without telling anybody. */
export function onStopped(book: CaseBook, one: NodeCase, now: number): void {
  if (one.phase === 'probing' || one.phase === 'waiting') closeCase(book, one, 'it was stopped on purpose', now);
  book.change(one.entry.node, { stoppedFromMonoMs: now });
}

/** A person looked at it: the ladder begins anew. */
export function onAcknowledged(book: CaseBook, one: NodeCase, by: string, now: number): void {
  book.decide(one, 'L4', `acknowledged by ${by}: the ladder begins anew`);
  book.change(one.entry.node, { seriesFromMonoMs: now, told: [] });
  if (one.phase === 'quarantined') wait(book, one.entry.node, 'acknowledged', now, now);
}
