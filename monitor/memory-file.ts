import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../base/atomic-file.js';
import type { Clock } from '../base/clock.js';
import { systemCodeOf } from '../base/errors.js';
import { makeFolder } from '../base/state-folder.js';
import { parseJson } from '../protocol/codec.js';
import { Id } from '../protocol/ids.js';
import type { PlanMemory } from './plan/case.js';

const Stored = z.object({
  nodes: z.record(
    Id,
    z.object({
      seriesFromMs: z.number().nullable(),
      attempts: z
        .array(
          z.object({
            kind: z.enum(['restart', 'dependencies', 'reboot']),
            atMs: z.number(),
            signature: z.string().max(200),
            helped: z.boolean().optional(),
          }),
        )
        .max(1_000),
    }),
  ),
});

type StoredMemory = z.infer<typeof Stored>;

/** Attempts on this life's clock. Pure. */
export function memoryOf({ nodes }: StoredMemory, nowMs: number, nowMonoMs: number): Map<string, PlanMemory> {
  // A wall clock that was set back since: what seems to lie ahead counts as just done, the safe side of a budget.
  const mono = (wallMs: number) => Math.min(wallMs - (nowMs - nowMonoMs), nowMonoMs);
  return new Map(
    Object.entries(nodes).map(([node, { seriesFromMs, attempts }]) => [
      node,
      {
        seriesFromMonoMs: seriesFromMs === null ? Number.NEGATIVE_INFINITY : mono(seriesFromMs),
        history: attempts.map(({ kind, atMs, signature, helped }) => ({
          kind,
          signature,
          atMonoMs: mono(atMs),
          ...(helped === undefined ? {} : { helped }),
        })),
      },
    ]),
  );
}

/** Attempts as they are kept, on the wall clock: the only one that outlives this machine's boot. Pure. */
export function storedOf(memory: ReadonlyMap<string, PlanMemory>, nowMs: number, nowMonoMs: number): StoredMemory {
  const wallOfMonoMs = nowMs - nowMonoMs;
  const nodes = [...memory].map(([node, { history, seriesFromMonoMs }]) => {
    const seriesFromMs = Number.isFinite(seriesFromMonoMs) ? seriesFromMonoMs + wallOfMonoMs : null;
    const attempts = history.map(({ atMonoMs, ...attempt }) => ({ ...attempt, atMs: atMonoMs + wallOfMonoMs }));
    return [node, { seriesFromMs, attempts }] as const;
  });
  return { nodes: Object.fromEntries(nodes) };
}

/**
 * What was done, by node, so that the next life of the monitor neither begins a ladder anew nor spends a budget twice.
 * Fsynced before an order goes out.
 */
export class MemoryFile {
  readonly #folder: string;
  readonly #path: string;
  readonly #clock: Clock;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#path = join(folder, 'attempts.json');
    this.#clock = clock;
  }

  /** What an earlier life wrote, on this life's clock; empty where there is none. @throws what the disk or a rotten file throws. */
  async read(): Promise<Map<string, PlanMemory>> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      if (systemCodeOf(error) === 'ENOENT') return new Map();
      throw error;
    }
    return memoryOf(Stored.parse(parseJson(text)), this.#clock.nowMs(), this.#clock.monoMs());
  }

  /** Survives a power cut once resolved. @throws what the disk throws. */
  async write(memory: ReadonlyMap<string, PlanMemory>): Promise<void> {
    const stored = storedOf(memory, this.#clock.nowMs(), this.#clock.monoMs());
    await makeFolder(this.#folder);
    await writeFileAtomic(this.#path, `${JSON.stringify(stored)}\n`);
  }
}
