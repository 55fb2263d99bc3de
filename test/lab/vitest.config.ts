import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** By number, whatever ran longest or failed last time. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => a.moduleId.localeCompare(b.moduleId));
  }
}

export default defineConfig({
  test: {
    include: ['test/lab/*.test.ts'],
    globalSetup: ['test/lab/install-fleet.ts'],
    // The chapters share the boards: one at a time, in order.
    fileParallelism: false,
    sequence: { sequencer: ByName },
    maxWorkers: 1,
    // A board boots in a second, or in half a minute on a machine that does much else.
    testTimeout: 420_000,
    hookTimeout: 240_000,
    pool: 'forks',
  },
});
