#!/usr/bin/env node
import { fileURLToPath } from 'node:url';
import { openContext, stopRequest } from './command-context.js';
import { runCommandLine } from './command-line.js';
import { reportFailure } from './failure.js';

/** What shells report for a program ended by Ctrl-C: 128 + SIGINT. */
const EXIT_INTERRUPTED = 130;
/** The same for SIGTERM. */
const EXIT_TERMINATED = 143;

/**
 * Started with a channel to its parent (the demo does), a command ends with it, however that ended: the kernel closes the
 * channel of a process that was killed. 8 s as TimeoutStopSec of the demo: what has not ended by then never will.
 */
const TETHERED_END_MS = 8_000;

const stop = new AbortController();
const badNews = { code: 0 };
const self = [process.execPath, fileURLToPath(import.meta.url)] as const;
const keepBadNews = (code: number) => {
  badNews.code = code;
};
const context = openContext(process, process.env, stop.signal, keepBadNews, self);

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    // Whoever asks twice does not want to wait for an orderly end.
    if (stop.signal.aborted) process.exit(EXIT_INTERRUPTED);
    stop.abort(stopRequest(name));
  });
}
for (const stream of [process.stdout, process.stderr]) {
  // `vedette ... | head -1`: the reader has seen enough, which is no fault.
  stream.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 70));
}
for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
  process.on(event, (error: unknown) => {
    process.exit(reportFailure(error, context.err, (process.env.VEDETTE_DEBUG ?? '') !== ''));
  });
}

// The parent ended while this was being loaded: there is no end of the channel left to wait for. Undefined without a channel.
if (process.connected === false) process.exit(EXIT_TERMINATED);
if (process.connected) {
  process.once('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    // Unreferenced: a command that ends on time is not kept waiting.
    setTimeout(() => process.kill(process.pid, 'SIGKILL'), TETHERED_END_MS).unref();
  });
  // The channel's only use is its end; it must not keep a finished command alive.
  process.channel?.unref();
}

const code = await runCommandLine(process.argv.slice(2), context);
// Not left to the event loop: a forgotten timer or socket of a library must not keep a finished command alive.
process.exit(code === 0 ? badNews.code : code);
