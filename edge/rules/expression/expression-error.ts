/** What is wrong with an expression: found before it runs. */
export class ExpressionError extends Error {
  /** Offset in the expression, characters from 0. */
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.at = at;
  }
}

/** Line and column from 1 of an offset, for an expression of several lines; `character 12` for one of one line. */
export function placeIn(text: string, at: number): string {
  const before = text.slice(0, at).split('\n');
  const column = (before.at(-1)?.length ?? 0) + 1;
  return text.includes('\n') ? `line ${before.length}, character ${column}` : `character ${column}`;
}
