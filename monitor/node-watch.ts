import { addEvidence, closeIncident, type IncidentNotes, openIncident } from './incident.js';
import type { RosterTimings } from './timings.js';

/** What the monitor believes of a node. `acting`, `verifying` and `quarantined` come with the restarter. */
export type NodeState = 'unknown' | 'up' | 'stopped' | 'suspect' | 'confirmed';

/** Everything the monitor remembers of one node. Times are of the monitor's monotonic clock. */
export type NodeWatch = {
  readonly node: string;
  readonly state: NodeState;
  /** Highest generation seen; 0 before the first. */
  readonly gen: number;
  /** Highest generation known to be over: no birth brings it or a lower one back. */
  readonly burntGen: number;
  /** Invocation of `gen`, when known. */
  readonly inv: string | undefined;
  /** Silence is counted from here: the last proof of life, or the end of settling. */
  readonly silentFromMonoMs: number;
  /** The last proof of life; undefined before the first. */
  readonly provenMonoMs: number | undefined;
  /** Grace is counted from here while the node is suspect. */
  readonly suspectFromMonoMs: number;
  /** Held back by a mass incident: stays suspect. */
  readonly held: boolean;
  /** Recent births, oldest first, for the flap rule. */
  readonly births: readonly { readonly atMonoMs: number; readonly inv: string }[];
  /** Two processes share the identity; not confirmed until this time. */
  readonly duplicateUntilMonoMs: number;
  /** Heartbeats of a generation that should be over. */
  readonly witness: Witness | undefined;
  readonly incident: IncidentNotes | undefined;
};

type Witness = {
  readonly gen: number;
  readonly inv: string;
  readonly seq: number;
  readonly count: number;
  readonly sinceMonoMs: number;
};

export type NodeEvent =
  | {
      readonly kind: 'birth' | 'stop' | 'death';
      readonly gen: number;
      readonly inv: string;
      readonly retained: boolean;
    }
  /** A death that says nothing about now: the generation is over, its silence is left to speak. */
  | { readonly kind: 'burn'; readonly gen: number }
  | { readonly kind: 'beat'; readonly gen: number; readonly inv: string; readonly seq: number }
  /** Time has passed. `deciding` is false while the monitor is blind or settles. */
  | { readonly kind: 'check'; readonly deciding: boolean }
  /** What was seen before `fromMonoMs` says nothing: all ages restart there. */
  | { readonly kind: 'restart-ages'; readonly fromMonoMs: number; readonly why: string }
  | { readonly kind: 'hold' | 'release' };

/** What the loop is to do or tell. `rule` names the rule of the roster it follows from. */
export type NodeEffect =
  | { readonly kind: 'state'; readonly from: NodeState; readonly to: NodeState; readonly rule: string }
  | { readonly kind: 'incident' }
  | { readonly kind: 'note'; readonly note: NodeNote; readonly rule: string };

export type NodeNote = 'stale-will' | 'stale-birth' | 'duplicate-identity' | 'generation-reset' | 'burnt-generation';

export type NodeStep = { readonly watch: NodeWatch; readonly effects: readonly NodeEffect[] };

/** Heartbeats that outvote a generation: a delayed one or two may be from before its end, three in a row are alive. */
const WITNESS_BEATS = 3;
/** Births remembered per node: twice what the flap rule needs to decide. */
const BIRTHS_KEPT = 10;

export function newWatch(node: string, nowMonoMs: number): NodeWatch {
  return {
    node,
    state: 'unknown',
    gen: 0,
    burntGen: 0,
    inv: undefined,
    silentFromMonoMs: nowMonoMs,
    provenMonoMs: undefined,
    suspectFromMonoMs: nowMonoMs,
    held: false,
    births: [],
    duplicateUntilMonoMs: Number.NEGATIVE_INFINITY,
    witness: undefined,
    incident: undefined,
  };
}

