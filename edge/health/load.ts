/** What the load decision looks at, over the time since the last one. */
export type LoadSample = {
  /** Frames a camera delivered. */
  readonly frames: number;
  /** Frames replaced by a newer one before anybody looked at them. */
  readonly overruns: number;
  /** How long no camera has delivered any, ms. */
  readonly quietMs: number;
};

export type Load = 'active' | 'overloaded';

// Enter above a half, leave below a fifth: between them nothing changes, so that a board at its limit does not flap.
const ENTER_SHARE = 0.5;
const LEAVE_SHARE = 0.2;
/** A look of a slow model may take ten seconds, in which nothing is counted; a board without cameras has nothing to do. */
const QUIET_MS = 60_000;

/** Decides whether the frames of a node are more than it can look at. */
export function decideLoad(previous: Load, { frames, overruns, quietMs }: LoadSample): Load {
  if (frames === 0) return quietMs < QUIET_MS ? previous : 'active';
  const share = overruns / frames;
  if (previous === 'active') return share > ENTER_SHARE ? 'overloaded' : 'active';
  return share < LEAVE_SHARE ? 'active' : 'overloaded';
}
