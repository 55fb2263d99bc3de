/** What people have changed on one camera for a while. */
export type CameraAdjustment = {
  /** Why it is paused, as its state shows it; undefined: it is not. */
  readonly paused: string | undefined;
  /** Score that starts a track, by label, in place of the configured one. */
  readonly scoresMin: Readonly<Record<string, number>>;
};

type Ending<T> = { readonly value: T; readonly untilMonoMs: number };

/**
 * What commands have changed, each with its end. Kept by the main process, so that it outlives the vision process, and in
 * memory only: a node that starts is what its configuration says. Limited by the cameras and labels there are.
 */
export class Adjustments {
  readonly #pauses = new Map<string, Ending<string>>();
  readonly #thresholds = new Map<string, Map<string, Ending<number>>>();

  pause(camera: string, why: string, untilMonoMs: number): void {
    this.#pauses.set(camera, { value: why, untilMonoMs });
  }

  /** @returns false if it was not paused. */
  resume(camera: string): boolean {
    return this.#pauses.delete(camera);
  }

  setThreshold(camera: string, label: string, value: number, untilMonoMs: number): void {
    const labels = this.#thresholds.get(camera) ?? new Map<string, Ending<number>>();
    labels.set(label, { value, untilMonoMs });
    this.#thresholds.set(camera, labels);
  }

  /** What holds for a camera now. */
  of(camera: string): CameraAdjustment {
    const thresholds = [...(this.#thresholds.get(camera) ?? [])];
    return {
      paused: this.#pauses.get(camera)?.value,
      scoresMin: Object.fromEntries(thresholds.map(([label, { value }]) => [label, value])),
    };
  }

  /** Ends what is over. @returns the cameras for which something ended. */
  expire(nowMonoMs: number): string[] {
    const changed = new Set<string>();
    const sweep = <T>(camera: string, name: string, endings: Map<string, Ending<T>>) => {
      const ending = endings.get(name);
      if (ending === undefined || ending.untilMonoMs > nowMonoMs) return;
      endings.delete(name);
      changed.add(camera);
    };
    for (const camera of [...this.#pauses.keys()]) sweep(camera, camera, this.#pauses);
    for (const [camera, labels] of this.#thresholds) {
      for (const label of [...labels.keys()]) sweep(camera, label, labels);
    }
    return [...changed];
  }

  /** When the next one ends, monotonic ms; undefined: nothing is changed. */
  get nextEndMonoMs(): number | undefined {
    const endings = [
      ...this.#pauses.values(),
      ...[...this.#thresholds.values()].flatMap((labels) => [...labels.values()]),
    ];
    return endings.length === 0 ? undefined : Math.min(...endings.map(({ untilMonoMs }) => untilMonoMs));
  }
}