/** What one event makes of one node. Pure; the reducer of the roster's per-node state machine. */
export function reduceNode(watch: NodeWatch, event: NodeEvent, nowMonoMs: number, timings: RosterTimings): NodeStep {
  switch (event.kind) {
    case 'birth':
      return event.retained ? onRetainedBirth(watch, event, nowMonoMs) : onBirth(watch, event, nowMonoMs, timings);
    case 'stop':
      return onStop(watch, event, nowMonoMs);
    case 'death':
      return onDeath(watch, event, nowMonoMs);
    case 'burn':
      return isOver(watch, event.gen) ? unchanged(watch) : awaitNews(burn(watch, event.gen), nowMonoMs);
    case 'beat':
      return onBeat(watch, event, nowMonoMs);
    case 'check':
      return event.deciding ? onCheck(watch, nowMonoMs, timings) : unchanged(watch);
    case 'restart-ages':
      return restartAges(watch, event, nowMonoMs);
    case 'hold':
      return note({ ...watch, held: true }, 'held back: too many nodes turned suspect together', nowMonoMs);
    case 'release':
      return note({ ...watch, held: false }, 'released from the mass incident', nowMonoMs);
  }
}

type Generation = { readonly gen: number; readonly inv: string };

// M1. A retransmitted birth of an earlier session must not bring that session back.
function onBirth(watch: NodeWatch, birth: Generation, nowMonoMs: number, timings: RosterTimings): NodeStep {
  const seen = rememberBirth(watch, birth.inv, nowMonoMs, timings);
  if (isOver(watch, birth.gen)) return withNote(seen, 'stale-birth', 'M1');
  const alive = prove({ ...seen, gen: birth.gen, inv: birth.inv }, `birth of generation ${birth.gen}`, nowMonoMs, 'M1');
  return flagDuplicate(alive, watch, nowMonoMs, timings);
}

// M3. Retained: it may be older than the broker's last crash. It tells the generation and proves nothing.
function onRetainedBirth(watch: NodeWatch, birth: Generation, nowMonoMs: number): NodeStep {
  if (isOver(watch, birth.gen) || birth.gen === watch.gen) return unchanged(watch);
  return awaitNews({ ...watch, gen: birth.gen, inv: birth.inv }, nowMonoMs);
}

// A stopped node that was started again while nobody looked: from now on its silence counts.
function awaitNews(watch: NodeWatch, nowMonoMs: number): NodeStep {
  if (watch.state !== 'stopped') return unchanged(watch);
  return enter({ ...watch, silentFromMonoMs: Math.max(watch.silentFromMonoMs, nowMonoMs) }, 'unknown', 'M3', []);
}

function onStop(watch: NodeWatch, stop: Generation, nowMonoMs: number): NodeStep {
  if (isOver(watch, stop.gen))
    return watch.state === 'stopped' ? unchanged(watch) : withNote(watch, 'stale-will', 'M2');
  const over = { ...burn(watch, stop.gen), inv: stop.inv };
  const closed = settleIncident(over, 'stopped on purpose', nowMonoMs);
  return enter(closed.watch, 'stopped', 'M2', closed.effects);
}

// M2. A will says that one session ended, not that the node is dead.
function onDeath(watch: NodeWatch, death: Generation & { readonly retained: boolean }, nowMonoMs: number): NodeStep {
  if (isOver(watch, death.gen)) return withNote(watch, 'stale-will', 'M2');
  const isUnborn = death.gen > watch.gen;
  const over = burn(watch, death.gen);
  if (over.state === 'suspect' || over.state === 'confirmed') {
    return note(over, `will of generation ${death.gen}`, nowMonoMs);
  }
  const how = death.retained ? 'retained will' : 'will';
  const what = `${how} of generation ${death.gen}${isUnborn ? ', whose birth was never seen' : ''}`;
  const suspect = suspectNow(over, isUnborn ? 'burnt-generation' : 'will', what, nowMonoMs, 'M2');
  return isUnborn ? { ...suspect, effects: [noteEffect('burnt-generation', 'M2'), ...suspect.effects] } : suspect;
}

