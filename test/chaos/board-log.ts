import { z } from 'zod';
import { parseBoardCommand } from '../../protocol/board.js';
import { parseJson } from '../../protocol/codec.js';
import type { RestartDone, ServiceFailed } from './chaos-history.js';

const Line = z.looseObject({
  time: z.number(),
  msg: z.string(),
  line: z.string().optional(),
  outcome: z.string().optional(),
  active: z.string().optional(),
});

export type BoardLog = { readonly restarts: readonly RestartDone[]; readonly failures: readonly ServiceFailed[] };

/**
 * What the log of a simulated board says of orders it carried out and of services that failed on it. The service writes
 * into the same file, and may be killed in the middle of a line: what is no line of the board is passed over.
 */
export function readBoardLog(node: string, text: string): BoardLog {
  const restarts: RestartDone[] = [];
  const failures: ServiceFailed[] = [];
  for (const entry of linesOf(text)) {
    if (entry.msg === 'service ended' && entry.active === 'failed') failures.push({ node, atMs: entry.time });
    if (entry.msg !== 'order' || entry.outcome !== 'restarted' || entry.line === undefined) continue;
    const command = parseBoardCommand(entry.line);
    if (typeof command === 'string' || command.verb !== 'restart') continue;
    restarts.push({ node, inv: command.expected ?? '', atMs: entry.time });
  }
  return { restarts, failures };
}

function linesOf(text: string): z.infer<typeof Line>[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = Line.safeParse(parseJson(line));
      return parsed.success ? [parsed.data] : [];
    } catch {
      return [];
    }
  });
}
