import type { AuditFinding } from '../../../edge/sharing/audits/audit-finding.js';

/** All logs of a history, and how much of each a board holds: always a beginning of it. */
export class AuditLogs {
  /** By author, in the order of its log. */
  readonly #logs = new Map<string, AuditFinding[]>();
  /** Length of each author's log that a board holds, by board. */
  readonly #held = new Map<string, Map<string, number>>();

  /** @param past what everybody holds of an author when the history begins. */
  constructor(past: ReadonlyMap<string, readonly AuditFinding[]>) {
    const lengths = [...past].map(([author, findings]) => [author, findings.length] as const);
    for (const [author, findings] of past) {
      this.#logs.set(author, [...findings]);
      this.#held.set(author, new Map(lengths));
    }
  }

  /** What a board holds, log by log. */
  heldBy(board: string): readonly AuditFinding[] {
    return [...(this.#held.get(board) ?? [])].flatMap(([author, length]) => this.of(author).slice(0, length));
  }

  of(author: string): readonly AuditFinding[] {
    return this.#logs.get(author) ?? [];
  }

  /** Adds to an author's own log, which it holds itself. */
  append(finding: AuditFinding): void {
    const { author } = finding;
    const log = this.#logs.get(author);
    log?.push(finding);
    this.#held.get(author)?.set(author, log?.length ?? 0);
  }

  /** Copies from one board to another what it lacks. @returns what came. */
  copy(from: string, to: string): readonly AuditFinding[] {
    const held = this.#held.get(to);
    if (held === undefined) return [];
    const came: AuditFinding[] = [];
    for (const [author, length] of this.#held.get(from) ?? []) {
      const before = held.get(author) ?? 0;
      if (length <= before) continue;
      came.push(...this.of(author).slice(before, length));
      held.set(author, length);
    }
    return came;
  }

  /** Two boards for which it is equal hold the same. */
  stateOf(board: string): string {
    return [...(this.#held.get(board)?.values() ?? [])].join();
  }
}
