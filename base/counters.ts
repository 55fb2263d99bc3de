/** Named monotone counters of one part. Whatever is dropped, diverted, retried or restarted is counted here. */
export class Counters<Name extends string> {
  readonly #values: Map<Name, number>;

  constructor(names: readonly Name[]) {
    this.#values = new Map(names.map((name) => [name, 0]));
  }

  add(name: Name, by = 1): void {
    this.#values.set(name, (this.#values.get(name) ?? 0) + by);
  }

  get(name: Name): number {
    return this.#values.get(name) ?? 0;
  }

  /** A plain copy, names in the order they were declared. */
  snapshot(): Record<string, number> {
    return Object.fromEntries(this.#values);
  }
}
