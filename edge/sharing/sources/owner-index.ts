import type { Watcher } from './watchers.js';

/** Another node, and since when it has had what it has, in the state it is in. */
type Known = { readonly watcher: Watcher; readonly what: string; readonly sinceMs: number };

const NOBODY: readonly Watcher[] = [];

/** What the others have, by source. It changes with those of them that changed. Times are monotonic ms. */
export class OwnerIndex {
  readonly #known = new Map<string, Known>();
  readonly #owners = new Map<string, readonly Watcher[]>();
  readonly #lost = new Set<string>();

  /** @param watchers one that is the same object as before has not changed. @returns whether anything has. */
  update(watchers: readonly Watcher[], nowMs: number): boolean {
    this.#lost.clear();
    let isChanged = false;
    for (const watcher of watchers) {
      const before = this.#known.get(watcher.node);
      if (before?.watcher === watcher) continue;
      isChanged = true;
      if (before !== undefined) this.#remove(before.watcher);
      for (const source of watcher.owns) this.#owners.set(source, [...this.ownersOf(source), watcher]);
      const what = `${watcher.state} ${[...watcher.owns].sort().join(' ')}`;
      this.#known.set(watcher.node, { watcher, what, sinceMs: before?.what === what ? before.sinceMs : nowMs });
    }
    if (this.#known.size === watchers.length) return isChanged;
    this.#loseAllBut(new Set(watchers.map(({ node }) => node)));
    return true;
  }

  ownersOf(source: string): readonly Watcher[] {
    return this.#owners.get(source) ?? NOBODY;
  }

  /** Sources that somebody has. */
  owned(): Iterable<string> {
    return this.#owners.keys();
  }

  /** Sources of which an owner was there until the last update, and is not any more. */
  get lost(): ReadonlySet<string> {
    return this.#lost;
  }

  /** Since when a node has had the same sources, in the same state; undefined: it is not there. */
  steadySinceMs(node: string): number | undefined {
    return this.#known.get(node)?.sinceMs;
  }

  #loseAllBut(nodes: ReadonlySet<string>): void {
    for (const [node, { watcher }] of this.#known) {
      if (nodes.has(node)) continue;
      this.#known.delete(node);
      this.#remove(watcher);
      for (const source of watcher.owns) this.#lost.add(source);
    }
  }

  #remove({ node, owns }: Watcher): void {
    for (const source of owns) {
      const others = this.ownersOf(source).filter((owner) => owner.node !== node);
      if (others.length > 0) this.#owners.set(source, others);
      else this.#owners.delete(source);
    }
  }
}
