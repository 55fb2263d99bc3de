import { backoffDelayMs } from '../../base/backoff.js';
import {
  type BrokerChoice,
  type BrokerEffect,
  type BrokerEvent,
  decideBroker,
  initialChoice,
  RETURN_MS,
  RETURN_SPREAD_MS,
  SHUN_MAX_MS,
  TWIN_SIGNS_MAX,
} from '../../base/link/broker-choice.js';
import { DEFAULT_LINK_LIMITS } from '../../base/link/link-limits.js';
import { Random } from '../../base/random.js';

/** How a broker behaves for a while. `drops`: it ends every session after `dropsAfterMs`. */
type Mood =
  | { readonly kind: 'well' | 'refuses' | 'deaf' | 'silent' | 'stopped' }
  | { readonly kind: 'drops'; readonly dropsAfterMs: number };

type Phase = { readonly fromMs: number; readonly mood: Mood };
type Pending = { readonly atMs: number; readonly what: () => void };

export type WorldResult = {
  readonly violations: readonly string[];
  readonly sessions: number;
  readonly switches: number;
  readonly faults: number;
  /** Longest time without a session while some broker was well all the time. */
  readonly longestOutageMs: number;
};

const DAY_MS = 24 * 3_600_000;
/** All brokers are well for this long at the end. */
const QUIET_MS = 2 * SHUN_MAX_MS;
const { connectTimeoutMs, reconnectFirstMs, reconnectMaxMs, stableMs, pubackSilenceMs } = DEFAULT_LINK_LIMITS;
const PROBE_HOLD_MS = 2_000;
const ROUND_TRIP_MS = 20;

/** Brokers with moods from a seed, and a link of which only the loop is modelled: what is decided is the real thing. */
export class BrokerWorld {
  readonly #random: Random;
  readonly #moods: readonly (readonly Phase[])[];
  readonly #violations: string[] = [];
  #pending: Pending[] = [];
  #nowMs = 0;
  #choice: BrokerChoice;
  #session: { readonly broker: number; readonly id: number } | undefined;
  #sessions = 0;
  #switches = 0;
  #lastAt: number | undefined;
  #outageSinceMs = 0;
  #longestOutageMs = 0;
  #isProbing = false;
  #cancelReturn = 0;

  constructor(seed: number) {
    this.#random = new Random(`brokers ${seed}`);
    const brokers = 2 + this.#random.int(3);
    this.#moods = Array.from({ length: brokers }, () => this.#makeMoods());
    this.#choice = initialChoice(brokers);
  }

  run(): WorldResult {
    this.#attempt();
    const endMs = DAY_MS + QUIET_MS;
    for (;;) {
      const next = this.#takeNext();
      if (next === undefined || next.atMs > endMs) break;
      this.#nowMs = next.atMs;
      next.what();
    }
    this.#nowMs = endMs;
    const isTakenForTwin = this.#choice.twinSigns.some((signs) => signs >= TWIN_SIGNS_MAX);
    if (this.#session?.broker !== 0 && !isTakenForTwin)
      this.#violate(`ends at broker ${this.#session?.broker} though the first is well`);
    this.#checkSwitches();
    return {
      violations: this.#violations,
      sessions: this.#sessions,
      switches: this.#switches,
      faults: this.#faults,
      longestOutageMs: this.#longestOutageMs,
    };
  }

  get #faults(): number {
    return this.#moods.reduce((sum, phases) => sum + phases.filter(({ mood }) => mood.kind !== 'well').length, 0);
  }

