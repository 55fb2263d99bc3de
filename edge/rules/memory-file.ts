import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomic } from '../../base/atomic-file.js';
import { messageOf, systemCodeOf } from '../../base/errors.js';
import { describeIssues, parseJson } from '../../protocol/codec.js';
import { Id } from '../../protocol/ids.js';
import { AlertValues, Severity } from '../../protocol/record.js';
import type { RuleMemory } from './rule-set.js';

const MemoryFile = z.object({
  v: z.literal(1),
  open: z.record(
    Id,
    z.object({ raisedAtMs: z.int().min(0), severity: Severity, text: z.string().max(400), values: AlertValues }),
  ),
  cooldownUntilMs: z.record(Id, z.number().min(0)),
});

export const NO_MEMORY: RuleMemory = { open: {}, cooldownUntilMs: {} };

/** Where a node keeps its open alerts. */
export function ruleMemoryPath(stateDir: string): string {
  return join(stateDir, 'alerts.json');
}

/** Reads which alerts were open; nothing where there is no such file. @throws Error for one that cannot be read. */
export async function readRuleMemory(path: string): Promise<RuleMemory> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemCodeOf(error) === 'ENOENT') return NO_MEMORY;
    throw error;
  }
  const parsed = MemoryFile.safeParse(parseText(text));
  if (!parsed.success) throw new Error(describeIssues(parsed.error));
  return parsed.data;
}

/** Survives a power cut once it has resolved. @throws the system's error; the file is then as it was. */
export async function writeRuleMemory(path: string, memory: RuleMemory): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify({ v: 1, ...memory })}\n`);
}

function parseText(text: string): unknown {
  try {
    return parseJson(text);
  } catch (error) {
    throw new Error(`no JSON: ${messageOf(error)}`);
  }
}
