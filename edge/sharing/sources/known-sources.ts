/** Sources known to this node by its own ears: it heard a frame, or what the broker has retained of them. */
export class KnownSources {
  readonly #max: number;
  readonly #forgetMs: number;
  /** When a frame was heard last, monotonic ms. */
  readonly #heard = new Map<string, number>();
  /** The broker has an info of them. */
  readonly #announced = new Set<string>();
  /** Those that are in one of the two, or in both. */
  #size = 0;
  #refused = 0;

  constructor(max: number, forgetMs: number) {
    this.#max = max;
    this.#forgetMs = forgetMs;
  }

  /** Sources that were not noted because there are too many. */
  get refused(): number {
    return this.#refused;
  }

  /** @returns whether it was not known before, and is now. */
  heardFrame(source: string, nowMs: number): boolean {
    const isNew = !this.#isNoted(source);
    if (isNew && !this.#makePlace()) return false;
    this.#heard.set(source, nowMs);
    return isNew;
  }

  /** @returns whether it was not known before, and is now. */
  announced(source: string): boolean {
    const isNew = !this.#isNoted(source);
    if (isNew && !this.#makePlace()) return false;
    this.#announced.add(source);
    return isNew;
  }

  /** From a broker that is new, or was away: what it has retained is told anew, and what it has not is withdrawn. */
  renewed(): void {
    this.#announced.clear();
    this.#size = this.#heard.size;
  }

  /** Its info was emptied: from now on only its frames tell of it. */
  withdrawn(source: string): void {
    if (this.#announced.delete(source) && !this.#heard.has(source)) this.#size--;
  }

  has(source: string, nowMs: number): boolean {
    return this.#announced.has(source) || this.#isHeard(this.#heard.get(source), nowMs);
  }

  /** Those a frame was heard of lately, by name: what the others do not know unless they are told. */
  heard(nowMs: number): string[] {
    return [...this.#heard].flatMap(([source, heardMs]) => (this.#isHeard(heardMs, nowMs) ? [source] : [])).sort();
  }

  /** All; those that were silent for long are forgotten. */
  *all(nowMs: number): Iterable<string> {
    for (const [source, heardMs] of this.#heard) {
      if (this.#isHeard(heardMs, nowMs)) {
        if (!this.#announced.has(source)) yield source;
        continue;
      }
      this.#heard.delete(source);
      if (!this.#announced.has(source)) this.#size--;
    }
    yield* this.#announced;
  }

  #isNoted(source: string): boolean {
    return this.#heard.has(source) || this.#announced.has(source);
  }

  #makePlace(): boolean {
    const isPlace = this.#size < this.#max;
    if (isPlace) this.#size++;
    else this.#refused++;
    return isPlace;
  }

  #isHeard(heardMs: number | undefined, nowMs: number): boolean {
    return heardMs !== undefined && nowMs - heardMs < this.#forgetMs;
  }
}
