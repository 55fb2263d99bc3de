import { fork } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const ENTRY = resolve('dist/cli/vedette.js');

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vedette-tether-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A broker whose parent lets go of the channel after so long; how it ended. */
function endOf(lettingGoAfterMs: number): Promise<number | NodeJS.Signals | null> {
  const config = join(folder, 'broker.yaml');
  writeFileSync(config, `broker: { tcp: { host: 127.0.0.1, port: 0 }, stateDir: ${folder}, anonymousRead: true }\n`);
  const child = fork(ENTRY, ['broker', '--config', config], { stdio: 'ignore' });
  return new Promise((done) => {
    const limit = setTimeout(() => child.kill('SIGKILL'), 25_000);
    setTimeout(() => child.disconnect(), lettingGoAfterMs);
    child.once('exit', (code, signal) => {
      clearTimeout(limit);
      done(code ?? signal);
    });
  });
}

describe('a command whose parent is gone', () => {
  it('ends, also when that was before it had been loaded', async () => {
    expect([0, 143]).toContain(await endOf(0));
  }, 30_000);

  it('ends, when that is while it works', async () => {
    expect([0, 143]).toContain(await endOf(2_500));
  }, 30_000);
});
