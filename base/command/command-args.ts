import type { z } from 'zod';
import { describeFaults } from '../config-problem.js';
import { schemaTree } from '../config-schema.js';

/** Every fault of a command's arguments in one line, each with what is allowed. */
export function describeArgs(schema: z.ZodType, args: unknown): string {
  const issues = schema.safeParse(args).error?.issues ?? [];
  const faults = describeFaults(issues, args, schemaTree(schema));
  return faults.map(({ path, message }) => (path.length === 0 ? message : `${path.join('.')}: ${message}`)).join('; ');
}
