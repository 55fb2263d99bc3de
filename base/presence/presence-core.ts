/** What the own status topic says, as far as the decision needs it. */
export type SeenStatus = { readonly state: 'online' | 'stopped' | 'lost'; readonly gen: number; readonly sid: string };

export type PresenceState = {
  readonly phase: 'down' | 'up' | 'stopped';
  /** Identity of the current or last session; gen 0 before the first. */
  readonly gen: number;
  readonly sid: string;
  /** No session may take a generation at or below this one. */
  readonly genFloor: number;
  /** Sessions accepted since the start. */
  readonly sessions: number;
  readonly lastBirthMonoMs: number | undefined;
  readonly isBirthDue: boolean;
  readonly lastBurnMonoMs: number | undefined;
  readonly isBurnDue: boolean;
  /** When the broker cut an accepted session and nothing but another holder of our id explains it. */
  readonly evictionsMonoMs: readonly number[];
  /** There were too many evictions: what the broker has kept of our status says whether somebody took our place. */
  readonly isContested: boolean;
  /** Broker epochs at the last complete seeding, by broker; undefined when the next session must seed anew. */
  readonly seededEpochs: Epochs | undefined;
  /** Broker epochs seen in this session. */
  readonly sessionEpochs: Epochs;
  /** This session has asked for a republish already. */
  readonly isReseeded: boolean;
  readonly isEpochWindowOver: boolean;
};

type Epochs = Readonly<Record<string, string>>;

export type PresenceEvent =
  | { readonly kind: 'prepared'; readonly gen: number; readonly sid: string }
  | { readonly kind: 'up' }
  | { readonly kind: 'down'; readonly byPeer: boolean }
  | { readonly kind: 'attempt-failed' }
  | { readonly kind: 'own-status'; readonly status: SeenStatus }
  | { readonly kind: 'own-status-cleared' }
  /** What the broker has retained of the own status while contested, before the next session; undefined: nothing. */
  | { readonly kind: 'status-looked-up'; readonly status: SeenStatus | undefined }
  | {
      readonly kind: 'broker-epoch';
      readonly broker: string;
      readonly epoch: string;
      readonly state: 'up' | 'stopping';
    }
  | { readonly kind: 'epoch-window-over' }
  | { readonly kind: 'birth-due' }
  | { readonly kind: 'burn-due' }
  /** The link goes to another broker; this one still takes a last word. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'stop' };

export type PresenceEffect =
  /** Publish the birth of this session. */
  | { readonly kind: 'birth' }
  | { readonly kind: 'birth-later'; readonly delayMs: number }
  /** End this session and take a new generation. */
  | { readonly kind: 'renew'; readonly why: string }
  | { readonly kind: 'renew-later'; readonly delayMs: number }
  /** Publish all retained documents; spread over `spreadMs`. */
  | { readonly kind: 'republish'; readonly spreadMs: number }
  | { readonly kind: 'open-epoch-window'; readonly delayMs: number }
  | { readonly kind: 'hold-off'; readonly delayMs: number }
  | { readonly kind: 'stopped' }
  /** Say at this broker that we are not here any more. */
  | { readonly kind: 'left' }
  | {
      readonly kind: 'report';
      readonly what: 'older-status' | 'dead-generation' | 'newer-generation' | 'duplicate-identity';
    };

export type Decision = { readonly state: PresenceState; readonly effects: readonly PresenceEffect[] };

/** Two births are at least this far apart, so that two writers of one topic cannot make a storm. */
export const BIRTH_GAP_MS = 1_000;
/** Rule N6: a burnt generation is renewed at most once in this time. */
export const RENEW_GAP_MS = 10_000;
/** Retained epochs arrive within a round trip of SUBACK; 2 s is that on a bad radio link. */
export const EPOCH_WINDOW_MS = 2_000;
/** Rule N9: a fleet that meets a fresh broker spreads over this. */
export const RESEED_SPREAD_MS = 5_000;
/** Clones of one card evict each other for ever: 50 connects in 5 s were measured. Three in a minute are enough. */
export const EVICTIONS_MAX = 3;
export const EVICTION_WINDOW_MS = 60_000;
export const EVICTION_HOLD_MS = 60_000;
/** Generations beyond this are not ours: one per second would take 140 million years. */
const GEN_PLAUSIBLE_MAX = 2 ** 52;

export const INITIAL_PRESENCE: PresenceState = {
  phase: 'down',
  gen: 0,
  sid: '',
  genFloor: 0,
  sessions: 0,
  lastBirthMonoMs: undefined,
  isBirthDue: false,
  lastBurnMonoMs: undefined,
  isBurnDue: false,
  evictionsMonoMs: [],
  isContested: false,
  seededEpochs: undefined,
  sessionEpochs: {},
  isReseeded: false,
  isEpochWindowOver: false,
};

