/** How an accepted session ended: by us; by the broker or the network; or because the broker did not answer any more. */
export type SessionFate = 'ended' | 'closed' | 'silent';

export type BrokerChoice = {
  /** Length of the list; its order is the order of preference. */
  readonly brokers: number;
  /** Place in the list of the broker in use, or of the one tried next. */
  readonly at: number;
  readonly phase: 'away' | 'up';
  readonly upMonoMs: number;
  /** Failed since the last good session: not tried again before all others were. */
  readonly tried: readonly number[];
  /** Failed attempts and short sessions in a row; the delay before the next attempt grows with them. */
  readonly failures: number;
  /** By broker: bad ends of sessions that had not lasted long enough to trust it again. */
  readonly distrust: readonly number[];
  /** By broker: no return to it before this, and others are tried first. */
  readonly shunnedUntilMonoMs: readonly number[];
  /** By broker: probes in a row that ended our own session: it is the broker we are at, by another name. */
  readonly twinSigns: readonly number[];
  readonly probing: number | undefined;
  /** The session is being ended for this. */
  readonly leaving: Leaving | undefined;
};

type Leaving = { readonly why: 'silent' | 'stopping' } | { readonly why: 'return'; readonly to: number };

export type BrokerEvent =
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly fate: SessionFate }
  | { readonly kind: 'attempt-failed' }
  /** Publishes wait, and not one PUBACK came for too long. */
  | { readonly kind: 'silent' }
  /** The broker of this session says that it stops. */
  | { readonly kind: 'stopping' }
  | { readonly kind: 'return-due' }
  | { readonly kind: 'probed'; readonly broker: number; readonly isWell: boolean };

export type BrokerEffect =
  /** End the session; `isHeard`: the broker still takes a last word. */
  | { readonly kind: 'leave'; readonly why: Leaving['why']; readonly isHeard: boolean }
  /** Hold a short session at a preferred broker, beside the real one. */
  | { readonly kind: 'probe'; readonly broker: number }
  | { readonly kind: 'return-later'; readonly delayMs: number };

export type BrokerDecision = { readonly choice: BrokerChoice; readonly effects: readonly BrokerEffect[] };

/** A preferred broker is looked for after this time at another one, and a bad end keeps us away from it as long. */
export const RETURN_MS = 60_000;
/** A fleet that fled together returns spread over this. */
export const RETURN_SPREAD_MS = 30_000;
/** A broker that goes on failing is shunned twice as long each time, up to this. */
export const SHUN_MAX_MS = 30 * 60_000;
/** A session that lasted this long says that its broker is good, whatever it was before. */
export const TRUST_MS = 10 * 60_000;
/** A connection that broke after this time is made to the same broker first: wires break more often than brokers. */
export const SAME_AGAIN_MS = 60_000;
/** One may be a coincidence; two in a row keep us from looking there for a day. */
export const TWIN_SIGNS_MAX = 2;
const TWIN_SHUN_MS = 24 * 3_600_000;

/** @param brokers length of the list, at least 1. */
export function initialChoice(brokers: number): BrokerChoice {
  const zeros = Array.from({ length: brokers }, () => 0);
  return {
    brokers,
    at: 0,
    phase: 'away',
    upMonoMs: 0,
    tried: [],
    failures: 0,
    distrust: zeros,
    shunnedUntilMonoMs: zeros,
    twinSigns: zeros,
    probing: undefined,
    leaving: undefined,
  };
}

/**
 * Which of several brokers to be at: the first of the list that is well, left as soon as it is not, returned to by way of
 * a probe, and the later the more often it has failed. One session at a time; a probe is never at the broker in use.
 * @param nowMonoMs monotonic clock.
 * @param stableMs a session that lasted this long makes the next attempt soon.
 * @param random a number in [0, 1).
 */
export function decideBroker(
  choice: BrokerChoice,
  event: BrokerEvent,
  nowMonoMs: number,
  stableMs: number,
  random: number,
): BrokerDecision {
  switch (event.kind) {
    case 'up':
      return returnLater(
        { ...choice, phase: 'up', upMonoMs: nowMonoMs, probing: undefined, leaving: undefined },
        random,
      );
    case 'attempt-failed':
      return keep(goOn({ ...choice, phase: 'away', leaving: undefined, failures: choice.failures + 1 }, nowMonoMs));
    case 'down':
      return keep(decideDown(choice, event.fate, nowMonoMs, stableMs));
    case 'silent':
    case 'stopping':
      if (choice.phase !== 'up' || choice.leaving !== undefined || choice.brokers === 1) return keep(choice);
      return {
        choice: { ...choice, leaving: { why: event.kind } },
        effects: [{ kind: 'leave', why: event.kind, isHeard: event.kind === 'stopping' }],
      };
    case 'return-due':
      if (choice.phase !== 'up' || choice.leaving !== undefined || choice.probing !== undefined) return keep(choice);
      return probeNext(choice, 0, nowMonoMs, random);
    case 'probed':
      return decideProbed(choice, event.broker, event.isWell, nowMonoMs, random);
  }
}

