import { messageOf, OperationError } from '../base/errors.js';
import type { Terminal } from '../base/terminal/terminal.js';

/** Exit code of a fault of ours (EX_SOFTWARE). */
export const EXIT_OUR_BUG = 70;

/**
 * Tells a person why a command ended: one line, and one with what helps. The stack only when asked for, and always the
 * hint how to ask for it when the fault is ours.
 * @returns the exit code.
 */
export function reportFailure(error: unknown, err: Terminal, debug: boolean): number {
  const expected = error instanceof OperationError;
  const label = err.paint('red', 'vedette:');
  err.writeLine(expected ? `${label} ${messageOf(error)}` : `${label} internal error: ${messageOf(error)}`);
  if (expected && error.hint !== undefined) err.writeLine(`  hint: ${error.hint}`);
  if (!expected && !debug) err.writeLine('  hint: this is a fault of vedette itself; --debug shows where');
  if (debug) err.writeLine(stackOf(error));
  return expected ? error.exitCode : EXIT_OUR_BUG;
}

function stackOf(error: unknown): string {
  const lines: string[] = [];
  // A cause that is its own ancestor would never end.
  for (let current = error, depth = 0; current !== undefined && depth < 8; depth++) {
    lines.push(current instanceof Error ? (current.stack ?? current.message) : String(current));
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines.join('\ncaused by: ');
}
