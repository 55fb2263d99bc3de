/** Sightings remembered for one query: 20 MB at most. Beyond, repeats are no longer seen. */
const SIGHTINGS_MAX = 250_000;

type Teller = { readonly log: string; readonly times: number };

/**
 * Counts records that tell what a record of another log tells: for a moment two nodes watched one source. Within one log
 * nothing is told twice: two dogs of one frame have one label and two tracks. The outcome does not depend on the order.
 */
export class RepeatCounter {
  readonly #alone = new Map<number, Teller>();
  /** Those that several logs tell, by log. */
  readonly #several = new Map<number, Map<string, number>>();

  note(sighting: number, log: string): void {
    const logs = this.#several.get(sighting);
    if (logs !== undefined) {
      logs.set(log, (logs.get(log) ?? 0) + 1);
      return;
    }
    const known = this.#alone.get(sighting);
    if (known === undefined) {
      if (this.#alone.size < SIGHTINGS_MAX) this.#alone.set(sighting, { log, times: 1 });
    } else if (known.log === log) this.#alone.set(sighting, { log, times: known.times + 1 });
    else {
      this.#several.set(
        sighting,
        new Map([
          [known.log, known.times],
          [log, 1],
        ]),
      );
    }
  }

  /** Records that could be left out and nothing would be untold. */
  get repeats(): number {
    let repeats = 0;
    for (const logs of this.#several.values()) {
      // The same choice as in a list: the first log by name is the one that tells, whatever it has of it.
      const [first, ...others] = [...logs].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, times]) => times);
      for (const times of others) repeats += Math.min(times, first ?? 0);
    }
    return repeats;
  }
}

/**
 * What a record of a source tells, as a number: the same event of the same frame, of the same label. 53 bits of hashes; that
 * two different ones of a million have one number has a chance of 1 in 18,000.
 * @param digest first 16 hex digits of the SHA-256 of the frame.
 * @param texts camera, event and label.
 */
export function sightingNumber(digest: string, texts: readonly string[]): number {
  const high = Number.parseInt(digest.slice(0, 8), 16);
  const low = Number.parseInt(digest.slice(8, 16), 16) ^ textHash(texts.join(' '));
  return high * 2 ** 21 + (low >>> 11);
}

// FNV-1a, its bits spread once more: the upper ones are used.
function textHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
}
