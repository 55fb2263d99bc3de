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
 * Parts an evaluation may look at, loops counted out: `tracks().exists(...)` with ten parts counts 2,800. Measured at 28 ns a
 * part on a desktop core: 20,000 are half a millisecond there, and some three on a Raspberry Pi 4.
 */
export const EXPRESSION_STEPS_MAX = 20_000;
/** The same of all rules of a node together: 3 ms a look, of which there are at most 20 a second. */
export const RULES_STEPS_MAX = 100_000;
