import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe } from 'vitest';

/** Where the third-party test data lies. Never part of the product. */
export function fixturesDir(): string {
  return resolve(process.env.VEDETTE_FIXTURES ?? '../shared/fixtures');
}

/** A suite on the third-party test data: skips with a reason where it is absent, except in CI, where it must be there. */
export function describeWithFixtures(name: string, suite: (dir: string) => void): void {
  describeWhen(existsSync(resolve(fixturesDir(), 'README.md')), `no test data at ${fixturesDir()}`, name, () =>
    suite(fixturesDir()),
  );
}

/** A suite that needs a program of the system: skips with a reason where it is absent; in CI a missing part is a failure. */
export function describeWithProgram(program: string, name: string, suite: () => void): void {
  const folders = (process.env.PATH ?? '').split(':').concat('/usr/sbin');
  const found = folders.some((folder) => existsSync(resolve(folder, program)));
  describeWhen(found, `${program} is not installed (test/setup installs it)`, name, suite);
}

function describeWhen(present: boolean, reason: string, name: string, suite: () => void): void {
  if (present || process.env.CI === 'true') {
    describe(name, suite);
    return;
  }
  console.log(`skipped: ${name}: ${reason}`);
  describe.skip(`${name} (${reason})`, suite);
}
