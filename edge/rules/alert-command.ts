import { spawn } from 'node:child_process';
import { systemCodeOf } from '../../base/errors.js';

/** What is kept of what it says on standard error. */
const WORDS_BYTES_MAX = 4_096;

/**
 * Runs a program with one JSON object on its standard input; no shell. Exit code 0 says that it has taken it.
 * @returns undefined then; else why not. A program that is not done in time, or when the signal aborts, is killed with
 * all it has started.
 */
export function runAlertCommand(
  argv: readonly string[],
  body: object,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const [program = '', ...args] = argv;
  return new Promise((resolve) => {
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'], detached: true });
    let words = '';
    let killedFor: string | undefined;
    const kill = (why: string) => {
      killedFor ??= why;
      // Detached, it leads a group of its own: with it goes what it has started.
      if (child.pid !== undefined) killGroup(child.pid);
      child.stderr.destroy();
    };
    const timer = setTimeout(() => kill(`not done within ${timeoutMs} ms`), timeoutMs);
    const onAbort = () => kill('the service stops');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const end = (why: string | undefined) => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      resolve(why);
    };
    child.stderr.setEncoding('utf8');
    child.stderr.on('data', (part: string) => {
      words = (words + part).slice(0, WORDS_BYTES_MAX);
    });
    // It may end without reading what it is told.
    child.stdin.on('error', () => {});
    child.stdin.end(`${JSON.stringify(body)}\n`);
    child.on('error', (error) => end(systemCodeOf(error) ?? error.message));
    child.on('close', (code, signalName) => {
      if (code === 0) return end(undefined);
      const said = words.trim().replace(/\s+/g, ' ').slice(0, 120);
      end(`${killedFor ?? `exit ${code ?? signalName}`}${said === '' ? '' : ` (${said})`}`);
    });
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
