/** Times of the sharing of sources, ms. */
export type SourceTimes = {
  /**
   * After a connect nothing is claimed for this long: what the broker has retained of the others' claims arrives within a
   * round trip.
   */
  readonly settleMs: number;
  /** A source nobody has, without an owner having been lost, is taken after this: its owner may be settling. */
  readonly unclaimedWaitMs: number;
  /** The second in the order waits this much longer than the first, the third twice: one of them takes it, not all. */
  readonly rankWaitMs: number;
  /** Places in the order that are told apart by waiting; all behind them wait as long as the last. */
  readonly ranksMax: number;
  /** A source that was not heard for this long, and has no info, is forgotten. */
  readonly forgetMs: number;
  /** What is watched because others tell of it and sends nothing here for so long makes room for what waits for some. */
  readonly proveMs: number;
  /** An overloaded owner is relieved of one source, and of the next this much later: its load follows slowly. */
  readonly relieveMs: number;
  /** Who gave a source away because it was overloaded does not relieve anybody of it for this long. */
  readonly regretMs: number;
};

export const SOURCE_TIMES: SourceTimes = {
  settleMs: 1_000,
  // Longer than settling, with two seconds for a slow link.
  unclaimedWaitMs: 3_000,
  rankWaitMs: 1_000,
  ranksMax: 5,
  forgetMs: 600_000,
  // Several frames of all but the slowest; a third of the longest a source may be unwatched.
  proveMs: 30_000,
  // Overload itself is declared and taken back after ten seconds.
  relieveMs: 30_000,
  regretMs: 600_000,
};

/** Sources this node knows of by its own ears. */
export const KNOWN_MAX = 4_096;

/** Sources thought about at a time: own ones first, then those whose owner is lost, those with one, those others have heard of. */
export const HEEDED_MAX = 4_096;

/** Where nothing is open, all is thought through again this often: what is forgotten is so in minutes. */
export const LOOK_EVERY_MS = 10_000;

/** The node on duty hears all sources at least this long of every `everyMs`, and for as long as it hears nothing. */
export const DISCOVERY = { listenMs: 5_000, everyMs: 20_000 } as const;

/** Frames per second that are taken from one source; of more, the newest. An object that passes is seen at five. */
export const FRAMES_PER_SECOND_MAX = 10;
