// The thread of orphan-guard.ts. Nothing is imported: it has to stay small.

/** A parent's death is seen within this time, ms. */
const LOOK_MS = 500;
/** What the process is given to end by itself, ms; it takes 2 s at most where its event loop turns. */
const GRACE_MS = 3000;

const parent = process.ppid;
const timer = setInterval(() => {
  if (process.ppid === parent) return;
  clearInterval(timer);
  // SIGKILL: an orderly exit would wait for the thread that is blocked.
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), GRACE_MS);
}, LOOK_MS);
