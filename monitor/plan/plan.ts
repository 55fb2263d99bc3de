import { Counters } from '../../base/counters.js';
import type { Random } from '../../base/random.js';
import type { ProbeAnswer } from '../../protocol/board.js';
import { judgeLast, type NodeCase, newCase, type Phase, type PlanEntry, type PlanMemory, seriesOf } from './case.js';
import { isLastOfGroup, obstacleTo, rebootedShare } from './fleet-limits.js';
import { nextRung, type Rung } from './ladder.js';
import type { ActionResult, PlanEvent, PlanMode, PlanStep } from './plan-step.js';
import { decideProbe, type ProbeResult, type Verdict } from './probe-table.js';
import { DAY_MS, type PlanTimings } from './timings.js';

const COUNTERS = [
  'probes',
  'probeFaults',
  'restarts',
  'reboots',
  'dependencyRestarts',
  'restartsHelped',
  'restartsUseless',
  'alreadyRestarted',
  'heldByBoard',
  'boardBudget',
  'ownBudget',
  'quarantines',
  'wouldAct',
  'alerts',
  'answersLate',
] as const;

/** Longest any step may take before its answer is no longer waited for: SSH stages and a slow `restart` together. */
const STEP_MS = 60_000;
/** Fresh heartbeats that show a restart helped (M11). */
const VERIFY_BEATS = 3;
/** Attempts remembered per node: a day of the hourly limit. */
const HISTORY_MAX = 128;

export type PlanOptions = {
  readonly entries: readonly PlanEntry[];
  readonly timings: PlanTimings;
  readonly mode: PlanMode;
  readonly random: Random;
  readonly nowMonoMs: number;
  /** What an earlier life of this monitor had done, on this life's clock. */
  readonly remembered?: ReadonlyMap<string, PlanMemory>;
};

/**
 * What to do about nodes that are gone: probe before action, ladder, budgets, verification (rules M9 to M11). Touches
 * nothing outside itself: the same events at the same times give the same steps.
 */
export class Plan {
  readonly counters = new Counters(COUNTERS);
  readonly #timings: PlanTimings;
  readonly #mode: PlanMode;
  readonly #random: Random;
  readonly #cases: Map<string, NodeCase>;
  #steps: PlanStep[] = [];
  #nextStep = 1;
  #canSee = false;
  #linkDownFromMonoMs: number | undefined;
  #before = 0;

  constructor(options: PlanOptions) {
    const { entries, timings, mode, random, remembered, nowMonoMs } = options;
    this.#timings = timings;
    this.#mode = mode;
    this.#random = random;
    this.#cases = new Map(entries.map((entry) => [entry.node, newCase(entry, remembered?.get(entry.node))]));
    this.#linkDownFromMonoMs = nowMonoMs;
  }

  case(node: string): NodeCase | undefined {
    return this.#cases.get(node);
  }

