import { z } from 'zod';
import { describeIssues, parseJson } from './codec.js';
import { ID_PATTERN } from './ids.js';

// docs/board-protocol.md says each word of it.

export const BOARD_PROTOCOL = 1;
/** Longest command line, and longest answer, bytes. */
export const COMMAND_BYTES_MAX = 512;
export const ANSWER_BYTES_MAX = 16 * 1024;

export const UNIT_PATTERN = /^(vedette-edge@[a-z0-9][a-z0-9-]{0,31}|vedette-broker)\.service$/;
export const Unit = z.string().regex(UNIT_PATTERN, 'allowed: vedette-edge@ID.service or vedette-broker.service');
const INVOCATION_PATTERN = /^[0-9a-f]{32}$/;
const BOOT_PATTERN = /^[0-9a-f-]{36}$/;
const REASON_PATTERN = /^[a-z0-9][a-z0-9-]{0,63}$/;
const MAINTENANCE_S_MAX = 604_800;

/** One order to a board. `expected` null: systemd knows no invocation of the unit. */
export type BoardCommand =
  | { readonly verb: 'probe' | 'reset-failed'; readonly unit: string }
  | { readonly verb: 'restart'; readonly unit: string; readonly expected: string | null }
  | { readonly verb: 'reboot'; readonly boot: string }
  | {
      readonly verb: 'maintenance';
      readonly unit: string;
      readonly on: { readonly seconds: number; readonly by: string; readonly reason: string } | null;
    };

/** The unit of a node. */
export function edgeUnit(node: string): string {
  return `vedette-edge@${node}.service`;
}

/** The line to send. @throws RangeError if a word is outside the grammar: nothing else may reach a board. */
export function buildBoardCommand(command: BoardCommand): string {
  const line = wordsOf(command).join(' ');
  const parsed = parseBoardCommand(line);
  if (typeof parsed === 'string') throw new RangeError(`board command ${JSON.stringify(line)}: ${parsed}`);
  return line;
}

function wordsOf(command: BoardCommand): string[] {
  switch (command.verb) {
    case 'restart':
      return ['restart', command.unit, command.expected ?? 'none'];
    case 'reboot':
      return ['reboot', command.boot];
    case 'maintenance': {
      const { unit, on } = command;
      if (on === null) return ['maintenance', 'off', unit];
      return ['maintenance', 'on', unit, String(on.seconds), on.by, on.reason];
    }
    default:
      return [command.verb, command.unit];
  }
}

/** What a line asks for; a text that says why it is refused, if it is outside the grammar. */
export function parseBoardCommand(line: string): BoardCommand | string {
  if (line.length > COMMAND_BYTES_MAX) return `${line.length} bytes, allowed ${COMMAND_BYTES_MAX}`;
  if (!/^[ -~]*$/.test(line)) return 'not printable ASCII';
  const [verb, ...words] = line.split(' ');
  switch (verb) {
    case 'probe':
    case 'reset-failed':
      return words.length === 1 && UNIT_PATTERN.test(words[0] ?? '')
        ? { verb, unit: words[0] ?? '' }
        : `allowed: ${verb} UNIT`;
    case 'restart':
      return parseRestart(words);
    case 'reboot':
      return words.length === 1 && BOOT_PATTERN.test(words[0] ?? '')
        ? { verb, boot: words[0] ?? '' }
        : 'allowed: reboot BOOT_ID';
    case 'maintenance':
      return parseMaintenance(words);
    default:
      return 'allowed: probe, restart, reset-failed, reboot, maintenance';
  }
}

function parseRestart(words: readonly string[]): BoardCommand | string {
  const [unit = '', expected = ''] = words;
  const isValid =
    words.length === 2 && UNIT_PATTERN.test(unit) && (expected === 'none' || INVOCATION_PATTERN.test(expected));
  if (!isValid) return 'allowed: restart UNIT EXPECTED_INVOCATION_ID';
  return { verb: 'restart', unit, expected: expected === 'none' ? null : expected };
}