  // One broker in four is rotten all day; the others fall ill now and then.
  #makeMoods(): Phase[] {
    const random = this.#random;
    const phases: Phase[] = [{ fromMs: 0, mood: { kind: 'well' } }];
    const isRotten = random.chance(0.25);
    for (let atMs = 0; atMs < DAY_MS; ) {
      atMs += isRotten ? random.range(1_000, 300_000) : random.range(60_000, DAY_MS / 2);
      if (atMs >= DAY_MS) break;
      phases.push({ fromMs: atMs, mood: this.#makeMood() });
      atMs += random.chance(0.5) ? random.range(100, 60_000) : random.range(1_000, 2 * 3_600_000);
      phases.push({ fromMs: Math.min(atMs, DAY_MS), mood: { kind: 'well' } });
    }
    return phases;
  }

  #makeMood(): Mood {
    const random = this.#random;
    const kind = random.pick(['refuses', 'deaf', 'silent', 'stopped', 'drops'] as const);
    return kind === 'drops' ? { kind, dropsAfterMs: 10 ** random.range(1, 5.5) } : { kind };
  }

  #moodOf(broker: number, atMs = this.#nowMs): Mood {
    return this.#moods[broker]?.findLast(({ fromMs }) => fromMs <= atMs)?.mood ?? { kind: 'refuses' };
  }

  #later(delayMs: number, what: () => void): void {
    this.#pending.push({ atMs: this.#nowMs + delayMs, what });
  }

  #takeNext(): Pending | undefined {
    const next = this.#pending.reduce<Pending | undefined>(
      (best, one) => (best === undefined || one.atMs < best.atMs ? one : best),
      undefined,
    );
    this.#pending = this.#pending.filter((one) => one !== next);
    return next;
  }

  #take(event: BrokerEvent): void {
    const decided = decideBroker(this.#choice, event, this.#nowMs, stableMs, this.#random.next());
    this.#choice = decided.choice;
    for (const effect of decided.effects) this.#perform(effect);
  }

  #perform(effect: BrokerEffect): void {
    if (effect.kind === 'leave') {
      if (this.#session === undefined) this.#violate('leaves without a session');
      const id = this.#session?.id;
      this.#later(effect.isHeard ? ROUND_TRIP_MS : 0, () => this.#end(id, 'ended'));
    } else if (effect.kind === 'probe') this.#probe(effect.broker);
    else {
      if (effect.delayMs < RETURN_MS || effect.delayMs > RETURN_MS + RETURN_SPREAD_MS) this.#violate('odd delay');
      const ticket = ++this.#cancelReturn;
      this.#later(effect.delayMs, () => {
        if (ticket === this.#cancelReturn) this.#take({ kind: 'return-due' });
      });
    }
  }

  #probe(broker: number): void {
    if (this.#isProbing) this.#violate('two probes at once');
    if (this.#session === undefined || this.#session.broker === broker) this.#violate('probes without need');
    this.#isProbing = true;
    const mood = this.#moodOf(broker);
    const answersMs = mood.kind === 'deaf' || mood.kind === 'silent' ? connectTimeoutMs : PROBE_HOLD_MS;
    const isWell = mood.kind === 'well' || (mood.kind === 'drops' && mood.dropsAfterMs > PROBE_HOLD_MS);
    this.#later(mood.kind === 'refuses' || mood.kind === 'stopped' ? ROUND_TRIP_MS : answersMs, () => {
      this.#isProbing = false;
      this.#take({ kind: 'probed', broker, isWell });
    });
  }

  #attempt(): void {
    if (this.#session !== undefined) this.#violate('two sessions at once');
    const broker = this.#choice.at;
    const { kind } = this.#moodOf(broker);
    // A frozen process has a kernel that accepts connections, and nobody who answers.
    if (kind === 'deaf' || kind === 'silent') this.#later(connectTimeoutMs, () => this.#failed());
    else if (kind === 'refuses' || kind === 'stopped') this.#later(ROUND_TRIP_MS, () => this.#failed());
    else this.#later(ROUND_TRIP_MS, () => this.#accepted(broker));
  }

  #failed(): void {
    this.#take({ kind: 'attempt-failed' });
    this.#again();
  }

  #again(): void {
    const attempt = Math.max(0, Math.ceil(this.#choice.failures / this.#choice.brokers) - 1);
    const backoff = { firstMs: reconnectFirstMs, maxMs: reconnectMaxMs, factor: 2 };
    this.#later(backoffDelayMs(attempt, backoff, this.#random.next()), () => this.#attempt());
  }

  #accepted(broker: number): void {
    const id = ++this.#sessions;
    this.#noteOutageOver();
    this.#session = { broker, id };
    // Where nobody is well there is no place to stay at.
    const isSomeWell = this.#moods.some((_, other) => this.#moodOf(other).kind === 'well');
    if (this.#lastAt !== undefined && this.#lastAt !== broker && isSomeWell) this.#switches++;
    this.#lastAt = broker;
    this.#take({ kind: 'up' });
    const mood = this.#moodOf(broker);
    if (mood.kind === 'drops') this.#later(mood.dropsAfterMs, () => this.#end(id, 'closed'));
    this.#awaitChange(broker, id);
  }

  // What the broker becomes later happens to this session, too.
  #awaitChange(broker: number, id: number): void {
    const next = this.#moods[broker]?.find(({ fromMs }) => fromMs > this.#nowMs);
    if (next === undefined) return;
    this.#later(next.fromMs - this.#nowMs, () => {
      if (this.#session?.id !== id) return;
      this.#suffer(id, next.mood);
      this.#awaitChange(broker, id);
    });
  }

  #suffer(id: number, mood: Mood): void {
    if (mood.kind === 'refuses') this.#end(id, 'closed');
    else if (mood.kind === 'drops') this.#later(mood.dropsAfterMs, () => this.#end(id, 'closed'));
    else if (mood.kind === 'silent') this.#later(pubackSilenceMs, () => this.#whenSession(id, { kind: 'silent' }));
    else if (mood.kind === 'deaf') this.#later(15_000, () => this.#end(id, 'silent'));
    else if (mood.kind === 'stopped') {
      this.#take({ kind: 'stopping' });
      this.#later(10, () => this.#end(id, 'closed'));
    }
  }

  #whenSession(id: number, event: BrokerEvent): void {
    if (this.#session?.id === id) this.#take(event);
  }

  #end(id: number | undefined, fate: 'ended' | 'closed' | 'silent'): void {
    if (this.#session === undefined || this.#session.id !== id) return;
    this.#session = undefined;
    this.#cancelReturn++;
    this.#outageSinceMs = this.#nowMs;
    this.#take({ kind: 'down', fate });
    this.#again();
  }

  // Bound: a deaf broker costs a connect timeout, and one that was tried just before it became well waits for the end of
  // this round and, where it is not trusted, of the next.
  #noteOutageOver(): void {
    const isSomeWell = this.#moods.some((_, broker) => this.#wasWell(broker, this.#outageSinceMs));
    if (!isSomeWell) return;
    const outageMs = this.#nowMs - this.#outageSinceMs;
    this.#longestOutageMs = Math.max(this.#longestOutageMs, outageMs);
    const boundMs = (2 * this.#choice.brokers - 1) * (connectTimeoutMs + 4 * reconnectFirstMs);
    if (outageMs > boundMs) this.#violate(`${outageMs} ms without a session at ${this.#nowMs}, allowed ${boundMs}`);
  }

  #wasWell(broker: number, fromMs: number): boolean {
    if (this.#moodOf(broker, fromMs).kind !== 'well') return false;
    return !(this.#moods[broker] ?? []).some(
      ({ fromMs: atMs, mood }) => atMs > fromMs && atMs <= this.#nowMs && mood.kind !== 'well',
    );
  }

  // Every fault of a broker may cost a way there and back; a broker that fails whenever we come is come to ever less often.
  #checkSwitches(): void {
    const returns = this.#moods.length * (6 + (DAY_MS + QUIET_MS) / SHUN_MAX_MS);
    const boundMax = 2 * this.#faults + 2 * returns;
    if (this.#switches > boundMax) this.#violate(`${this.#switches} switches, allowed ${Math.floor(boundMax)}`);
  }

  #violate(what: string): void {
    this.#violations.push(what);
  }
}
