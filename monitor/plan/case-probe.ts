import type { ProbeAnswer } from '../../protocol/board.js';
import { judgeLast, type NodeCase, seriesOf } from './case.js';
import type { CaseBook } from './case-book.js';
import { closeCase, doubtRestraint, STEP_MS, wait } from './case-time.js';
import { DOUBTED, doubtWords } from './doubt.js';
import { obstacleTo, rebootedShare } from './fleet-limits.js';
import { nextRung, type Rung } from './ladder.js';
import { decideProbe, type ProbeResult, type Verdict } from './probe-table.js';
import { DAY_MS } from './timings.js';

/** How a service ended that did not end. */
const ASKED_FOR = 'asked for';
/** Attempts remembered per node: a day of the hourly limit. */
const HISTORY_MAX = 128;

/** What a board answered, by the probe table: wait, tell, or go up the ladder. */
export function onProbed(book: CaseBook, one: NodeCase, step: number, result: ProbeResult, now: number): void {
  if (one.phase !== 'probing' || one.step !== step) {
    book.counters.add('answersLate');
    return;
  }
  if (one.entry.kind === 'edge' && !book.canSee) {
    wait(book, one.entry.node, 'blind', now + book.timings.retryMs, now);
    return;
  }
  if (one.hold !== undefined) {
    // The word came while the board was being asked.
    wait(book, one.entry.node, `maintenance by ${one.hold.by}`, now + book.timings.retryMs, now);
    return;
  }
  const verdict = decideProbe(result, {
    heardInv: one.heardInv,
    gracedInv: one.gracedInv,
    isHeard: one.isUp || one.cause === 'wedged',
    timings: { ...book.timings, staleMs: Math.max(book.timings.staleMs, one.staleMs) },
  });
  const { node } = one.entry;
  const faults = result.kind === 'fault' ? one.faults + 1 : 0;
  if (result.kind === 'fault') book.counters.add('probeFaults');
  book.change(one.entry.node, { faults, why: verdict.why });
  if (one.request !== undefined && result.kind === 'probe' && isRestartable(verdict, result.probe)) {
    const why = `asked for by ${one.request.by}, ${verdict.why}`;
    book.change(node, { why });
    onDead(book, node, { ...verdict, why, signature: ASKED_FOR }, result.probe, now);
    return;
  }
  if (one.cause === 'doubted' && result.kind === 'probe' && isDoubtRestartable(verdict, result.probe)) {
    onDoubtProbed(book, node, verdict, result.probe, now);
    return;
  }
  tell(book, node, verdict, result);
  if (result.kind === 'probe') tellDisk(book, node, result.probe);
  if (verdict.kind === 'dead' && result.kind === 'probe') {
    onDead(book, node, verdict, result.probe, now);
    return;
  }
  if (verdict.kind === 'restarted-locally' && result.kind === 'probe') {
    book.change(one.entry.node, { faults, gracedInv: result.probe.inv ?? undefined });
  }
  wait(book, node, verdict.why, now + waitOf(book, verdict, faults), now);
}

// A living service that nobody keeps his hands on. One that starts, was stopped by a person or has a broken
// configuration is not helped by a restart.
function isRestartable({ kind }: Verdict, { active, inv }: ProbeAnswer): boolean {
  return active === 'active' && inv !== null && ['isolated', 'unheard', 'unseeing', 'restarted-locally'].includes(kind);
}

// What its supervisor has just restarted gets its grace first.
function isDoubtRestartable(verdict: Verdict, probe: ProbeAnswer): boolean {
  return verdict.kind !== 'restarted-locally' && isRestartable(verdict, probe);
}

function onDoubtProbed(book: CaseBook, node: string, verdict: Verdict, probe: ProbeAnswer, now: number): void {
  const one = book.case(node);
  if (one === undefined) return;
  // Meanwhile the doubts may have gone, or become too many.
  if (one.doubt === undefined) {
    closeCase(book, one, 'nobody doubts it any more', now);
    return;
  }
  const restraint = doubtRestraint(book, one);
  if (restraint !== undefined) {
    wait(book, node, restraint, now + book.timings.retryMs, now);
    return;
  }
  const why = doubtWords(one.doubt);
  book.change(node, { why });
  onDead(book, node, { ...verdict, why, signature: DOUBTED }, probe, now);
}

function waitOf(book: CaseBook, { kind, waitMs }: Verdict, faults: number): number {
  const { retryMs, graceMs, personMs, unreachableDelaysMs } = book.timings;
  switch (kind) {
    case 'wait':
      return retryMs;
    case 'restarted-locally':
    case 'isolated':
    case 'unheard':
    case 'unseeing':
      return graceMs;
    case 'unreachable':
      return unreachableDelaysMs[Math.min(faults, unreachableDelaysMs.length) - 1] ?? personMs;
    default:
      return Math.min(personMs, waitMs ?? personMs);
  }
}

// It stops no restart, and may well be why one is needed.
function tellDisk(book: CaseBook, node: string, { disk }: ProbeAnswer): void {
  const one = book.case(node);
  if (one === undefined || disk == null || disk === 'ok' || one.told.includes('disk')) return;
  book.change(node, { told: [...one.told, 'disk'] });
  book.decide(one, '2.2', `the disk of its board is ${disk}`, true);
}

