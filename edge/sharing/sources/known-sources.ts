/** When a frame was heard last, monotonic ms; whether the broker has an info of it. One of the two at least. */
type Known = { readonly heardMs: number | undefined; readonly isAnnounced: boolean };

/** Sources known to this node by its own ears: it heard a frame, or what the broker has retained of them. */
export class KnownSources {
  readonly #max: number;
  readonly #forgetMs: number;
  readonly #known = new Map<string, Known>();
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
    return this.#note(source, (known) => ({ heardMs: nowMs, isAnnounced: known?.isAnnounced ?? false }));
  }

  /** @returns whether it was not known before, and is now. */
  announced(source: string): boolean {
    return this.#note(source, (known) => ({ heardMs: known?.heardMs, isAnnounced: true }));
  }

  /** From a broker that is new, or was away: what it has retained is told anew, and what it has not is withdrawn. */
  renewed(): void {
    for (const source of this.#known.keys()) this.withdrawn(source);
  }

  /** Its info was emptied: from now on only its frames tell of it. */
  withdrawn(source: string): void {
    const heardMs = this.#known.get(source)?.heardMs;
    if (heardMs === undefined) this.#known.delete(source);
    else this.#known.set(source, { heardMs, isAnnounced: false });
  }

  has(source: string, nowMs: number): boolean {
    const known = this.#known.get(source);
    return known !== undefined && (known.isAnnounced || this.#isHeard(known, nowMs));
  }

  /** Those a frame was heard of lately, by name: what the others do not know unless they are told. */
  heard(nowMs: number): string[] {
    return [...this.#known].flatMap(([source, known]) => (this.#isHeard(known, nowMs) ? [source] : [])).sort();
  }

  /** All; those that were silent for long are forgotten. */
  all(nowMs: number): Iterable<string> {
    for (const [source, { heardMs, isAnnounced }] of this.#known) {
      if (heardMs !== undefined && nowMs - heardMs >= this.#forgetMs) {
        if (isAnnounced) this.#known.set(source, { heardMs: undefined, isAnnounced });
        else this.#known.delete(source);
      }
    }
    return this.#known.keys();
  }

  #note(source: string, now: (known: Known | undefined) => Known): boolean {
    const known = this.#known.get(source);
    if (known === undefined && this.#known.size >= this.#max) {
      this.#refused++;
      return false;
    }
    this.#known.set(source, now(known));
    return known === undefined;
  }

  #isHeard({ heardMs }: Known, nowMs: number): boolean {
    return heardMs !== undefined && nowMs - heardMs < this.#forgetMs;
  }
}