  /** What the next life of this monitor must know, by node. */
  memory(): ReadonlyMap<string, PlanMemory> {
    return new Map(
      [...this.#cases].map(([node, { history, seriesFromMonoMs }]) => [node, { history, seriesFromMonoMs }]),
    );
  }

  /** Takes one event; the steps to carry out, in order. `nowMonoMs` never falls. */
  apply(event: PlanEvent, nowMonoMs: number): PlanStep[] {
    this.#steps = [];
    this.#take(event, nowMonoMs);
    return this.#steps;
  }

  #take(event: PlanEvent, now: number): void {
    switch (event.kind) {
      case 'sight':
        this.#onSight(event.canSee, now);
        return;
      case 'link':
        this.#onLink(event.isUp, now);
        return;
      case 'rank':
        this.#before = event.before;
        return;
      case 'check':
        for (const one of [...this.#cases.values()]) this.#onCheck(one, now);
        return;
      default: {
        const one = this.#cases.get(event.node);
        if (one !== undefined) this.#onNode(one, event, now);
      }
    }
  }

  #onNode(one: NodeCase, event: Extract<PlanEvent, { node: string }>, now: number): void {
    switch (event.kind) {
      case 'confirmed':
        this.#open(one, 'silent', now);
        return;
      case 'alive':
        this.#onAlive(one, now);
        return;
      case 'stopped':
        if (one.phase === 'probing' || one.phase === 'waiting') this.#close(one, 'it was stopped on purpose', now);
        this.#change(one.entry.node, { stoppedFromMonoMs: now });
        return;
      case 'birth':
        this.#onBirth(one, event, now);
        return;
      case 'beat':
        this.#onBeat(one, event, now);
        return;
      case 'probed':
        this.#onProbed(one, event.step, event.result, now);
        return;
      case 'acted':
        this.#onActed(one, event.step, event.result, now);
        return;
      case 'maintenance':
        this.#onMaintenance(one, event.hold, now);
        return;
      case 'acknowledged':
        this.#decide(one, 'L4', `acknowledged by ${event.by}: the ladder begins anew`);
        this.#change(one.entry.node, { seriesFromMonoMs: now, told: [] });
        if (one.phase === 'quarantined') this.#wait(one.entry.node, 'acknowledged', now, now);
        return;
    }
  }

  // ---- what is heard

  #onSight(canSee: boolean, now: number): void {
    const sawBefore = this.#canSee;
    this.#canSee = canSee;
    if (!canSee || sawBefore) return;
    // M6: what was not seen meanwhile is nobody's failure. Verification and staleness start over.
    for (const one of this.#cases.values()) {
      const isVerifying = one.phase === 'verifying' && one.entry.kind === 'edge';
      const untilMonoMs = isVerifying ? now + this.#timings.verifyMs : one.untilMonoMs;
      this.#change(one.entry.node, { staleFromMonoMs: undefined, untilMonoMs });
    }
  }

