/** What the load decision looks at, over the time since the last one. */
export type LoadSample = {
  /** Frames a camera delivered. */
  readonly frames: number;
  /** Frames replaced by a newer one before anybody looked at them. */
  readonly overruns: number;
  /** Whether records reach the disk. */
  readonly diskOk: boolean;
};

export type Load = 'active' | 'overloaded';

// Enter above a half, leave below a fifth: between them nothing changes, so that a board at its limit does not flap.
const ENTER_SHARE = 0.5;
const LEAVE_SHARE = 0.2;

/** Decides whether a node is overloaded. A node that cannot keep records is, whatever its frames do. */
export function decideLoad(previous: Load, sample: LoadSample): Load {
  if (!sample.diskOk) return 'overloaded';
  if (sample.frames === 0) return previous;
  const share = sample.overruns / sample.frames;
  if (previous === 'active') return share > ENTER_SHARE ? 'overloaded' : 'active';
  return share < LEAVE_SHARE ? 'active' : 'overloaded';
}
