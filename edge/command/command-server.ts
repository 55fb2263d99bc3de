import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf, OperationError } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import { routes } from '../../protocol/routes.js';
import { SCHEMA_MINOR } from '../../protocol/status.js';
import { type CommandAnswer, CommandDesk } from './command-desk.js';
import type { CommandRequest } from './command-verbs.js';

export type CommandServerOptions = {
  readonly link: Link;
  readonly node: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Session of this node now, as its status tells it. */
  readonly sid: () => string;
  /** Does it, once. Resolves with what came of it. */
  readonly perform: (request: CommandRequest, sender: string) => Promise<CommandAnswer>;
};

/** Longest text of a refusal on the wire, as the schema has it. */
const MESSAGE_CHARS_MAX = 500;
/** Those that take longer than their asker should be left in doubt; the others are answered by `done` alone. */
const SLOW: ReadonlySet<CommandRequest['verb']> = new Set(['snapshot']);

/** Takes the commands for a node, has each done once, and answers. Who may command is the broker's to know. */
export class CommandServer {
  readonly #options: CommandServerOptions;
  readonly #desk = new CommandDesk();
  readonly #counters = new Counters(['commandAnswersLost'] as const);
  #unsubscribe: (() => void) | undefined;

  constructor(options: CommandServerOptions) {
    this.#options = options;
  }

  open(): void {
    const { link, node, clock, sid } = this.#options;
    this.#unsubscribe = link.subscribe(routes.command, { recipient: node }, ({ params, payload, retained }) => {
      const { sender, verb } = params;
      const arrival = { sender, verb, id: payload.id, sid: payload.sid, args: payload.args, isRetained: retained };
      const verdict = this.#desk.receive(arrival, sid(), clock.monoMs());
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

  async #run(key: string, request: CommandRequest, sender: string, id: string): Promise<void> {
    if (SLOW.has(request.verb)) this.#answer(sender, id, 'accepted', { ok: true });
    const answer = await this.#perform(request, sender);
    this.#desk.finish(key, answer);
    const { ok, code } = answer;
    this.#options.log.info('command done', { verb: request.verb, sender, ok, ...(code === undefined ? {} : { code }) });
    this.#answer(sender, id, 'done', answer);
  }

  async #perform(request: CommandRequest, sender: string): Promise<CommandAnswer> {
    try {
      return await this.#options.perform(request, sender);
    } catch (error) {
      return { ok: false, code: error instanceof OperationError ? error.code : 'failed', message: messageOf(error) };
    }
  }

  // An answer that gets lost is asked for again by the same id.
  #answer(sender: string, id: string, phase: 'accepted' | 'done', answer: CommandAnswer): void {
    const { link, node } = this.#options;
    const { message, ...rest } = answer;
    const text = message === undefined ? {} : { message: message.slice(0, MESSAGE_CHARS_MAX) };
    const payload = { v: SCHEMA_MINOR, id, phase, ...rest, ...text };
    link.publish(routes.result, { recipient: sender, sender: node }, payload).catch((error) => {
      this.#counters.add('commandAnswersLost');
      this.#options.log.debug('answer not sent', { to: sender, error: messageOf(error) });
    });
  }
}
