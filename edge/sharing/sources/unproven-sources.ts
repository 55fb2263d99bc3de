/** A source that is watched and has sent nothing. */
type Unproven = {
  readonly sinceMs: number;
  /** The peer that told of it; undefined: it was owned by a node that is gone. */
  readonly teller: string | undefined;
};

export type UnprovenTimes = {
  /** After so long without a frame it gives its place to a source that waits for one. */
  readonly proveMs: number;
  /** After so long it is let go in any case, and for so long it is not taken again because somebody tells of it. */
  readonly forgetMs: number;
};

/** Names remembered as let go, so that nobody fills the memory with them; the oldest are forgotten first. */
const DISBELIEVED_MAX = 1_024;

/**
 * Sources that are watched on the word of others, as nothing of them was heard here yet. One peer may tell of hundreds that
 * do not exist: they have half of the room at most, and not for long where others wait. Times are monotonic ms.
 */
export class UnprovenSources {
  readonly #times: UnprovenTimes;
  readonly #tellerMax: number;
  readonly #watched = new Map<string, Unproven>();
  readonly #disbelieved = new Map<string, number>();
  #letGo = 0;

  /** @param roomMax sources watched at a time. */
  constructor(times: UnprovenTimes, roomMax: number) {
    this.#times = times;
    this.#tellerMax = Math.ceil(roomMax / 2);
  }

  /** Sources let go because they sent nothing. */
  get letGo(): number {
    return this.#letGo;
  }

  /** A frame or its info was heard here. */
  proved(source: string): void {
    this.#watched.delete(source);
    this.#disbelieved.delete(source);
  }

  /** Nothing could be heard until now: they have their time again. */
  heardAgain(nowMs: number): void {
    for (const [source, { teller }] of this.#watched) this.#watched.set(source, { sinceMs: nowMs, teller });
  }

  /** Watched from now on, on the word of others. */
  taken(source: string, teller: string | undefined, nowMs: number): void {
    this.#watched.set(source, { sinceMs: nowMs, teller });
  }

  /** No longer watched, for whatever reason. */
  ended(source: string): void {
    this.#watched.delete(source);
  }

  /** It sent nothing here when it was watched: that somebody tells of it is not enough. */
  isDisbelieved(source: string, nowMs: number): boolean {
    const sinceMs = this.#disbelieved.get(source);
    if (sinceMs === undefined) return false;
    if (nowMs - sinceMs < this.#times.forgetMs) return true;
    this.#disbelieved.delete(source);
    return false;
  }

  /** Somebody else has it. */
  isOwned(source: string): void {
    this.#disbelieved.delete(source);
  }

  /** Whether this peer's word has as much of the room as it may. */
  isTellerFull(teller: string | undefined): boolean {
    if (teller === undefined) return false;
    return this.#of(teller).length >= this.#tellerMax;
  }

  /**
   * Lets go of the one that was silent longest, if that is long enough.
   * @param teller only of what this peer told of. @returns its name.
   */
  makeRoom(nowMs: number, teller?: string): string | undefined {
    const [longest] = this.#of(teller);
    if (longest === undefined || nowMs - longest[1].sinceMs < this.#times.proveMs) return undefined;
    return this.#disbelieve(longest[0], nowMs);
  }

  /** Whether it was silent for too long, be there room or not; it is let go then. */
  isOver(source: string, nowMs: number): boolean {
    const unproven = this.#watched.get(source);
    if (unproven === undefined || nowMs - unproven.sinceMs < this.#times.forgetMs) return false;
    this.#disbelieve(source, nowMs);
    return true;
  }

  // In the order in which they were taken.
  #of(teller: string | undefined): [string, Unproven][] {
    return [...this.#watched].filter(([, unproven]) => teller === undefined || unproven.teller === teller);
  }

  #disbelieve(source: string, nowMs: number): string {
    this.#letGo++;
    this.#watched.delete(source);
    this.#disbelieved.delete(source);
    this.#disbelieved.set(source, nowMs);
    const [oldest] = this.#disbelieved.keys();
    if (this.#disbelieved.size > DISBELIEVED_MAX && oldest !== undefined) this.#disbelieved.delete(oldest);
    return source;
  }
}