  #onLink(isUp: boolean, now: number): void {
    if (!isUp) {
      this.#linkDownFromMonoMs ??= now;
      return;
    }
    this.#linkDownFromMonoMs = undefined;
    for (const one of this.#cases.values()) {
      if (one.entry.kind !== 'broker' || one.phase === 'idle') continue;
      if (one.phase === 'acting') this.#change(one.entry.node, { successor: { inv: '', beats: VERIFY_BEATS } });
      else this.#close(one, 'the broker takes connections again', now, one.phase === 'verifying');
    }
  }

  #onAlive(one: NodeCase, now: number): void {
    this.#change(one.entry.node, { stoppedFromMonoMs: undefined });
    if (one.cause === 'wedged' || one.phase === 'acting' || one.phase === 'verifying') return;
    if (one.phase !== 'idle') this.#close(one, 'it is heard again', now);
  }

  #onBirth(one: NodeCase, birth: { readonly inv: string; readonly version: string }, now: number): void {
    const isNews = one.phase === 'quarantined' && one.version !== undefined && one.version !== birth.version;
    this.#change(one.entry.node, {
      heardInv: birth.inv,
      version: birth.version,
      staleFromMonoMs: undefined,
      ...(isNews ? { seriesFromMonoMs: now } : {}),
    });
    this.#onSuccessor(one, birth.inv, false, now);
  }

  #onBeat(one: NodeCase, beat: { readonly inv: string; readonly isFresh: boolean }, now: number): void {
    const staleFromMonoMs = beat.isFresh ? undefined : (one.staleFromMonoMs ?? now);
    const aliveFromMonoMs = one.phase === 'idle' && beat.isFresh ? (one.aliveFromMonoMs ?? now) : undefined;
    this.#change(one.entry.node, { heardInv: beat.inv, staleFromMonoMs, aliveFromMonoMs });
    const isOurs = one.cause === 'wedged' && ['probing', 'waiting', 'quarantined'].includes(one.phase);
    if (beat.isFresh && isOurs) this.#close(one, 'its frames are fresh again', now);
    else this.#onSuccessor(one, beat.inv, beat.isFresh, now);
  }

  // M11: another invocation and three fresh heartbeats of it.
  #onSuccessor(one: NodeCase, inv: string, isFreshBeat: boolean, now: number): void {
    if ((one.phase !== 'acting' && one.phase !== 'verifying') || inv === one.endedInv) return;
    const beats = (one.successor?.inv === inv ? one.successor.beats : 0) + (isFreshBeat ? 1 : 0);
    this.#change(one.entry.node, { successor: { inv, beats } });
    if (one.phase === 'verifying' && beats >= VERIFY_BEATS) {
      this.#close(one, `verified: invocation ${inv.slice(0, 8)}, ${beats} fresh heartbeats`, now, true);
    }
  }

  #onMaintenance(
    one: NodeCase,
    hold: { readonly by: string; readonly reason: string; readonly leftMs: number } | undefined,
    now: number,
  ): void {
    if (hold === undefined) {
      this.#change(one.entry.node, { hold: undefined });
      if (one.hold !== undefined) this.#decide(one, '2.5', 'maintenance is over');
      return;
    }
    const { by, reason, leftMs } = hold;
    this.#change(one.entry.node, { hold: { by, reason, untilMonoMs: now + leftMs } });
    this.#decide(one, '2.5', `maintenance by ${by} for ${Math.round(leftMs / 1000)} s: ${reason}`);
  }

  // ---- time

  #onCheck(given: NodeCase, now: number): void {
    const one = this.#expireHold(this.#endSeries(given, now), now);
    const { phase, entry } = one;
    if (phase === 'idle') {
      this.#lookForTrouble(one, now);
      return;
    }
    if (phase === 'quarantined' || now < one.untilMonoMs) return;
    if (entry.kind === 'edge' && !this.#canSee) return;
    if (phase === 'waiting') {
      this.#probe(one, now);
      return;
    }
    if (phase === 'verifying') {
      this.#onUnverified(one, now);
      return;
    }
    // The answer of a step is lost: nobody knows what was done. The next probe shows it.
    this.#wait(entry.node, 'no answer to the last step', now, now);
  }

  #endSeries(one: NodeCase, now: number): NodeCase {
    const isLong = one.aliveFromMonoMs !== undefined && now - one.aliveFromMonoMs >= this.#timings.healthyMs;
    if (one.phase !== 'idle' || !isLong || seriesOf(one).length === 0) return one;
    return this.#change(one.entry.node, { seriesFromMonoMs: now }) ?? one;
  }

  #expireHold(one: NodeCase, now: number): NodeCase {
    if (one.hold === undefined || now < one.hold.untilMonoMs) return one;
    const { by, reason } = one.hold;
    this.#decide(one, '2.5', `maintenance by ${by} (${reason}) has run out; supervised again`, true);
    return this.#change(one.entry.node, { hold: undefined }) ?? one;
  }

  #lookForTrouble(one: NodeCase, now: number): void {
    if (one.entry.kind === 'broker') {
      const downMs = this.#linkDownFromMonoMs === undefined ? 0 : now - this.#linkDownFromMonoMs;
      if (downMs >= this.#timings.graceMs) this.#open(one, 'silent', now);
      return;
    }
    if (!this.#canSee) return;
    // An update whose start failed: the last word was a graceful stop. A person who stopped it is not told of it.
    const { stoppedFromMonoMs } = one;
    if (stoppedFromMonoMs !== undefined && now - stoppedFromMonoMs >= this.#timings.graceMs + this.#timings.startMs) {
      this.#open(one, 'silent', now, ['stopped']);
      return;
    }
    if (one.staleFromMonoMs === undefined) return;
    const limitMs = this.#timings.wedgedMs + (isLastOfGroup(one, this.#all()) ? this.#timings.graceMs : 0);
    if (now - one.staleFromMonoMs >= limitMs) this.#open(one, 'wedged', now);
  }

  // ---- the case

  #open(one: NodeCase, cause: 'silent' | 'wedged', now: number, told: readonly string[] = []): void {
    if (one.phase !== 'idle') return;
    this.#change(one.entry.node, {
      cause,
      told,
      stoppedFromMonoMs: undefined,
      faults: 0,
      gracedInv: undefined,
      aliveFromMonoMs: undefined,
    });
    if (this.#mode === 'observe') {
      this.#decide(one, 'L0', `${cause}: would ask the board, but only observes`, true);
      return;
    }
    this.#decide(one, cause === 'silent' ? 'M9' : '2.2', `${cause}: the board is asked before anything is done`);
    const waitMs = this.#before * this.#timings.rankMs;
    const why = waitMs === 0 ? 'ask the board' : `${this.#before} monitors go first`;
    this.#wait(one.entry.node, why, now + waitMs, now);
  }

  #close(one: NodeCase, what: string, now: number, helped?: boolean): void {
    const history = helped === undefined ? one.history : judgeLast(one.history, helped);
    if (helped === true) this.counters.add('restartsHelped');
    const idle = { history, step: undefined, successor: undefined, faults: 0, aliveFromMonoMs: now };
    this.#enter(one.entry.node, 'idle', Number.POSITIVE_INFINITY, idle);
    this.#steps.push({ kind: 'closed', node: one.entry.node, what });
    if (helped !== undefined) this.#steps.push({ kind: 'remember' });
  }

  #wait(node: string, why: string, untilMonoMs: number, now: number): void {
    const waiting = this.#enter(node, 'waiting', untilMonoMs, { step: undefined, why });
    if (waiting !== undefined && untilMonoMs <= now) this.#onCheck(waiting, now);
  }

  #probe(one: NodeCase, now: number): void {
    if (one.hold !== undefined) {
      const untilMonoMs = Math.min(one.hold.untilMonoMs, now + this.#timings.personMs);
      this.#enter(one.entry.node, 'waiting', untilMonoMs, { why: `maintenance by ${one.hold.by}` });
      return;
    }
    const step = this.#nextStep++;
    this.counters.add('probes');
    this.#enter(one.entry.node, 'probing', now + STEP_MS, { step });
    this.#steps.push({ kind: 'probe', node: one.entry.node, step, unit: one.entry.unit });
  }

  #onProbed(one: NodeCase, step: number, result: ProbeResult, now: number): void {
    if (one.phase !== 'probing' || one.step !== step) {
      this.counters.add('answersLate');
      return;
    }
    if (one.entry.kind === 'edge' && !this.#canSee) {
      this.#wait(one.entry.node, 'blind', now + this.#timings.retryMs, now);
      return;
    }
    const verdict = decideProbe(result, {
      heardInv: one.heardInv,
      gracedInv: one.gracedInv,
      timings: this.#timings,
    });
    const { node } = one.entry;
    const faults = result.kind === 'fault' ? one.faults + 1 : 0;
    if (result.kind === 'fault') this.counters.add('probeFaults');
    this.#change(one.entry.node, { faults, why: verdict.why });
    this.#tell(node, verdict, result);
    if (verdict.kind === 'dead' && result.kind === 'probe') {
      this.#onDead(node, verdict, result.probe, now);
      return;
    }
    if (verdict.kind === 'restarted-locally' && result.kind === 'probe') {
      this.#change(one.entry.node, { faults, gracedInv: result.probe.inv ?? undefined });
    }
    this.#wait(node, verdict.why, now + this.#waitOf(verdict, faults), now);
  }

  #waitOf({ kind, waitMs }: Verdict, faults: number): number {
    const { retryMs, graceMs, personMs, unreachableDelaysMs } = this.#timings;
    switch (kind) {
      case 'wait':
        return retryMs;
      case 'restarted-locally':
      case 'isolated':
      case 'unheard':
        return graceMs;
      case 'unreachable':
        return unreachableDelaysMs[Math.min(faults, unreachableDelaysMs.length) - 1] ?? personMs;
      default:
        return Math.min(personMs, waitMs ?? personMs);
    }
  }

  // A person is told of each kind of verdict once per case; of what the machine does by itself, nobody.
  #tell(node: string, verdict: Verdict, result: ProbeResult): void {
    const one = this.#cases.get(node);
    if (one === undefined) return;
    const isQuiet = ['wait', 'restarted-locally', 'dead', 'maintenance'].includes(verdict.kind);
    const isNews = !one.told.includes(verdict.kind);
    if (isNews) this.#change(one.entry.node, { told: [...one.told, verdict.kind] });
    const probe = result.kind === 'probe' ? { probe: result.probe } : {};
    this.#decide(one, verdict.rule, `${verdict.kind}: ${verdict.why}`, isNews && !isQuiet, probe);
  }

  #onDead(node: string, verdict: Verdict, probe: ProbeAnswer, now: number): void {
    const one = this.#cases.get(node);
    if (one === undefined) return;
    const signature = verdict.signature ?? 'unknown';
    const rung = nextRung(
      {
        series: seriesOf(one),
        history: one.history,
        signature,
        hasDependencies: one.entry.dependencies.length > 0,
        mayReboot: one.entry.mayReboot,
        rebootedShare: rebootedShare(this.#all(), now),
        random: this.#random.next(),
      },
      now,
      this.#timings,
    );
    if (rung.kind === 'quarantine') {
      this.#quarantine(one, rung.rule, rung.why);
      return;
    }
    if (now < rung.notBeforeMonoMs) {
      this.#wait(node, `${rung.rule}: the next attempt is due later`, rung.notBeforeMonoMs, now);
      return;
    }
    const obstacle = obstacleTo(one, rung.kind, probe, this.#all(), now, this.#timings);
    if (obstacle !== undefined) {
      if (obstacle.counter !== undefined) this.counters.add(obstacle.counter);
      this.#decide(one, obstacle.rule, obstacle.why, obstacle.isAlert && !one.told.includes(obstacle.rule));
      if (obstacle.isAlert) this.#change(one.entry.node, { told: [...one.told, obstacle.rule] });
      this.#wait(node, obstacle.why, now + obstacle.waitMs, now);
      return;
    }
    this.#act(one, rung, signature, probe, now);
  }

  #quarantine(one: NodeCase, rule: string, why: string): void {
    this.counters.add('quarantines');
    this.#enter(one.entry.node, 'quarantined', Number.POSITIVE_INFINITY, { step: undefined, why });
    this.#decide(one, rule, `given up, a person is needed: ${why}`, true);
  }

  #act(
    one: NodeCase,
    rung: Exclude<Rung, { kind: 'quarantine' }>,
    signature: string,
    probe: ProbeAnswer,
    now: number,
  ): void {
    const { node, unit, dependencies } = one.entry;
    if (this.#mode === 'dry-run') {
      this.counters.add('wouldAct');
      this.#decide(one, 'L0', `dry run: would ${rung.kind} ${unit} (${rung.rule})`, !one.told.includes('would-act'));
      this.#change(one.entry.node, { told: [...one.told, 'would-act'] });
      this.#wait(node, 'dry run', now + this.#timings.personMs, now);
      return;
    }
    const step = this.#nextStep++;
    const recent = one.history.filter(({ atMonoMs }) => now - atMonoMs < DAY_MS);
    const history = [...judgeLast(recent, false), { kind: rung.kind, atMonoMs: now, signature }].slice(-HISTORY_MAX);
    this.counters.add(rung.kind === 'reboot' ? 'reboots' : rung.kind === 'restart' ? 'restarts' : 'dependencyRestarts');
    this.#enter(node, 'acting', now + STEP_MS, { history, step, endedInv: probe.inv, successor: undefined });
    this.#decide(one, rung.rule, `${rung.kind} of ${unit}: ${one.why}`);
    this.#steps.push({ kind: 'remember' });
    if (rung.kind === 'reboot') this.#steps.push({ kind: 'reboot', node, step, boot: probe.boot });
    else {
      const first = rung.kind === 'dependencies' ? dependencies : [];
      this.#steps.push({ kind: 'restart', node, step, unit, expected: probe.inv, dependencies: first });
    }
  }

  #onActed(one: NodeCase, step: number, result: ActionResult, now: number): void {
    if (one.phase !== 'acting' || one.step !== step) {
      this.counters.add('answersLate');
      return;
    }
    const { node } = one.entry;
    const { retryMs, graceMs, personMs, verifyMs, rebootVerifyMs } = this.#timings;
    if (result.kind === 'fault') {
      this.#decide(one, '2.3', `the answer is lost (${result.message}); the next probe shows what was done`);
      this.#wait(node, 'the answer was lost', now + retryMs, now);
      return;
    }
    const { outcome, why, retryS, inv } = result.answer;
    switch (outcome) {
      case 'restarted':
      case 'rebooting': {
        const ms = outcome === 'rebooting' ? rebootVerifyMs : verifyMs;
        this.#decide(
          one,
          'M11',
          `${outcome}${inv == null ? '' : `, invocation ${inv.slice(0, 8)}`}; waiting for its life`,
        );
        this.#enter(node, 'verifying', now + ms, { step: undefined });
        if ((one.successor?.beats ?? 0) >= VERIFY_BEATS)
          this.#close({ ...one, step: undefined }, 'verified', now, true);
        return;
      }
      case 'already-restarted':
      case 'stale':
        this.counters.add('alreadyRestarted');
        this.#forgetAttempt(one, inv ?? undefined);
        this.#decide(one, '2.3', `${outcome}: somebody else was first; nothing was done`);
        this.#wait(node, outcome, now + graceMs, now);
        return;
      case 'held':
        this.counters.add('heldByBoard');
        this.#forgetAttempt(one);
        this.#decide(one, '2.3', `held by the board: ${why ?? 'no reason'}`, !one.told.includes('held'));
        // The next probe says for how long.
        this.#wait(node, 'held by the board', now + graceMs, now);
        return;
      case 'budget':
        this.counters.add('boardBudget');
        this.#forgetAttempt(one);
        this.#decide(one, '2.3', "the board's own budget is used up", !one.told.includes('2.3'));
        this.#wait(node, 'board budget', now + Math.max(retryMs, (retryS ?? 0) * 1000), now);
        return;
      default:
        this.#decide(one, '2.3', `${outcome}: ${why ?? 'no reason'}`, why !== 'busy');
        if (why === 'busy') this.#forgetAttempt(one);
        else this.#change(one.entry.node, { history: judgeLast(one.history, false) });
        this.#wait(node, `${outcome}: ${why ?? ''}`, now + (outcome === 'refused' ? personMs : retryMs), now);
        return;
    }
  }

  // Nothing was done: it must count neither for the ladder nor for the budget.
  #forgetAttempt(one: NodeCase, gracedInv?: string): void {
    this.#change(one.entry.node, { history: one.history.slice(0, -1), gracedInv: gracedInv ?? one.gracedInv });
  }

  #onUnverified(one: NodeCase, now: number): void {
    this.counters.add('restartsUseless');
    this.#decide(one, 'M11', 'no new life in time: it did not help');
    this.#change(one.entry.node, { history: judgeLast(one.history, false) });
    this.#wait(one.entry.node, 'not verified', now, now);
  }

  #enter(node: string, phase: Phase, untilMonoMs: number, more: Partial<NodeCase>): NodeCase | undefined {
    const from = this.#cases.get(node)?.phase;
    if (from !== undefined && from !== phase) this.#steps.push({ kind: 'phase', node, from, to: phase });
    return this.#change(node, { ...more, phase, untilMonoMs });
  }

  #all(): readonly NodeCase[] {
    return [...this.#cases.values()];
  }

  #change(node: string, change: Partial<NodeCase>): NodeCase | undefined {
    const one = this.#cases.get(node);
    if (one === undefined) return undefined;
    const changed = { ...one, ...change };
    this.#cases.set(node, changed);
    return changed;
  }

  #decide(
    one: NodeCase,
    rule: string,
    what: string,
    isAlert = false,
    more: { readonly probe?: ProbeAnswer } = {},
  ): void {
    if (isAlert) this.counters.add('alerts');
    this.#steps.push({ kind: 'decision', node: one.entry.node, rule, what, isAlert, ...more });
  }
}