// A person is told of each kind of verdict once per case; of what the machine does by itself, nobody.
function tell(book: CaseBook, node: string, verdict: Verdict, result: ProbeResult): void {
  const one = book.case(node);
  if (one === undefined) return;
  const isQuiet = ['wait', 'restarted-locally', 'dead', 'maintenance'].includes(verdict.kind);
  const isNews = !one.told.includes(verdict.kind);
  if (isNews) book.change(one.entry.node, { told: [...one.told, verdict.kind] });
  const probe = result.kind === 'probe' ? { probe: result.probe } : {};
  book.decide(one, verdict.rule, `${verdict.kind}: ${verdict.why}`, isNews && !isQuiet, probe);
}

function onDead(book: CaseBook, node: string, verdict: Verdict, probe: ProbeAnswer, now: number): void {
  const one = book.case(node);
  if (one === undefined) return;
  const signature = verdict.signature ?? 'unknown';
  const rung = nextRung(
    {
      series: seriesOf(one),
      history: one.history,
      signature,
      hasDependencies: one.entry.dependencies.length > 0,
      mayReboot: one.entry.mayReboot,
      rebootedShare: rebootedShare(book.all(), now),
      random: book.random.next(),
    },
    now,
    book.timings,
  );
  // What lives is restarted at most: neither its board nor what else runs there, and nobody gives it up.
  if (signature === ASKED_FOR && rung.kind !== 'restart') {
    wait(
      book,
      node,
      rung.kind === 'quarantine' ? rung.why : `the ladder has come to: ${rung.kind}`,
      now + book.timings.retryMs,
      now,
    );
    return;
  }
  // Nor is a board rebooted for what others say of its results.
  if (signature === DOUBTED && (rung.kind === 'dependencies' || rung.kind === 'reboot')) {
    quarantine(book, one, 'L4', `doubted, and restarts do not help: ${verdict.why}`);
    return;
  }
  if (rung.kind === 'quarantine') {
    quarantine(book, one, rung.rule, rung.why);
    return;
  }
  if (now < rung.notBeforeMonoMs) {
    const inS = Math.ceil((rung.notBeforeMonoMs - now) / 1000);
    wait(book, node, `${rung.rule}: the next attempt is due in ${inS} s`, rung.notBeforeMonoMs, now);
    return;
  }
  const obstacle = obstacleTo(one, rung.kind, probe, book.all(), now, book.timings);
  if (obstacle !== undefined) {
    if (obstacle.counter !== undefined) book.counters.add(obstacle.counter);
    book.decide(one, obstacle.rule, obstacle.why, obstacle.isAlert && !one.told.includes(obstacle.rule));
    if (obstacle.isAlert) book.change(one.entry.node, { told: [...one.told, obstacle.rule] });
    wait(book, node, obstacle.why, now + obstacle.waitMs, now);
    return;
  }
  act(book, one, rung, signature, probe, now);
}

/** Gives a node up: nothing more is done about it until a person has looked at it, or what was wrong has gone. */
export function quarantine(book: CaseBook, one: NodeCase, rule: string, why: string): void {
  book.counters.add('quarantines');
  book.answer(one.entry.node, false, 'quarantined', `given up, a person is needed: ${why}`);
  book.enter(one.entry.node, 'quarantined', Number.POSITIVE_INFINITY, { step: undefined, why });
  book.decide(one, rule, `given up, a person is needed: ${why}`, true);
}

function act(
  book: CaseBook,
  one: NodeCase,
  rung: Exclude<Rung, { kind: 'quarantine' }>,
  signature: string,
  probe: ProbeAnswer,
  now: number,
): void {
  const { node, unit, dependencies } = one.entry;
  if (book.mode === 'dry-run') {
    book.counters.add('wouldAct');
    book.decide(one, 'L0', `dry run: would ${rung.kind} ${unit} (${rung.rule})`, !one.told.includes('would-act'));
    book.change(one.entry.node, { told: [...one.told, 'would-act'] });
    wait(book, node, 'dry run', now + book.timings.personMs, now);
    return;
  }
  const step = book.nextStep();
  const recent = one.history.filter(({ atMonoMs }) => now - atMonoMs < DAY_MS);
  const history = [...judgeLast(recent, false), { kind: rung.kind, atMonoMs: now, signature }].slice(-HISTORY_MAX);
  book.counters.add(rung.kind === 'reboot' ? 'reboots' : rung.kind === 'restart' ? 'restarts' : 'dependencyRestarts');
  const before = { endedInv: probe.inv, successor: undefined, isProlonged: false };
  book.enter(node, 'acting', now + STEP_MS, { history, step, ...before });
  book.decide(one, rung.rule, `${rung.kind} of ${unit}: ${one.why}`);
  book.push({ kind: 'remember' });
  if (rung.kind === 'reboot') book.push({ kind: 'reboot', node, step, boot: probe.boot });
  else {
    const first = rung.kind === 'dependencies' ? dependencies : [];
    book.push({ kind: 'restart', node, step, unit, expected: probe.inv, dependencies: first });
  }
}
