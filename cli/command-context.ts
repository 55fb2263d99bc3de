import { SystemClock } from '../base/clock.js';
import type { Environment } from '../base/config.js';
import { OperationError } from '../base/errors.js';
import { Terminal, type TerminalStream } from '../base/terminal/terminal.js';

/** What every command gets from the process it runs in. */
export type CommandContext = {
  readonly env: Environment;
  /** Aborts on SIGINT and SIGTERM. Services end gracefully by it; one-shot commands stop with `aborted`. */
  readonly signal: AbortSignal;
  /** Results. */
  readonly out: Terminal;
  /** Progress, hints, errors. */
  readonly err: Terminal;
  readonly clock: SystemClock;
  /** Program and first argument that run this command line again: the roles of the demo, simulated cameras. */
  readonly self: readonly [program: string, entry: string];
  /** Sets the exit code of a command that ran through but has bad news, e.g. `doctor` with a failed check. */
  readonly setExitCode: (code: number) => void;
};

export type Streams = { readonly stdout: TerminalStream; readonly stderr: TerminalStream };

export function openContext(
  streams: Streams,
  env: Environment,
  signal: AbortSignal,
  setExitCode: (code: number) => void,
  self: CommandContext['self'],
): CommandContext {
  const out = new Terminal(streams.stdout, env);
  const err = new Terminal(streams.stderr, env);
  return { env, signal, out, err, clock: new SystemClock(), self, setExitCode };
}

/** A mistake in the command line itself: exit code 64. */
export function usageError(command: string, message: string, hint?: string): OperationError {
  const subject = `vedette ${command}`;
  return new OperationError({ code: 'usage', op: 'call', subject, message, ...(hint === undefined ? {} : { hint }) });
}

/** What a signal asks of a command; a one-shot command ends with it, a service takes it as the end of its work. */
export function stopRequest(signalName: string): OperationError {
  const name = signalName.toLowerCase();
  return new OperationError({ code: 'aborted', op: 'run', subject: 'command', message: `stopped by ${name}` });
}