function parseMaintenance(words: readonly string[]): BoardCommand | string {
  const [what, unit = '', seconds = '', by = '', reason = ''] = words;
  if (what === 'off' && words.length === 2 && UNIT_PATTERN.test(unit)) return { verb: 'maintenance', unit, on: null };
  const isValid =
    what === 'on' &&
    words.length === 5 &&
    UNIT_PATTERN.test(unit) &&
    /^[1-9]\d{0,5}$/.test(seconds) &&
    Number(seconds) <= MAINTENANCE_S_MAX &&
    ID_PATTERN.test(by) &&
    REASON_PATTERN.test(reason);
  if (!isValid) return 'allowed: maintenance on UNIT SECONDS BY REASON, or maintenance off UNIT';
  return { verb: 'maintenance', unit, on: { seconds: Number(seconds), by, reason } };
}

const Text = z.string().max(200);
const Count = z.int().min(0);
const Inv = z.string().regex(INVOCATION_PATTERN);
const head = { v: z.literal(BOARD_PROTOCOL), helper: z.string().max(64) };

/** The service's own pulse; `ageMs` says how old the rest is. */
export const BoardHealth = z.object({
  ageMs: Count.nullable(),
  inv: Inv.nullish(),
  gen: Count.nullish(),
  mqttConnected: z.boolean().nullish(),
  frameAgeMs: Count.nullish(),
  inferAgeMs: Count.nullish(),
});

/** Answer to `probe`: the unit and its board at one moment. */
export const ProbeAnswer = z.object({
  ...head,
  verb: z.literal('probe'),
  outcome: z.literal('ok'),
  unit: Unit,
  load: Text,
  active: Text,
  sub: Text,
  result: Text,
  /** The board's systemd has yet to start or stop it: always so for a while after a boot. */
  isQueued: z.boolean().nullish(),
  inv: Inv.nullable(),
  restarts: Count,
  exitCode: Count.nullable(),
  exitStatus: Count.nullable(),
  startedMonoMs: Count.nullable(),
  watchdogMonoMs: Count.nullable(),
  monoMs: Count,
  boot: z.string().regex(BOOT_PATTERN),
  upS: Count,
  load1: z.number().min(0),
  memAvailableKiB: Count.nullable(),
  diskFreeKiB: Count.nullable(),
  /** `ok`, `full`, `read-only`; absent where the board does not say. */
  disk: Text.nullish(),
  throttled: Text.nullable(),
  /** `leftS` below 0: it has run out and holds nothing, but nobody has taken it away. */
  maintenance: z.object({ by: Text, reason: Text, leftS: z.int() }).nullable(),
  restartsLeft: Count,
  rebootsLeft: Count,
  health: BoardHealth.nullable(),
});
export type ProbeAnswer = z.infer<typeof ProbeAnswer>;

/** Answer to every other verb, and to any verb that was not carried out. */
export const ActionAnswer = z.object({
  ...head,
  verb: Text,
  outcome: z.enum([
    'ok',
    'restarted',
    'rebooting',
    'already-restarted',
    'stale',
    'held',
    'budget',
    'refused',
    'failed',
  ]),
  why: Text.nullish(),
  inv: Inv.nullish(),
  boot: z.string().regex(BOOT_PATTERN).nullish(),
  retryS: Count.nullish(),
});
export type ActionAnswer = z.infer<typeof ActionAnswer>;

export type BoardAnswer = ProbeAnswer | ActionAnswer;

const AnswerHead = z.object({ verb: z.string(), outcome: z.string() });

/**
 * The answer in what a board wrote: exactly one line of JSON.
 * @throws Error that says what is wrong with it, in one line without the bytes themselves.
 */
export function decodeBoardAnswer(text: string): BoardAnswer {
  const line = text.replace(/\r?\n$/, '');
  if (line === '') throw new Error('an empty answer');
  if (line.includes('\n')) throw new Error('more than one line');
  const value = parseJson(line);
  const head = AnswerHead.safeParse(value);
  const isProbe = head.success && head.data.verb === 'probe' && head.data.outcome === 'ok';
  const result = (isProbe ? ProbeAnswer : ActionAnswer).safeParse(value);
  if (!result.success) throw new Error(describeIssues(result.error));
  return result.data;
}
