import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import type { Clock } from '../clock.js';
import { Counters } from '../counters.js';
import { messageOf, OperationError } from '../errors.js';
import type { Link } from '../link/link.js';
import type { Log } from '../log.js';
import { type CommandAnswer, CommandDesk, type ParsedCommand } from './command-desk.js';

export type CommandServerOptions<R> = {
  readonly link: Link;
  /** Who is asked: a node or a monitor. */
  readonly recipient: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Session of the recipient now, as its status tells it. */
  readonly sid: () => string;
  /** Whether the wall clock may be relied on. */
  readonly isClockSet: () => boolean;
  /** Reads a verb and its arguments. */
  readonly parse: (verb: string, args: unknown) => ParsedCommand<R>;
  /** Does it, once. Resolves with what came of it. */
  readonly perform: (request: R, sender: string) => Promise<CommandAnswer>;
};

/** Longest text of a refusal on the wire, as the schema has it. */
const MESSAGE_CHARS_MAX = 500;
/** Those that take longer than their asker should be left in doubt; the others are answered by `done` alone. */
const SLOW: ReadonlySet<string> = new Set(['snapshot', 'restart']);

/** Takes the commands for a node or a monitor, has each done once, and answers. Who may command is the broker's to know. */
export class CommandServer<R extends { readonly verb: string }> {
  readonly #options: CommandServerOptions<R>;
  readonly #desk: CommandDesk<R>;
  readonly #counters = new Counters(['commandAnswersLost'] as const);
  #unsubscribe: (() => void) | undefined;

  constructor(options: CommandServerOptions<R>) {
    this.#options = options;
    this.#desk = new CommandDesk(options.parse);
  }

  open(): void {
    const { link, recipient, clock, sid, isClockSet } = this.#options;
    this.#unsubscribe = link.subscribe(routes.command, { recipient }, ({ params, payload, retained }) => {
      const { sender, verb } = params;
      const arrival = { ...payload, sender, verb, isRetained: retained };
      const target = { sid: sid(), nowMs: isClockSet() ? clock.nowMs() : undefined };
      const verdict = this.#desk.receive(arrival, target, clock.monoMs());
      if (verdict.kind === 'answer') this.#answer(sender, payload.id, verdict.phase, verdict.answer);
      if (verdict.kind === 'run') void this.#run(verdict.key, verdict.request, sender, payload.id);
    });
  }

  counters(): Record<string, number> {
    return { ...this.#desk.counters(), ...this.#counters.snapshot() };
  }

  close(): void {
    this.#unsubscribe?.();
  }

  async #run(key: string, request: R, sender: string, id: string): Promise<void> {
    if (SLOW.has(request.verb)) this.#answer(sender, id, 'accepted', { ok: true });
    const answer = await this.#perform(request, sender);
    this.#desk.finish(key, answer);
    const { ok, code } = answer;
    this.#options.log.info('command done', { verb: request.verb, sender, ok, ...(code === undefined ? {} : { code }) });
    this.#answer(sender, id, 'done', answer);
  }

  async #perform(request: R, sender: string): Promise<CommandAnswer> {
    try {
      return await this.#options.perform(request, sender);
    } catch (error) {
      return { ok: false, code: error instanceof OperationError ? error.code : 'failed', message: messageOf(error) };
    }
  }

  // An answer that gets lost is asked for again by the same id.
  #answer(sender: string, id: string, phase: 'accepted' | 'done', answer: CommandAnswer): void {
    const { link, recipient } = this.#options;
    const { message, ...rest } = answer;
    const text = message === undefined ? {} : { message: message.slice(0, MESSAGE_CHARS_MAX) };
    const payload = { v: SCHEMA_MINOR, id, phase, ...rest, ...text };
    link.publish(routes.result, { recipient: sender, sender: recipient }, payload).catch((error) => {
      this.#counters.add('commandAnswersLost');
      this.#options.log.debug('answer not sent', { to: sender, error: messageOf(error) });
    });
  }
}
