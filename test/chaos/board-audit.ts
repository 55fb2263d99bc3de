import { z } from 'zod';
import { parseBoardCommand } from '../../protocol/board.js';
import { parseJson } from '../../protocol/codec.js';
import { Board } from '../lab/board.js';
import { BROKER_BOARD, NODES } from '../lab/fleet-plan.js';
import type { RestartDone } from './chaos-history.js';

const Line = z.looseObject({ at: z.number(), line: z.string(), outcome: z.string() });

/** Restarts in the audit log of a board, which has whole seconds; the service of a node is called as the node. */
export function readAudit(text: string): RestartDone[] {
  return text.split('\n').flatMap((line) => {
    const entry = parsed(line);
    if (entry === undefined || entry.outcome !== 'restarted') return [];
    const command = parseBoardCommand(entry.line);
    if (typeof command === 'string' || command.verb !== 'restart') return [];
    const node = /^vedette-(?:edge@)?([a-z0-9-]+)\.service$/.exec(command.unit)?.[1] ?? '';
    return [{ node, inv: command.expected ?? '', atMs: entry.at * 1_000 + 999 }];
  });
}

function parsed(line: string): z.infer<typeof Line> | undefined {
  try {
    return Line.safeParse(parseJson(line)).data;
  } catch {
    return undefined;
  }
}

/** What the boards of the lab wrote down since a time. A power cut takes the newest lines of a log, so all are kept here. */
export class BoardAudit {
  readonly #sinceMs: number;
  readonly #lines = new Map<number, Set<string>>();

  constructor(sinceMs: number) {
    this.#sinceMs = sinceMs;
  }

  /** Reads one board again; a board without power has nothing new. */
  async collect(index: number): Promise<void> {
    const known = this.#lines.get(index) ?? new Set<string>();
    this.#lines.set(index, known);
    const { out } = await new Board(index).tried('sh', '-c', 'cat /var/lib/vedette-boardctl/audit.jsonl*');
    for (const line of out.split('\n')) known.add(line);
  }

  async restarts(): Promise<RestartDone[]> {
    const boards = [BROKER_BOARD, ...Object.values(NODES)];
    for (const index of boards) await this.collect(index);
    const all = boards.flatMap((index) => readAudit([...(this.#lines.get(index) ?? [])].join('\n')));
    return all.filter(({ atMs }) => atMs >= this.#sinceMs);
  }
}
