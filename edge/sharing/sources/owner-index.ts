import type { Watcher } from './watchers.js';

/** Another node, and since when it has had what it has, in the state it is in. */
type Known = { readonly watcher: Watcher; readonly what: string; readonly sinceMs: number };

const NOBODY: readonly Watcher[] = [];

/** What the others have, by source. It changes with those of them that changed. Times are monotonic ms. */
export class OwnerIndex {
  readonly #known = new Map<string, Known>();
  readonly #owners = new Map<string, readonly Watcher[]>();
  readonly #lost = new Set<string>();
  readonly #moved = new Set<string>();
  readonly #newlyHeard = new Set<string>();
  #isFleetChanged = false;
  #watchers: readonly Watcher[] = [];

  /** @param watchers one that is the same object as before has not changed. @returns whether anything has. */
  update(watchers: readonly Watcher[], nowMs: number): boolean {
    for (const found of [this.#lost, this.#moved, this.#newlyHeard]) found.clear();
    this.#isFleetChanged = false;
    const seen = this.#watchers;
    if (watchers === seen) return false;
    this.#watchers = watchers;
    let isChanged = false;
    for (let i = 0; i < watchers.length; i++) {
      const watcher = watchers[i];
      if (watcher === undefined || watcher === seen[i]) continue;
      const before = this.#known.get(watcher.node);
      if (before?.watcher === watcher) continue;
      isChanged = true;
      this.#replace(before, watcher, nowMs);
    }
    if (this.#known.size === watchers.length) return isChanged;
    this.#loseAllBut(new Set(watchers.map(({ node }) => node)));
    this.#isFleetChanged = true;
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

  /** Somebody came or went at the last update, or does well or badly other than before. */
  get isFleetChanged(): boolean {
    return this.#isFleetChanged;
  }

  /** Sources that somebody took or let go at the last update, and what one has who came, or does well or badly now. */
  get moved(): ReadonlySet<string> {
    return this.#moved;
  }

  /** Sources that somebody had not heard before the last update. */
  get newlyHeard(): ReadonlySet<string> {
    return this.#newlyHeard;
  }

  /** Since when a node has had the same sources, in the same state; undefined: it is not there. */
  steadySinceMs(node: string): number | undefined {
    return this.#known.get(node)?.sinceMs;
  }

  #replace(before: Known | undefined, watcher: Watcher, nowMs: number): void {
    const was = before?.watcher;
    const isOther = was?.state !== watcher.state || was.isDoubted !== watcher.isDoubted;
    if (isOther) this.#isFleetChanged = true;
    addNew(this.#newlyHeard, watcher.heard, was?.heard);
    addNew(this.#moved, watcher.owns, isOther ? [] : was?.owns);
    addNew(this.#moved, was?.owns ?? [], watcher.owns);
    if (was !== undefined) this.#remove(was);
    for (const source of watcher.owns) this.#owners.set(source, [...this.ownersOf(source), watcher]);
    const what = `${watcher.state} ${[...watcher.owns].sort().join(' ')}`;
    this.#known.set(watcher.node, { watcher, what, sinceMs: before?.what === what ? before.sinceMs : nowMs });
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

function addNew(found: Set<string>, now: readonly string[], before: readonly string[] = []): void {
  const had = new Set(before);
  for (const name of now) if (!had.has(name)) found.add(name);
}
