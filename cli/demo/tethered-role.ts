/**
 * Runs one `vedette` command as a child of the demo and ends it when the demo is gone, however that happened: the
 * kernel closes the IPC channel of a process that was killed. Arguments are those of `vedette`.
 */

/** As systemd's TimeoutStopSec in the demo: a role that does not end by itself in this time never will. */
const END_MS = 8_000;

process.once('disconnect', () => {
  process.kill(process.pid, 'SIGTERM');
  // Unreferenced: a role that ends on time is not kept waiting.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), END_MS).unref();
});
// The channel's only use is its end; it must not keep a finished command alive.
process.channel?.unref();

await import('../vedette.js');

export {};