function keep(choice: BrokerChoice): BrokerDecision {
  return { choice, effects: [] };
}

function decideDown(before: BrokerChoice, fate: SessionFate, nowMonoMs: number, stableMs: number): BrokerChoice {
  const { at, probing, leaving } = before;
  const livedMs = nowMonoMs - before.upMonoMs;
  const choice: BrokerChoice = {
    ...before,
    phase: 'away',
    probing: undefined,
    leaving: undefined,
    tried: livedMs >= stableMs ? [] : before.tried,
    failures: livedMs >= stableMs ? 0 : before.failures + 1,
    distrust: livedMs >= TRUST_MS ? replaced(before.distrust, at, 0) : before.distrust,
  };
  if (leaving?.why === 'return') return { ...choice, at: leaving.to, tried: [], failures: 0 };
  // It says itself that it will be back: no fault, but no place to be for now.
  if (leaving?.why === 'stopping') return goOn(shunned(choice, at, nowMonoMs + RETURN_MS), nowMonoMs);
  if (leaving?.why === 'silent' || fate === 'silent') return goOn(blamed(choice, at, nowMonoMs), nowMonoMs);
  if (fate === 'ended') return choice;
  if (probing !== undefined) {
    const signs = (choice.twinSigns[probing] ?? 0) + 1;
    const told = { ...choice, twinSigns: replaced(choice.twinSigns, probing, signs) };
    if (signs >= TWIN_SIGNS_MAX) return shunned(told, probing, nowMonoMs + TWIN_SHUN_MS);
    return blamed(told, probing, nowMonoMs);
  }
  const cut = livedMs >= TRUST_MS ? choice : blamed(choice, at, nowMonoMs);
  return livedMs >= SAME_AGAIN_MS ? cut : goOn(cut, nowMonoMs);
}

function decideProbed(
  choice: BrokerChoice,
  broker: number,
  isWell: boolean,
  nowMonoMs: number,
  random: number,
): BrokerDecision {
  if (choice.probing !== broker) return keep(choice);
  const next: BrokerChoice = { ...choice, probing: undefined, twinSigns: replaced(choice.twinSigns, broker, 0) };
  if (!isWell) return probeNext(next, broker + 1, nowMonoMs, random);
  return {
    choice: { ...next, leaving: { why: 'return', to: broker } },
    effects: [{ kind: 'leave', why: 'return', isHeard: true }],
  };
}

function probeNext(choice: BrokerChoice, from: number, nowMonoMs: number, random: number): BrokerDecision {
  for (let broker = from; broker < choice.at; broker++) {
    if (nowMonoMs < (choice.shunnedUntilMonoMs[broker] ?? 0)) continue;
    return { choice: { ...choice, probing: broker }, effects: [{ kind: 'probe', broker }] };
  }
  return returnLater(choice, random);
}

function returnLater(choice: BrokerChoice, random: number): BrokerDecision {
  if (choice.at === 0) return keep(choice);
  return { choice, effects: [{ kind: 'return-later', delayMs: RETURN_MS + random * RETURN_SPREAD_MS }] };
}

// To the first that was not tried in this round, those that are not shunned before the others.
function goOn(choice: BrokerChoice, nowMonoMs: number): BrokerChoice {
  const all = Array.from({ length: choice.brokers }, (_, broker) => broker);
  const tried = choice.tried.includes(choice.at) ? choice.tried : [...choice.tried, choice.at];
  const left = all.filter((broker) => !tried.includes(broker));
  const [candidates, round] = left.length > 0 ? [left, tried] : [all, []];
  const isShunned = (broker: number) => nowMonoMs < (choice.shunnedUntilMonoMs[broker] ?? 0);
  const at = candidates.find((broker) => !isShunned(broker)) ?? candidates[0] ?? 0;
  return { ...choice, at, tried: round };
}

function blamed(choice: BrokerChoice, broker: number, nowMonoMs: number): BrokerChoice {
  const before = choice.distrust[broker] ?? 0;
  const untilMonoMs = nowMonoMs + Math.min(SHUN_MAX_MS, RETURN_MS * 2 ** Math.min(before, 16));
  return shunned({ ...choice, distrust: replaced(choice.distrust, broker, before + 1) }, broker, untilMonoMs);
}

function shunned(choice: BrokerChoice, broker: number, untilMonoMs: number): BrokerChoice {
  const until = Math.max(choice.shunnedUntilMonoMs[broker] ?? 0, untilMonoMs);
  return { ...choice, shunnedUntilMonoMs: replaced(choice.shunnedUntilMonoMs, broker, until) };
}

function replaced(list: readonly number[], at: number, value: number): readonly number[] {
  return list.map((old, i) => (i === at ? value : old));
}
