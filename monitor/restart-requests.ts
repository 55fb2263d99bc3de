import type { Clock } from '../base/clock.js';
import type { CommandAnswer } from '../base/command/command-desk.js';

/** A probe and an order, each as long as the plan waits for it, and as much again: the plan answers before. */
const ANSWER_MS_MAX = 240_000;

/** Who waits for what comes of a restart, by node. As many as commands can be under way. */
export class RestartRequests {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, ((answer: CommandAnswer) => void)[]>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Nobody is to be answered any more. */
  close(): void {
    for (const settles of [...this.#waiting.values()]) for (const settle of settles) settle(LATE);
  }

  /** Resolves with the next answer about this node. */
  wait(node: string): Promise<CommandAnswer> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(ANSWER_MS_MAX, () => settle(LATE));
      const settle = (answer: CommandAnswer) => {
        cancel();
        const others = (this.#waiting.get(node) ?? []).filter((other) => other !== settle);
        if (others.length === 0) this.#waiting.delete(node);
        else this.#waiting.set(node, others);
        resolve(answer);
      };
      this.#waiting.set(node, [...(this.#waiting.get(node) ?? []), settle]);
    });
  }

  /** Answers who came last: a request that is refused is answered before the next one is taken. */
  answer(
    node: string,
    { ok, code, what }: { readonly ok: boolean; readonly code: string; readonly what: string },
  ): void {
    const settle = this.#waiting.get(node)?.at(-1);
    settle?.(ok ? { ok, result: { node, outcome: code, what } } : { ok, code, message: what });
  }
}

const LATE: CommandAnswer = {
  ok: false,
  code: 'try-again',
  message: 'no outcome yet: the incident of the node tells how it goes on',
};
