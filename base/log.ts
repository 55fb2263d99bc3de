import { type Logger, pino } from 'pino';

/** Fields of one log line: values with units in their names; never secrets, never pixels. */
export type LogFields = Record<string, unknown>;

/**
 * Where a part writes what a person should know. `error` a person must act, `warn` degraded but handled,
 * `info` state changes only, `debug` per message; nothing above `debug` per frame.
 */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same log with fields added to every line. */
  child(fields: LogFields): Log;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent';

class PinoLog implements Log {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#logger.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#logger.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#logger.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#logger.error(fields, message);
  }

  child(fields: LogFields): Log {
    return new PinoLog(this.#logger.child(fields));
  }
}

/** A log of JSON lines on standard error, so that standard output stays free for results. */
export function openLog(name: string, level: LogLevel): Log {
  // Synchronous writes: the last lines before a crash are the ones a person needs.
  return new PinoLog(pino({ name, level, base: { name } }, pino.destination({ dest: 2, sync: true })));
}

/** A log that keeps nothing, for tests and library use. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child() {
    return silentLog;
  },
};
