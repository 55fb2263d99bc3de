import type { BoxXyxyPx } from '../box.js';
import type { ZoneSettings } from '../config.js';
import { polygonContains, standingPoint } from '../polygon.js';

/** Which zones one object is in, with inertia: a foot that wavers on a line crosses it once. */
export class ZoneWatch {
  readonly #zones: Readonly<Record<string, ZoneSettings>>;
  // Looks in a row that spoke against the present state of each zone.
  readonly #against = new Map<string, number>();
  readonly #inside = new Set<string>();

  constructor(zones: Readonly<Record<string, ZoneSettings>>) {
    this.#zones = zones;
  }

  /** Zones it counts as in, sorted. */
  get zones(): readonly string[] {
    return [...this.#inside].sort();
  }

  /** Places an object that is told now: it has been watched for a while, so it is where it stands, without inertia. */
  begin(label: string, box: BoxXyxyPx, widthPx: number, heightPx: number): void {
    const [x, y] = standingPoint(box, widthPx, heightPx);
    for (const [name, zone] of Object.entries(this.#zones)) if (isIn(zone, label, x, y)) this.#inside.add(name);
  }

  /** Takes in one sighting. @returns true when it has entered or left a zone by it. */
  see(label: string, box: BoxXyxyPx, widthPx: number, heightPx: number): boolean {
    const [x, y] = standingPoint(box, widthPx, heightPx);
    let isChanged = false;
    for (const [name, zone] of Object.entries(this.#zones)) {
      const wasIn = this.#inside.has(name);
      const against = isIn(zone, label, x, y) === wasIn ? 0 : (this.#against.get(name) ?? 0) + 1;
      this.#against.set(name, against);
      if (against < (wasIn ? zone.leaveFrames : zone.enterFrames)) continue;
      if (against === 0) continue;
      if (wasIn) this.#inside.delete(name);
      else this.#inside.add(name);
      this.#against.set(name, 0);
      isChanged = true;
    }
    return isChanged;
  }
}

function isIn(zone: ZoneSettings, label: string, x: number, y: number): boolean {
  return (zone.labels?.includes(label) ?? true) && polygonContains(zone.polygon, x, y);
}
