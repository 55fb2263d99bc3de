/** Waits for real parts (sockets, child processes) until `condition` holds; fails with `what` after `timeoutMs`. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const startedMonoMs = performance.now();
  while (!(await condition())) {
    if (performance.now() - startedMonoMs > timeoutMs) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
