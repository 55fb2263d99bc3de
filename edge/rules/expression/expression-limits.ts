/** Longest expression, characters: a condition that a person can still read fits on a few lines. */
export const EXPRESSION_CHARS_MAX = 1_000;
/** Parts of one expression: names, numbers, operators, calls. */
export const EXPRESSION_NODES_MAX = 256;
/** Brackets, accesses and choices within each other. */
export const EXPRESSION_DEPTH_MAX = 24;
/** Elements of a list that is written out. */
export const EXPRESSION_LIST_MAX = 64;
/** Tracks of a node that rules see; beyond them the newest are left out, and what counts them is unknown. */
export const TRACKS_SEEN_MAX = 256;
/**
 * Parts an evaluation may look at, loops counted out. `tracks().exists(...)` with ten parts takes 2,800; at 40 to 80 ns a
 * part this ends after a millisecond on a desktop core, so that 64 rules never hold the main process for long.
 */
export const EXPRESSION_STEPS_MAX = 10_000;
