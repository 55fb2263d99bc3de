/**
 * Where the numbers of one sensor come from. Calls do not overlap, except `close`, which may come at any time.
 */
export interface SensorSource {
  /** Unit of its numbers, where the source knows it. */
  readonly unit: string | undefined;
  /**
   * One number, as the part gives it.
   * @throws Error in the driver's own words when it does not answer, or with what is no number.
   */
  read(signal: AbortSignal): Promise<number>;
  /** Ends what it started. Idempotent; never throws. */
  close(): Promise<void>;
}

/** The number a text holds: the first word, nothing else around it. @throws Error with the text, shortened. */
export function numberOf(text: string): number {
  const word = text.trim().split(/\s+/)[0] ?? '';
  const value = Number(word);
  if (word === '' || !Number.isFinite(value)) throw new Error(`no number: ${JSON.stringify(text.slice(0, 60))}`);
  return value;
}
