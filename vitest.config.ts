import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Chapters on real boards run by themselves: npm run test:lab.
    exclude: ['test/lab/**', 'node_modules/**'],
    // Two workers: system chapters start real processes, and the smallest machine we test on has two cores.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    pool: 'forks',
  },
});
