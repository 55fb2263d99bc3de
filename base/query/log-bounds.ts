/** The part of one log a query asks for: all records from seq `from` to seq `to`. */
export type LogBounds = { readonly node: string; readonly epoch: string; readonly from: number; readonly to: number };

/** A place in a log: all its records up to a seq. */
export type LogPosition = Pick<LogBounds, 'node' | 'epoch'> & { readonly seq: number };

export function logKey({ node, epoch }: Pick<LogBounds, 'node' | 'epoch'>): string {
  return `${node}/${epoch}`;
}
