import { Counters } from '../counters.js';
import { type Rate, TokenBucket } from './token-bucket.js';

/** What a command came to. `code` and `message` are there when it was not done. */
export type CommandAnswer = {
  readonly ok: boolean;
  readonly code?: string;
  readonly message?: string;
  readonly result?: unknown;
};

/** A command as it came from the wire. */
export type CommandArrival = {
  readonly sender: string;
  readonly verb: string;
  readonly id: string;
  readonly sid?: string | undefined;
  /** Wall clock, ms. */
  readonly untilMs?: number | undefined;
  readonly args: unknown;
  readonly isRetained: boolean;
};

export type ParsedCommand<R> =
  | { readonly ok: true; readonly request: R }
  | { readonly ok: false; readonly code: 'unknown-verb' | 'bad-args'; readonly message: string };

/** What the desk has to know of who is asked, at the time of asking. */
export type CommandTarget = {
  /** Its session, as the sender should know it. */
  readonly sid: string;
  /** Wall clock, ms; undefined while it is not to be relied on. */
  readonly nowMs: number | undefined;
};

export type CommandVerdict<R> =
  /** Not even answered: the sender floods. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'answer'; readonly phase: 'accepted' | 'done'; readonly answer: CommandAnswer }
  /** To be done once; `finish` is given what came of it. */
  | { readonly kind: 'run'; readonly key: string; readonly request: R };

/** Ids remembered with their answers, as the protocol promises. */
const REMEMBERED_MAX = 256;
/** How far ahead the end of a command may lie: enough for clocks that differ by half of it, no more than a person waits. */
const TTL_MS_MAX = 60_000;
/** Commands under way at a time: a hand or two of people and programs. */
const RUNNING_MAX = 16;
/** A person clicks twice a second, a program that restores a house sends twenty at once. */
const RATE: Rate = { burst: 20, perSecond: 5 };
/** Senders whose rate is known: more than there are identities that may command. */
const SENDERS_MAX = 64;

type Sender = { readonly commands: TokenBucket; readonly refusals: TokenBucket };

/**
 * Decides what becomes of a command: who asks too much, what was answered before, what is meant for another session, what
 * is not allowed. Does nothing itself.
 */
export class CommandDesk<R> {
  readonly #parse: (verb: string, args: unknown) => ParsedCommand<R>;
  readonly #counters = new Counters([
    'commands',
    'commandsRepeated',
    'commandsRefused',
    'commandsDropped',
    'commandsFailed',
  ] as const);
  /** By sender and id, in the order of arrival; undefined while it is under way. */
  readonly #known = new Map<string, CommandAnswer | undefined>();
  readonly #senders = new Map<string, Sender>();
  #running = 0;

  /** @param parse reads a verb and its arguments; a refusal says what is allowed. */
  constructor(parse: (verb: string, args: unknown) => ParsedCommand<R>) {
    this.#parse = parse;
  }

  /** @param nowMonoMs monotonic clock. */
  receive(arrival: CommandArrival, target: CommandTarget, nowMonoMs: number): CommandVerdict<R> {
    const sender = this.#senderOf(arrival.sender, nowMonoMs);
    if (!sender.commands.take(nowMonoMs)) return this.#refuseFlood(sender, nowMonoMs);
    if (arrival.isRetained)
      return this.#refuse('retained', 'a command is never retained: it would be done again and again');
    // Before the session: what was done in the last one, and whose answer got lost with it, was done.
    const key = `${arrival.sender}/${arrival.id}`;
    if (this.#known.has(key)) return this.#repeat(key);
    const late = refuseTime(arrival, target);
    if (late !== undefined) return this.#refuse(late.code, late.message);
    const parsed = this.#parse(arrival.verb, arrival.args);
    if (!parsed.ok) return this.#refuse(parsed.code, parsed.message);
    if (this.#running >= RUNNING_MAX) return this.#refuse('try-again', `${RUNNING_MAX} commands are under way`);
    this.#counters.add('commands');
    this.#running++;
    this.#remember(key, undefined);
    return { kind: 'run', key, request: parsed.request };
  }

  /** What came of a command that was to be run: the answer to every repeat. */
  finish(key: string, answer: CommandAnswer): void {
    this.#running--;
    if (!answer.ok) this.#counters.add('commandsFailed');
    if (this.#known.has(key)) this.#known.set(key, answer);
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  #repeat(key: string): CommandVerdict<R> {
    this.#counters.add('commandsRepeated');
    const answer = this.#known.get(key);
    if (answer === undefined) return { kind: 'answer', phase: 'accepted', answer: { ok: true } };
    return { kind: 'answer', phase: 'done', answer };
  }

  #refuse(code: string, message: string): CommandVerdict<R> {
    this.#counters.add('commandsRefused');
    return { kind: 'answer', phase: 'done', answer: { ok: false, code, message } };
  }

  #refuseFlood(sender: Sender, nowMonoMs: number): CommandVerdict<R> {
    if (sender.refusals.take(nowMonoMs)) {
      return this.#refuse(
        'try-again',
        `too many commands; allowed: ${RATE.burst} at once, then ${RATE.perSecond} a second`,
      );
    }
    this.#counters.add('commandsDropped');
    return { kind: 'drop' };
  }

  #senderOf(name: string, nowMonoMs: number): Sender {
    const known = this.#senders.get(name);
    if (known !== undefined) return known;
    const [oldest] = this.#senders.keys();
    if (this.#senders.size >= SENDERS_MAX && oldest !== undefined) this.#senders.delete(oldest);
    const sender = { commands: new TokenBucket(RATE, nowMonoMs), refusals: new TokenBucket(RATE, nowMonoMs) };
    this.#senders.set(name, sender);
    return sender;
  }

  // What is under way is not forgotten: its repeat must not begin it again.
  #remember(key: string, answer: CommandAnswer | undefined): void {
    this.#known.set(key, answer);
    if (this.#known.size <= REMEMBERED_MAX) return;
    const oldest = [...this.#known].find(([, known]) => known !== undefined);
    if (oldest !== undefined) this.#known.delete(oldest[0]);
  }
}

/** MQTT 3.1.1 has no expiry: what was on its way for long, or to an earlier life, is not done. */
function refuseTime(
  { sid, untilMs }: CommandArrival,
  target: CommandTarget,
): { readonly code: string; readonly message: string } | undefined {
  if (sid === undefined && untilMs === undefined) {
    return { code: 'bad-args', message: "needs `sid`, the session in the target's status, or `untilMs`" };
  }
  if (sid !== undefined && sid !== target.sid) {
    return { code: 'stale-session', message: `the session is ${target.sid}, as in its status` };
  }
  if (untilMs === undefined) return undefined;
  const { nowMs } = target;
  if (nowMs === undefined) return { code: 'no-clock', message: 'its clock is not set: name its session, `sid`' };
  if (untilMs < nowMs) return { code: 'expired', message: `it was to be begun before ${untilMs}; it is ${nowMs} here` };
  if (untilMs <= nowMs + TTL_MS_MAX) return undefined;
  return { code: 'bad-args', message: `untilMs: got ${untilMs}; allowed: at most ${TTL_MS_MAX} ms after ${nowMs}` };
}
