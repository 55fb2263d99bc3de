import { z } from 'zod';
import { describeArgs } from '../base/command/command-args.js';
import type { CommandAnswer, ParsedCommand } from '../base/command/command-desk.js';
import { Id } from '../protocol/ids.js';

/** Arguments of every command a monitor takes. */
const MONITOR_ARGS = {
  ping: z.strictObject({}),
  restart: z.strictObject({ node: Id.describe('a node of its inventory') }),
} as const;

const Request = z.discriminatedUnion('verb', [
  z.object({ verb: z.literal('ping'), args: MONITOR_ARGS.ping }),
  z.object({ verb: z.literal('restart'), args: MONITOR_ARGS.restart }),
]);
export type MonitorRequest = z.infer<typeof Request>;

/** Reads a command for a monitor. A refusal tells every fault, with what is allowed. */
export function parseMonitorCommand(verb: string, args: unknown): ParsedCommand<MonitorRequest> {
  if (!isVerb(verb)) {
    const allowed = Object.keys(MONITOR_ARGS).join(', ');
    return { ok: false, code: 'unknown-verb', message: `${verb} is no command of a monitor; allowed: ${allowed}` };
  }
  const parsed = Request.safeParse({ verb, args });
  if (parsed.success) return { ok: true, request: parsed.data };
  return { ok: false, code: 'bad-args', message: describeArgs(MONITOR_ARGS[verb], args) };
}

function isVerb(verb: string): verb is keyof typeof MONITOR_ARGS {
  return Object.hasOwn(MONITOR_ARGS, verb);
}

export type MonitorCommandsOptions = {
  readonly nodes: readonly string[];
  /** True of nodes on boards. */
  readonly canRestart: (node: string) => boolean;
  /** Asks for a restart; resolves with what came of it. */
  readonly requestRestart: (node: string, by: string) => Promise<CommandAnswer>;
  /** What a ping is answered. */
  readonly describe: () => Readonly<Record<string, unknown>>;
};

/** Does what commands ask of a monitor. A restart is a wish: board, ladder and budgets decide. */
export class MonitorCommands {
  readonly #options: MonitorCommandsOptions;

  constructor(options: MonitorCommandsOptions) {
    this.#options = options;
  }

  async perform(request: MonitorRequest, sender: string): Promise<CommandAnswer> {
    if (request.verb === 'ping') return { ok: true, result: this.#options.describe() };
    const { node } = request.args;
    const { nodes, canRestart, requestRestart } = this.#options;
    if (!nodes.includes(node)) {
      return {
        ok: false,
        code: 'not-found',
        message: `no node ${node} in its inventory; there is ${nodes.join(', ')}`,
      };
    }
    if (!canRestart(node))
      return { ok: false, code: 'not-allowed', message: `the inventory names no board for ${node}` };
    return requestRestart(node, sender);
  }
}