/**
 * What a node does about its own presence: rules N3 to N9 of supervision as a pure state machine.
 * @param nowMonoMs monotonic clock.
 */
export function decidePresence(state: PresenceState, event: PresenceEvent, nowMonoMs: number): Decision {
  switch (event.kind) {
    case 'prepared':
      return keep({ ...state, gen: event.gen, sid: event.sid, genFloor: Math.max(state.genFloor, event.gen) });
    case 'up':
      return decideUp(state, nowMonoMs);
    case 'down':
      return decideDown(state, event.byPeer, nowMonoMs);
    case 'attempt-failed':
      // A broker that was away explains the cut; a clone's broker is always there.
      return keep({ ...state, evictionsMonoMs: state.evictionsMonoMs.slice(0, -1) });
    case 'own-status':
      return decideOwnStatus(state, event.status, nowMonoMs);
    case 'own-status-cleared':
      return state.phase === 'up' ? birth(state, nowMonoMs) : keep(state);
    case 'status-looked-up':
      return decideContest(state, event.status);
    case 'broker-epoch':
      return decideBrokerEpoch(state, event.broker, event.epoch, event.state);
    case 'epoch-window-over':
      return decideEpochWindowOver(state);
    case 'birth-due':
      if (state.phase !== 'up' || !state.isBirthDue) return keep(state);
      return birth({ ...state, isBirthDue: false, lastBirthMonoMs: undefined }, nowMonoMs);
    case 'burn-due':
      if (state.phase !== 'up' || !state.isBurnDue) return keep(state);
      return renewNow(state, nowMonoMs, 'generation is burnt');
    case 'leave':
      // Down from here on: the echo of our own last word must not look like the death of our generation.
      return state.phase === 'up' ? { state: { ...state, phase: 'down' }, effects: [{ kind: 'left' }] } : keep(state);
    case 'stop':
      if (state.phase === 'stopped') return keep(state);
      return { state: { ...state, phase: 'stopped' }, effects: state.phase === 'up' ? [{ kind: 'stopped' }] : [] };
  }
}

function keep(state: PresenceState): Decision {
  return { state, effects: [] };
}

function decideUp(state: PresenceState, nowMonoMs: number): Decision {
  if (state.phase === 'stopped') return keep(state);
  const isFirst = state.sessions === 0;
  const next: PresenceState = {
    ...state,
    phase: 'up',
    sessions: state.sessions + 1,
    lastBirthMonoMs: nowMonoMs,
    isBirthDue: false,
    isBurnDue: false,
    sessionEpochs: {},
    isReseeded: isFirst,
    isEpochWindowOver: false,
  };
  const effects: PresenceEffect[] = [{ kind: 'birth' }, { kind: 'open-epoch-window', delayMs: EPOCH_WINDOW_MS }];
  if (isFirst) effects.push({ kind: 'republish', spreadMs: 0 });
  return { state: next, effects };
}

function decideDown(state: PresenceState, byPeer: boolean, nowMonoMs: number): Decision {
  const recent = state.evictionsMonoMs.filter((atMonoMs) => nowMonoMs - atMonoMs < EVICTION_WINDOW_MS);
  const evictions = byPeer ? [...recent, nowMonoMs] : recent;
  const isContested = evictions.length >= EVICTIONS_MAX;
  // Its epoch is what it was: this broker lived all the while.
  const isSameBroker = Object.keys(state.sessionEpochs).length > 0;
  const next: PresenceState = {
    ...state,
    phase: state.phase === 'stopped' ? 'stopped' : 'down',
    isBirthDue: false,
    isBurnDue: false,
    evictionsMonoMs: isContested ? [] : evictions,
    isContested: isContested && !isSameBroker,
    // A session that ended before it knew its broker may have left documents in another one.
    seededEpochs: state.isEpochWindowOver ? state.seededEpochs : undefined,
  };
  return isContested && isSameBroker ? yieldTo(next) : keep(next);
}

/*
 * A broker that tells no epoch has cut us off again and again. If it lived, it has published our will, or somebody's birth
 * after it, or, now that looking has cut that one off, somebody's will. If it was killed, it has nothing, or what a file
 * kept: our birth, whose will nobody published, or a word of an earlier life, whose generation was lower.
 */
function decideContest(state: PresenceState, status: SeenStatus | undefined): Decision {
  const isOther = status !== undefined && (status.state === 'lost' || status.gen > state.gen);
  const next = { ...state, isContested: false };
  return isOther ? yieldTo(next) : keep(next);
}

