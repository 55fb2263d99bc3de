/** What the cameras of a node came to since the last look, about a second ago. Counts. */
export type OverloadSample = {
  /** Frames looked at, here or by others. */
  readonly looked: number;
  /** Frames replaced by newer ones while they waited for a turn, or while the board cooled down. */
  readonly waited: number;
  /** Of those looked at: by others. */
  readonly offered: number;
};

/**
 * Enter above, leave below, parts of the frames the detectors were wanted for; and for how many samples in a row. `gain`:
 * weight of the newest sample, as a slow board has few frames a second and one of them more or less must not decide.
 */
export type OverloadBounds = {
  readonly gain: number;
  readonly enterShare: number;
  readonly enterSamples: number;
  readonly leaveShare: number;
  readonly leaveSamples: number;
};

// Three seconds: a burst of motion is over by then. Ten to leave: what is offered is wanted as long as it is done, and a
// scene that is calm for a breath must not stop and start it.
export const OVERLOAD_BOUNDS: OverloadBounds = {
  gain: 0.25,
  enterShare: 0.1,
  enterSamples: 3,
  leaveShare: 0.02,
  leaveSamples: 10,
};

export type OverloadState = {
  readonly isOverloaded: boolean;
  /** Samples in a row that spoke for the other state. */
  readonly against: number;
  /** Frames per sample, smoothed: those the detectors were wanted for, and those they could not do here. */
  readonly wanted: number;
  readonly lacking: number;
};

export const NOT_OVERLOADED: OverloadState = { isOverloaded: false, against: 0, wanted: 0, lacking: 0 };

/**
 * Whether a node has more to look at than it can, after one more sample. What others did for it counts as lacking: with
 * their help nothing waits any more, and help that ends when it helps would come and go.
 */
export function judgeOverload(
  state: OverloadState,
  { looked, waited, offered }: OverloadSample,
  bounds: OverloadBounds = OVERLOAD_BOUNDS,
): OverloadState {
  const wanted = state.wanted + bounds.gain * (looked + waited - state.wanted);
  const lacking = state.lacking + bounds.gain * (waited + offered - state.lacking);
  const next = { ...state, wanted, lacking };
  const share = wanted === 0 ? 0 : lacking / wanted;
  const isOther = state.isOverloaded ? share < bounds.leaveShare : share > bounds.enterShare;
  if (!isOther) return { ...next, against: 0 };
  const against = state.against + 1;
  const needed = state.isOverloaded ? bounds.leaveSamples : bounds.enterSamples;
  return against < needed ? { ...next, against } : { ...next, isOverloaded: !state.isOverloaded, against: 0 };
}
