type Branch<T> = { readonly children: Map<string, Branch<T>>; readonly values: Set<T> };

function newBranch<T>(): Branch<T> {
  return { children: new Map(), values: new Set() };
}

/** Values by topic filter. Finding those that match a topic name costs by its levels, not by how many there are. */
export class SubscriptionTree<T> {
  readonly #root: Branch<T> = newBranch();
  #size = 0;

  add(filter: string, value: T): void {
    let branch = this.#root;
    for (const level of filter.split('/')) {
      let child = branch.children.get(level);
      if (child === undefined) {
        child = newBranch();
        branch.children.set(level, child);
      }
      branch = child;
    }
    if (!branch.values.has(value)) this.#size++;
    branch.values.add(value);
  }

  remove(filter: string, value: T): void {
    this.#prune(this.#root, filter.split('/'), 0, value);
  }

  get size(): number {
    return this.#size;
  }

  /** Every value whose filter matches a topic name; one that was added under two such filters comes twice. */
  match(topic: string): T[] {
    const found: T[] = [];
    this.#collect(this.#root, topic.split('/'), 0, found);
    return found;
  }

  #collect(branch: Branch<T>, levels: readonly string[], at: number, found: T[]): void {
    // [MQTT-4.7.2-1]: a wildcard at the first level does not match `$SYS` and its like.
    const wild = at > 0 || !(levels[0] ?? '').startsWith('$');
    if (wild) for (const value of branch.children.get('#')?.values ?? []) found.push(value);
    const level = levels[at];
    if (level === undefined) {
      for (const value of branch.values) found.push(value);
      return;
    }
    const exact = branch.children.get(level);
    if (exact !== undefined) this.#collect(exact, levels, at + 1, found);
    const any = wild ? branch.children.get('+') : undefined;
    if (any !== undefined) this.#collect(any, levels, at + 1, found);
  }

  // Branches that hold nothing are dropped, so that a client that subscribes and leaves for ever costs nothing.
  #prune(branch: Branch<T>, levels: readonly string[], at: number, value: T): void {
    const level = levels[at];
    if (level === undefined) {
      if (branch.values.delete(value)) this.#size--;
      return;
    }
    const child = branch.children.get(level);
    if (child === undefined) return;
    this.#prune(child, levels, at + 1, value);
    if (child.values.size === 0 && child.children.size === 0) branch.children.delete(level);
  }
}
