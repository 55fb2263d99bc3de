import type { AlertValues, Severity } from '../../protocol/record.js';

/** What a web hook or a command is given: one alert that was raised or cleared. */
export type AlertMessage = {
  readonly node: string;
  readonly rule: string;
  readonly event: 'raise' | 'clear';
  readonly severity: Severity;
  readonly text: string;
  /** Wall clock ms. */
  readonly atMs: number;
  readonly raisedAtMs: number;
  /** What the rule looked at when it was raised. */
  readonly values: AlertValues;
  /** Of a clear: over, schedule, removed. */
  readonly why?: string;
};