function yieldTo(state: PresenceState): Decision {
  return {
    state,
    effects: [
      { kind: 'report', what: 'duplicate-identity' },
      { kind: 'hold-off', delayMs: EVICTION_HOLD_MS },
    ],
  };
}

function decideOwnStatus(state: PresenceState, status: SeenStatus, nowMonoMs: number): Decision {
  if (state.phase !== 'up' || status.gen > GEN_PLAUSIBLE_MAX) return keep(state);
  if (status.gen < state.gen) return withReport(birth(state, nowMonoMs), 'older-status');
  if (status.gen > state.gen) {
    const raised = { ...state, genFloor: Math.max(state.genFloor, status.gen) };
    return withReport(renew(raised, nowMonoMs, 'a newer generation exists'), 'newer-generation');
  }
  const isMine = status.sid === state.sid && status.state === 'online';
  if (isMine) return keep(state);
  return withReport(renew(state, nowMonoMs, 'generation is burnt'), 'dead-generation');
}

function decideBrokerEpoch(
  state: PresenceState,
  broker: string,
  epoch: string,
  brokerState: 'up' | 'stopping',
): Decision {
  if (state.phase !== 'up' || brokerState === 'stopping') return keep(state);
  const known = state.sessionEpochs[broker] ?? state.seededEpochs?.[broker];
  const isChanged = known !== undefined && known !== epoch;
  const next: PresenceState = {
    ...state,
    sessionEpochs: { ...state.sessionEpochs, [broker]: epoch },
    // A broker that started anew has cut everybody's session: no sign of a clone.
    evictionsMonoMs: isChanged ? [] : state.evictionsMonoMs,
  };
  if (state.isEpochWindowOver) {
    const seeded = { ...next, seededEpochs: next.sessionEpochs };
    return isChanged ? { state: seeded, effects: [reseed()] } : keep(seeded);
  }
  if (!isChanged || state.isReseeded) return keep(next);
  return { state: { ...next, isReseeded: true }, effects: [reseed()] };
}

function decideEpochWindowOver(state: PresenceState): Decision {
  if (state.phase !== 'up' || state.isEpochWindowOver) return keep(state);
  const next = { ...state, isEpochWindowOver: true, seededEpochs: state.sessionEpochs };
  // A broker that does not tell its epoch (Mosquitto) may have been wiped in between: seed it after every reconnect.
  const isTold = Object.keys(state.sessionEpochs).length > 0;
  const isSame = isTold && sameEpochs(state.sessionEpochs, state.seededEpochs ?? {});
  // A session that lasts at another broker: what cut the ones before was that broker, not a clone.
  if (isTold && !isSame) next.evictionsMonoMs = [];
  if (state.isReseeded || isSame) return keep(next);
  return { state: { ...next, isReseeded: true }, effects: [reseed()] };
}

function reseed(): PresenceEffect {
  return { kind: 'republish', spreadMs: RESEED_SPREAD_MS };
}

function sameEpochs(a: Epochs, b: Epochs): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

function birth(state: PresenceState, nowMonoMs: number): Decision {
  if (state.isBirthDue || state.isBurnDue) return keep(state);
  const sinceMs = state.lastBirthMonoMs === undefined ? BIRTH_GAP_MS : nowMonoMs - state.lastBirthMonoMs;
  if (sinceMs >= BIRTH_GAP_MS) {
    return { state: { ...state, lastBirthMonoMs: nowMonoMs }, effects: [{ kind: 'birth' }] };
  }
  return {
    state: { ...state, isBirthDue: true },
    effects: [{ kind: 'birth-later', delayMs: BIRTH_GAP_MS - sinceMs }],
  };
}

function renew(state: PresenceState, nowMonoMs: number, why: string): Decision {
  if (state.isBurnDue) return keep(state);
  const sinceMs = state.lastBurnMonoMs === undefined ? RENEW_GAP_MS : nowMonoMs - state.lastBurnMonoMs;
  if (sinceMs >= RENEW_GAP_MS) return renewNow(state, nowMonoMs, why);
  return {
    state: { ...state, isBurnDue: true },
    effects: [{ kind: 'renew-later', delayMs: RENEW_GAP_MS - sinceMs }],
  };
}

function renewNow(state: PresenceState, nowMonoMs: number, why: string): Decision {
  return {
    // Stays due until the session is down, so that echoes of the same death do not renew twice.
    state: { ...state, isBurnDue: true, lastBurnMonoMs: nowMonoMs },
    effects: [{ kind: 'renew', why }],
  };
}

function withReport(decision: Decision, what: 'older-status' | 'dead-generation' | 'newer-generation'): Decision {
  if (decision.effects.length === 0) return decision;
  return { ...decision, effects: [{ kind: 'report', what }, ...decision.effects] };
}
