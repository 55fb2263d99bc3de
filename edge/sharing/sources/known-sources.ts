/** Sources known to this node by its own ears: it heard a frame, or what the broker has retained of them. */
export class KnownSources {
  readonly #max: number;
  readonly #forgetMs: number;
  /** When a frame was heard last, monotonic ms. */
  readonly #heardMs = new Map<string, number>();
  readonly #announced = new Set<string>();
  #refused = 0;

  constructor(max: number, forgetMs: number) {
    this.#max = max;
    this.#forgetMs = forgetMs;
  }

  /** Sources that were not noted because there are too many. */
  get refused(): number {
    return this.#refused;
  }

  heardFrame(source: string, nowMs: number): void {
    if (this.#heardMs.has(source) || this.#hasRoom(source)) this.#heardMs.set(source, nowMs);
  }

  announced(source: string): void {
    if (this.#hasRoom(source)) this.#announced.add(source);
  }

  /** From a broker that is new, or was away: what it has retained is told anew, and what it has not is withdrawn. */
  renewed(): void {
    this.#announced.clear();
  }

  /** Its info was emptied: from now on only its frames tell of it. */
  withdrawn(source: string): void {
    this.#announced.delete(source);
  }

  isAnnounced(source: string): boolean {
    return this.#announced.has(source);
  }

  /** Those a frame was heard of lately, by name: what the others do not know unless they are told. */
  heard(nowMs: number): string[] {
    this.#forget(nowMs);
    return [...this.#heardMs.keys()].sort();
  }

  /** All. */
  all(nowMs: number): Set<string> {
    return new Set([...this.heard(nowMs), ...this.#announced]);
  }

  #hasRoom(source: string): boolean {
    if (this.#heardMs.has(source) || this.#announced.has(source)) return true;
    if (new Set([...this.#heardMs.keys(), ...this.#announced]).size < this.#max) return true;
    this.#refused++;
    return false;
  }

  #forget(nowMs: number): void {
    for (const [source, atMs] of this.#heardMs) {
      if (nowMs - atMs >= this.#forgetMs) this.#heardMs.delete(source);
    }
  }
}
