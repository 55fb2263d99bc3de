import { z } from 'zod';
import { describeArgs } from '../../base/command/command-args.js';
import type { ParsedCommand } from '../../base/command/command-desk.js';
import { Id } from '../../protocol/ids.js';

// A day of holiday and no more than a week: what is forgotten must end by itself.
const TtlS = z.number().min(1).max(604_800).default(3600).describe('seconds until it ends by itself');
const Label = z.string().min(1).max(64);

/** Arguments of every command a node takes, as they come in `args`. */
export const COMMAND_ARGS = {
  ping: z.strictObject({}),
  rebirth: z.strictObject({}),
  snapshot: z.strictObject({
    camera: Id,
    label: Label.optional().describe('the best object of this label; absent: the whole picture'),
  }),
  pause: z.strictObject({ camera: Id, ttlS: TtlS }),
  resume: z.strictObject({ camera: Id }),
  'set-threshold': z.strictObject({
    camera: Id,
    label: Label,
    value: z.number().min(0.01).max(1).describe('score that starts a track'),
    ttlS: TtlS,
  }),
} as const;

export type Verb = keyof typeof COMMAND_ARGS;

export const VERBS: readonly Verb[] = ['ping', 'rebirth', 'snapshot', 'pause', 'resume', 'set-threshold'];

const Request = z.discriminatedUnion('verb', [
  z.object({ verb: z.literal('ping'), args: COMMAND_ARGS.ping }),
  z.object({ verb: z.literal('rebirth'), args: COMMAND_ARGS.rebirth }),
  z.object({ verb: z.literal('snapshot'), args: COMMAND_ARGS.snapshot }),
  z.object({ verb: z.literal('pause'), args: COMMAND_ARGS.pause }),
  z.object({ verb: z.literal('resume'), args: COMMAND_ARGS.resume }),
  z.object({ verb: z.literal('set-threshold'), args: COMMAND_ARGS['set-threshold'] }),
]);

/** A command that makes sense, defaults filled in. */
export type CommandRequest = z.infer<typeof Request>;

/** Reads a command. A refusal tells every fault, with what is allowed. */
export function parseCommand(verb: string, args: unknown): ParsedCommand<CommandRequest> {
  if (!isVerb(verb)) {
    return { ok: false, code: 'unknown-verb', message: `${verb} is no command; allowed: ${VERBS.join(', ')}` };
  }
  const parsed = Request.safeParse({ verb, args });
  if (parsed.success) return { ok: true, request: parsed.data };
  return { ok: false, code: 'bad-args', message: describeArgs(COMMAND_ARGS[verb], args) };
}

function isVerb(verb: string): verb is Verb {
  return Object.hasOwn(COMMAND_ARGS, verb);
}
