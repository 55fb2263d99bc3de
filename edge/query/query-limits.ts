/** What the answering side of queries allows itself. */
export type QueryLimits = {
  /** Queries taken and not answered yet, and those of one asker among them; more are refused as `overloaded`. */
  readonly waiting: number;
  readonly waitingPerAsker: number;
  /** A query that was not begun within this time of its arrival is dropped: nobody waits for it any more. */
  readonly staleMs: number;
  /** Longest that one query may be looked through before its thread is ended. */
  readonly scanMs: number;
  /** Records whose columns the scan thread keeps, about 22 bytes each. */
  readonly columnsRecords: number;
  /** After a start: when segments are read ahead, and the pause between two of them. */
  readonly warmAfterMs: number;
  readonly warmPauseMs: number;
  /** Segments named in one message to the scan thread. */
  readonly chunkSegments: number;
  /** Bytes of the rows of one part of an answer. */
  readonly partBytes: number;
};

export const DEFAULT_QUERY_LIMITS: QueryLimits = {
  // An asker sends one query to each replica at a time; sixteen people at once are more than a site has.
  waiting: 16,
  waitingPerAsker: 4,
  // The asker's own deadline is 3 s.
  staleMs: 5_000,
  // 100,000 records take 0.5 s from disk on a desktop core; ten million on a Raspberry Pi would take minutes.
  scanMs: 30_000,
  // 20 MB: ten days of a record a second. What falls out is read from disk again.
  columnsRecords: 1_000_000,
  // 20 segments a second: a tenth of a Raspberry Pi's core, and 100,000 records in 20 s.
  warmAfterMs: 15_000,
  warmPauseMs: 50,
  // Copying the names of 256 segments to another thread takes 1 ms.
  chunkSegments: 256,
  // The route allows 64 KiB; the rest is for the envelope and what is missing.
  partBytes: 40 * 1024,
};