// M3.
function onBeat(watch: NodeWatch, beat: Generation & { readonly seq: number }, nowMonoMs: number): NodeStep {
  if (isOver(watch, beat.gen)) return onWitness(watch, beat, nowMonoMs);
  const named = { ...watch, gen: beat.gen, inv: beat.inv, witness: undefined };
  return prove(named, `heartbeat ${beat.seq} of generation ${beat.gen}`, nowMonoMs, 'M3');
}

/**
 * A heartbeat of a generation that is over was under way when that session ended, or the node counts anew: its disk
 * and the broker's memory were both lost, or somebody else wrote its will. What goes on beating is alive.
 */
function onWitness(watch: NodeWatch, beat: Generation & { readonly seq: number }, nowMonoMs: number): NodeStep {
  const before = watch.witness;
  const isSame = before !== undefined && before.gen === beat.gen && before.inv === beat.inv;
  if (isSame && beat.seq <= before.seq) return unchanged(watch);
  const witness = {
    gen: beat.gen,
    inv: beat.inv,
    seq: beat.seq,
    count: isSame ? before.count + 1 : 1,
    sinceMonoMs: isSame ? before.sinceMonoMs : nowMonoMs,
  };
  // While the higher generation goes on proving its life, this is a second process with its name.
  const isOtherAlive = watch.provenMonoMs !== undefined && watch.provenMonoMs >= witness.sinceMonoMs;
  if (isOtherAlive) return unchanged({ ...watch, witness: { ...witness, count: 1, sinceMonoMs: nowMonoMs } });
  if (witness.count < WITNESS_BEATS) return unchanged({ ...watch, witness });
  const reset = { ...watch, gen: beat.gen, burntGen: beat.gen - 1, inv: beat.inv, witness: undefined };
  const what = `${witness.count} heartbeats of generation ${beat.gen}, thought to be over`;
  const step = prove(reset, what, nowMonoMs, 'M3');
  return { ...step, effects: [noteEffect('generation-reset', 'M3'), ...step.effects] };
}

function onCheck(watch: NodeWatch, nowMonoMs: number, timings: RosterTimings): NodeStep {
  const silentMs = nowMonoMs - watch.silentFromMonoMs;
  if ((watch.state === 'up' || watch.state === 'unknown') && silentMs >= timings.leaseMs) {
    // M4 for a node that was heard, M5 for one that is only listed.
    return watch.provenMonoMs === undefined
      ? suspectNow(watch, 'inventory', `listed, not heard for ${seconds(silentMs)}`, nowMonoMs, 'M5')
      : suspectNow(watch, 'silence', `no heartbeat for ${seconds(silentMs)}`, nowMonoMs, 'M4');
  }
  if (watch.state !== 'suspect' || watch.held || nowMonoMs < watch.duplicateUntilMonoMs) return unchanged(watch);
  const suspectMs = nowMonoMs - watch.suspectFromMonoMs;
  if (suspectMs < timings.graceMs) return unchanged(watch);
  const confirmed = note(watch, `suspect for ${seconds(suspectMs)}, grace is over`, nowMonoMs);
  return enter(confirmed.watch, 'confirmed', 'M8', confirmed.effects);
}

// M6.
function restartAges(
  watch: NodeWatch,
  event: { readonly fromMonoMs: number; readonly why: string },
  nowMonoMs: number,
): NodeStep {
  const moved = {
    ...watch,
    silentFromMonoMs: Math.max(watch.silentFromMonoMs, event.fromMonoMs),
    suspectFromMonoMs: Math.max(watch.suspectFromMonoMs, event.fromMonoMs),
  };
  return watch.state === 'suspect' ? note(moved, `ages restart: ${event.why}`, nowMonoMs) : unchanged(moved);
}

function isOver(watch: NodeWatch, gen: number): boolean {
  return gen < watch.gen || gen <= watch.burntGen;
}

function burn(watch: NodeWatch, gen: number): NodeWatch {
  return { ...watch, gen: Math.max(watch.gen, gen), burntGen: Math.max(watch.burntGen, gen) };
}

