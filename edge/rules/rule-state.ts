/** Of an expression: whether it holds, as far as can be known. */
export type Verdict = 'true' | 'false' | 'unknown';

/** What of a rule the state depends on, ms. */
export type RuleTimes = { readonly forMs: number; readonly clearForMs: number; readonly cooldownMs: number };

/** What a rule looks like at one moment. Times of the monotonic clock, ms, unless they say otherwise. */
export type RuleState = {
  readonly isRaised: boolean;
  /** Since when what would change it (raise or clear) has held without a break; undefined: it does not hold. */
  readonly heldSinceMonoMs: number | undefined;
  /** Before this nothing is raised. */
  readonly cooldownUntilMonoMs: number;
  /** Since when the rule cannot tell; undefined: it can. */
  readonly unknownSinceMonoMs: number | undefined;
  readonly isUnknownTold: boolean;
};

export const IDLE_RULE: RuleState = {
  isRaised: false,
  heldSinceMonoMs: undefined,
  cooldownUntilMonoMs: Number.NEGATIVE_INFINITY,
  unknownSinceMonoMs: undefined,
  isUnknownTold: false,
};

export type RuleInput = {
  readonly when: Verdict;
  /** Of the expression of its own; undefined: it clears when `when` is false. */
  readonly clear: Verdict | undefined;
  /** Within its hours. */
  readonly isInForce: boolean;
};

export type RuleEvent =
  | { readonly kind: 'raise' }
  | { readonly kind: 'clear'; readonly why: 'over' | 'schedule' }
  /** It has not been able to tell for a while; and it can again. */
  | { readonly kind: 'unknown' }
  | { readonly kind: 'known' };

/** A lost sample or a camera that restarts is not worth a word; longer than this is. */
export const UNKNOWN_TOLD_AFTER_MS = 30_000;

/**
 * One look at a rule. What is unknown changes nothing: it raises nothing (what was held so far counts from anew, since
 * "for ten minutes" is a promise), it clears nothing (an open alert stays), and after a while it is told.
 */
export function stepRule(
  state: RuleState,
  input: RuleInput,
  nowMonoMs: number,
  times: RuleTimes,
): { readonly state: RuleState; readonly events: readonly RuleEvent[] } {
  const noted = noteUnknown(state, input, nowMonoMs);
  const changed = noted.state.isRaised
    ? stepRaised(noted.state, input, nowMonoMs, times)
    : stepIdle(noted.state, input, nowMonoMs, times);
  return { state: changed.state, events: [...noted.events, ...changed.events] };
}

type Step = { readonly state: RuleState; readonly events: readonly RuleEvent[] };

function stepIdle(state: RuleState, { when, isInForce }: RuleInput, nowMonoMs: number, times: RuleTimes): Step {
  if (!isInForce || when !== 'true') return { state: { ...state, heldSinceMonoMs: undefined }, events: [] };
  const since = state.heldSinceMonoMs ?? nowMonoMs;
  const isDue = nowMonoMs - since >= times.forMs && nowMonoMs >= state.cooldownUntilMonoMs;
  if (!isDue) return { state: { ...state, heldSinceMonoMs: since }, events: [] };
  return { state: { ...state, isRaised: true, heldSinceMonoMs: undefined }, events: [{ kind: 'raise' }] };
}

function stepRaised(state: RuleState, input: RuleInput, nowMonoMs: number, times: RuleTimes): Step {
  const cleared = (why: 'over' | 'schedule'): Step => ({
    state: {
      ...state,
      isRaised: false,
      heldSinceMonoMs: undefined,
      cooldownUntilMonoMs: nowMonoMs + times.cooldownMs,
    },
    events: [{ kind: 'clear', why }],
  });
  if (!input.isInForce) return cleared('schedule');
  // A band that was written the wrong way round (both hold) would raise and clear by turns.
  const isOver = input.clear === undefined ? input.when === 'false' : input.clear === 'true' && input.when !== 'true';
  if (!isOver) return { state: { ...state, heldSinceMonoMs: undefined }, events: [] };
  const since = state.heldSinceMonoMs ?? nowMonoMs;
  if (nowMonoMs - since >= times.clearForMs) return cleared('over');
  return { state: { ...state, heldSinceMonoMs: since }, events: [] };
}

function noteUnknown(state: RuleState, input: RuleInput, nowMonoMs: number): Step {
  if (!cannotTell(state, input)) {
    const events: RuleEvent[] = state.isUnknownTold ? [{ kind: 'known' }] : [];
    return { state: { ...state, unknownSinceMonoMs: undefined, isUnknownTold: false }, events };
  }
  const since = state.unknownSinceMonoMs ?? nowMonoMs;
  const isNews = !state.isUnknownTold && nowMonoMs - since >= UNKNOWN_TOLD_AFTER_MS;
  return {
    state: { ...state, unknownSinceMonoMs: since, isUnknownTold: state.isUnknownTold || isNews },
    events: isNews ? [{ kind: 'unknown' }] : [],
  };
}

// What does not matter at present (whether it clears, of a rule that is not raised) may be unknown without a word.
function cannotTell({ isRaised }: RuleState, { when, clear, isInForce }: RuleInput): boolean {
  if (!isInForce) return false;
  if (!isRaised || clear === undefined) return when === 'unknown';
  return clear === 'unknown' && when !== 'true';
}
