import type { FramesSeen } from '../frame-watch.js';
import type { NodeCase, Successor } from './case.js';
import type { CaseBook } from './case-book.js';
import { endVerified, onNewLife } from './case-doubt.js';
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
    book.change(one.entry.node, {
      staleFromMonoMs: undefined,
      awaitedFromMonoMs: undefined,
      // Claims were not heard meanwhile, either.
      ...(one.doubtFromMonoMs === undefined ? {} : { doubtFromMonoMs: now }),
      untilMonoMs,
    });
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
    if (one.entry.kind !== 'broker') continue;
    forgetObserved(book, one);
    if (one.phase === 'idle') continue;
    if (one.phase === 'acting')
      book.change(one.entry.node, {
        successor: { inv: '', freshBeats: VERIFY_BEATS, cameras: '', goodMonoMs: now },
      });
    else closeCase(book, one, 'the broker takes connections again', now, one.phase === 'verifying');
  }
}

/** The roster saw proof of life. */
export function onAlive(book: CaseBook, one: NodeCase, now: number): void {
  book.change(one.entry.node, { stoppedFromMonoMs: undefined, isUp: true });
  forgetObserved(book, one);
  // A doubted node was never silent.
  if (one.cause === 'wedged' || one.cause === 'doubted' || one.phase === 'acting' || one.phase === 'verifying') return;
  // Who asks for a restart knows that it lives.
  if (one.request !== undefined) return;
  if (one.phase !== 'idle') closeCase(book, one, 'it is heard again', now);
}

/** A birth; other software than before begins the ladder anew. */
export function onBirth(
  book: CaseBook,
  one: NodeCase,
  birth: { readonly inv: string; readonly version: string },
  now: number,
): void {
  onNewLife(book, one, birth.inv, now);
  const isNews = one.phase === 'quarantined' && one.version !== undefined && one.version !== birth.version;
  book.change(one.entry.node, {
    heardInv: birth.inv,
    version: birth.version,
    staleFromMonoMs: undefined,
    awaitedFromMonoMs: undefined,
    ...(isNews ? { seriesFromMonoMs: now } : {}),
  });
  onSuccessor(book, one, { inv: birth.inv, freshBeats: 0, cameras: '', goodMonoMs: now }, now);
}

/** A heartbeat: of the life that is verified, or of frames that are old. */
export function onBeat(book: CaseBook, one: NodeCase, beat: { readonly inv: string } & FramesSeen, now: number): void {
  onNewLife(book, one, beat.inv, now);
  const isFresh = beat.frames === 'fresh';
  const staleFromMonoMs = beat.frames === 'old' ? (one.staleFromMonoMs ?? now) : undefined;
  const awaitedFromMonoMs = beat.frames === 'awaited' ? (one.awaitedFromMonoMs ?? now) : undefined;
  const isHealthy = one.phase === 'idle' && isFresh && one.doubt === undefined;
  const aliveFromMonoMs = isHealthy ? (one.aliveFromMonoMs ?? now) : undefined;
  book.change(one.entry.node, { heardInv: beat.inv, staleFromMonoMs, awaitedFromMonoMs, aliveFromMonoMs });
  if (isFresh) forgetObserved(book, one);
  // The word that it is up may have come while an order was under way whose answer was then lost.
  const isHeard = one.cause === 'wedged' || (one.isUp && one.cause !== 'doubted');
  const isOurs = isHeard && one.request === undefined && ['probing', 'waiting', 'quarantined'].includes(one.phase);
  if (isFresh && isOurs) closeCase(book, one, `every camera that should deliver does${leftOut(beat.cameras)}`, now);
  else {
    const goodMonoMs = isFresh ? now : undefined;
    onSuccessor(book, one, { inv: beat.inv, freshBeats: isFresh ? 1 : 0, cameras: beat.cameras, goodMonoMs }, now);
  }
}

// M11: another invocation and three heartbeats of it in which every camera that should deliver shows a fresh frame.
function onSuccessor(book: CaseBook, one: NodeCase, heard: Successor, now: number): void {
  const { inv } = heard;
  if ((one.phase !== 'acting' && one.phase !== 'verifying') || inv === one.endedInv) return;
  const freshBeats = (one.successor?.inv === inv ? one.successor.freshBeats : 0) + heard.freshBeats;
  const successor = { ...heard, freshBeats };
  book.change(one.entry.node, { successor });
  if (one.phase === 'verifying' && freshBeats >= VERIFY_BEATS) {
    endVerified(book, one, verifiedWords(successor), now);
  }
}

// In `observe` nothing ends but the trouble itself.
function forgetObserved(book: CaseBook, one: NodeCase): void {
  if (book.mode !== 'observe' || one.told.length === 0) return;
  // Heartbeats say nothing against a doubt.
  book.change(one.entry.node, { told: one.told.filter((told) => told === 'doubted') });
}

/** What is said of a life that was verified. */
export function verifiedWords({ inv, freshBeats, cameras }: Successor): string {
  return `verified: invocation ${inv.slice(0, 8)}, ${freshBeats} heartbeats with fresh frames${leftOut(cameras)}`;
}

// A camera that is not there is its own fault: no restart brings it back, and none is asked for again because of it.
function leftOut(cameras: string): string {
  return cameras === '' ? '' : `; left out: ${cameras}`;
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
    if (one.hold === undefined) return;
    book.decide(one, '2.5', 'maintenance is over');
    // Who worked on it and says that it is done has looked at it.
    if (one.phase === 'quarantined') onAcknowledged(book, one, one.hold.by, now);
    else if (one.phase === 'waiting') book.change(one.entry.node, { untilMonoMs: now });
    return;
  }
  const { by, reason, leftMs } = hold;
  book.change(one.entry.node, { hold: { by, reason, untilMonoMs: now + leftMs } });
  book.decide(one, '2.5', `maintenance by ${by} for ${Math.round(leftMs / 1000)} s: ${reason}`);
}

/** Its last word was that it stops: nothing is wrong with that, and its next start may fail without telling anybody. */
export function onStopped(book: CaseBook, one: NodeCase, now: number): void {
  if (one.phase === 'probing' || one.phase === 'waiting') closeCase(book, one, 'it was stopped on purpose', now);
  book.change(one.entry.node, { stoppedFromMonoMs: now, isUp: false });
}

/** A person looked at it: the ladder begins anew. */
export function onAcknowledged(book: CaseBook, one: NodeCase, by: string, now: number): void {
  book.decide(one, 'L4', `acknowledged by ${by}: the ladder begins anew`);
  book.change(one.entry.node, { seriesFromMonoMs: now, told: [], trial: undefined });
  if (one.phase === 'quarantined') wait(book, one.entry.node, 'acknowledged', now, now);
}