function prove(watch: NodeWatch, what: string, nowMonoMs: number, rule: string): NodeStep {
  const alive = {
    ...watch,
    provenMonoMs: nowMonoMs,
    silentFromMonoMs: Math.max(watch.silentFromMonoMs, nowMonoMs),
    held: false,
  };
  const closed = settleIncident(alive, what, nowMonoMs);
  return enter(closed.watch, 'up', rule, closed.effects);
}

function suspectNow(watch: NodeWatch, cause: string, what: string, nowMonoMs: number, rule: string): NodeStep {
  const suspect = {
    ...watch,
    // `silentFrom` may lie ahead, at the end of settling: grace then starts there too.
    suspectFromMonoMs: Math.max(nowMonoMs, watch.silentFromMonoMs),
    witness: undefined,
    incident: openIncident(cause, what, nowMonoMs),
  };
  return enter(suspect, 'suspect', rule, []);
}

function enter(watch: NodeWatch, to: NodeState, rule: string, before: readonly NodeEffect[]): NodeStep {
  if (watch.state === to) return { watch, effects: before };
  const effects: NodeEffect[] = [{ kind: 'state', from: watch.state, to, rule }, ...before];
  if (to === 'suspect' || to === 'confirmed') effects.push({ kind: 'incident' });
  return { watch: { ...watch, state: to }, effects };
}

function settleIncident(watch: NodeWatch, what: string, nowMonoMs: number): NodeStep {
  if (watch.incident === undefined || watch.incident.closedMonoMs !== undefined) return unchanged(watch);
  return {
    watch: { ...watch, incident: closeIncident(watch.incident, what, nowMonoMs) },
    effects: [{ kind: 'incident' }],
  };
}

// Adds to an open incident without publishing it: the next change of state carries it.
function note(watch: NodeWatch, what: string, nowMonoMs: number): NodeStep {
  if (watch.incident === undefined || watch.incident.closedMonoMs !== undefined) return unchanged(watch);
  return unchanged({ ...watch, incident: addEvidence(watch.incident, what, nowMonoMs) });
}

function rememberBirth(watch: NodeWatch, inv: string, nowMonoMs: number, timings: RosterTimings): NodeWatch {
  const recent = watch.births.filter((birth) => nowMonoMs - birth.atMonoMs < timings.flapWindowMs);
  return { ...watch, births: [...recent, { atMonoMs: nowMonoMs, inv }].slice(-BIRTHS_KEPT) };
}

// M12. A crash loop has a new invocation every time; only two living processes take turns.
function flagDuplicate(step: NodeStep, before: NodeWatch, nowMonoMs: number, timings: RosterTimings): NodeStep {
  const { births } = step.watch;
  if (births.length <= timings.flapBirthsMax || !hasAlternation(births.map((birth) => birth.inv))) return step;
  const watch = { ...step.watch, duplicateUntilMonoMs: nowMonoMs + timings.flapWindowMs };
  if (nowMonoMs < before.duplicateUntilMonoMs) return { watch, effects: step.effects };
  const names = [...new Set(births.map((birth) => birth.inv))].join(', ');
  const what = `${births.length} births within ${seconds(timings.flapWindowMs)}, by turns of ${names}`;
  const incident = openIncident('duplicate-identity', what, nowMonoMs);
  const effects = [...step.effects, noteEffect('duplicate-identity', 'M12'), { kind: 'incident' as const }];
  return { watch: { ...watch, incident }, effects };
}

/** True if a value comes back after another one: A B A. */
export function hasAlternation(values: readonly string[]): boolean {
  const over = new Set<string>();
  let last: string | undefined;
  for (const value of values) {
    if (value === last) continue;
    if (over.has(value)) return true;
    if (last !== undefined) over.add(last);
    last = value;
  }
  return false;
}

function unchanged(watch: NodeWatch): NodeStep {
  return { watch, effects: [] };
}

function withNote(watch: NodeWatch, name: NodeNote, rule: string): NodeStep {
  return { watch, effects: [noteEffect(name, rule)] };
}

function noteEffect(name: NodeNote, rule: string): NodeEffect {
  return { kind: 'note', note: name, rule };
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
