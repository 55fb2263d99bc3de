import { z } from 'zod';
import { Severity } from '../../protocol/record.js';
import { durationWords } from './duration.js';
import { EXPRESSION_CHARS_MAX } from './expression/expression-limits.js';
import { isTimeZone } from './local-time.js';
import { ScheduleConfig } from './schedule.js';

/** Rules of one node: each is evaluated at every change, and once a second. */
export const RULES_MAX = 64;

/** Longest text of an alert as it is written, with its `{...}`. */
const TEXT_CHARS_MAX = 300;

// How long an expression may be is told with the other faults of expressions, with its hint; this only bounds the file.
const ExpressionText = z
  .string()
  .min(1)
  .max(EXPRESSION_CHARS_MAX * 4);

/** One rule: when an alert is raised, when it clears, and what it says. Expressions are checked where they are compiled. */
export const RuleConfig = z.strictObject({
  when: ExpressionText.describe('CEL: true while there is something to tell, such as `temperature > 30.0`'),
  for: durationWords()
    .prefault('0s')
    .describe('it has to be true for so long without a break before the alert is raised'),
  clear: ExpressionText.optional().describe(
    'CEL: hysteresis, such as `temperature < 28.0`; absent: the alert clears when `when` is false',
  ),
  clearFor: durationWords().prefault('0s').describe('that has to hold for so long before the alert clears'),
  cooldown: durationWords(1_000)
    .prefault('60s')
    .describe('time after a clear in which the rule raises nothing; at least 1s, so that none floods the log'),
  severity: Severity.default('warning'),
  schedule: z
    .array(ScheduleConfig)
    .max(16)
    .default([])
    .describe('hours in which the rule holds; none: always. An alert still open at their end clears'),
  text: z
    .string()
    .min(1)
    .max(TEXT_CHARS_MAX)
    .optional()
    .describe(
      'for people; `{temperature}`, or any expression in braces, is filled in when it is raised. Absent: `when`',
    ),
});
export type RuleConfig = z.infer<typeof RuleConfig>;

/** Where the people of a node are. */
export const TimeZone = z
  .string()
  .min(1)
  .max(64)
  .refine(isTimeZone, 'allowed: a name of the IANA time zone database, such as Europe/Vienna');
