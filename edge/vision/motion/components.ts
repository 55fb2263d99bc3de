/** A connected patch of set cells: bounds inclusive, in cells. */
export type Component = {
  readonly x1: number;
  readonly y1: number;
  readonly x2: number;
  readonly y2: number;
  /** Set cells. */
  readonly area: number;
  /** Set cells that are also set in the second map. */
  readonly areaActive: number;
};

/** Finds the connected patches of a cell map. Keeps its buffers between calls. */
export class ComponentFinder {
  readonly #widthCells: number;
  readonly #heightCells: number;
  readonly #seen: Uint8Array;
  readonly #stack: Int32Array;

  constructor(widthCells: number, heightCells: number) {
    this.#widthCells = widthCells;
    this.#heightCells = heightCells;
    this.#seen = new Uint8Array(widthCells * heightCells);
    this.#stack = new Int32Array(widthCells * heightCells);
  }

  /**
   * Patches of at least `areaMin` set cells, largest first. Cells belong together within two cells of each other,
   * so that a leg and a body parted by one unlucky cell stay one patch.
   * @param set 1 where a cell is set; @param active a second map that is only counted.
   */
  find(set: Uint8Array, active: Uint8Array, areaMin: number): Component[] {
    const found: Component[] = [];
    this.#seen.fill(0);
    for (let start = 0; start < set.length; start++) {
      if (set[start] === 1 && this.#seen[start] === 0) {
        const component = this.#grow(start, set, active);
        if (component.area >= areaMin) found.push(component);
      }
    }
    return found.sort((a, b) => b.area - a.area);
  }

  #grow(start: number, set: Uint8Array, active: Uint8Array): Component {
    const width = this.#widthCells;
    const height = this.#heightCells;
    let x1 = width;
    let y1 = height;
    let x2 = 0;
    let y2 = 0;
    let area = 0;
    let areaActive = 0;
    let depth = 0;
    this.#stack[depth++] = start;
    this.#seen[start] = 1;
    while (depth > 0) {
      const at = this.#stack[--depth] ?? 0;
      const y = Math.floor(at / width);
      const x = at - y * width;
      area++;
      if (active[at] === 1) areaActive++;
      if (x < x1) x1 = x;
      if (x > x2) x2 = x;
      if (y < y1) y1 = y;
      if (y > y2) y2 = y;
      const xFrom = Math.max(0, x - 2);
      const xTo = Math.min(width - 1, x + 2);
      const yTo = Math.min(height - 1, y + 2);
      for (let ny = Math.max(0, y - 2); ny <= yTo; ny++) {
        for (let next = ny * width + xFrom; next <= ny * width + xTo; next++) {
          if (set[next] === 1 && this.#seen[next] === 0) {
            this.#seen[next] = 1;
            this.#stack[depth++] = next;
          }
        }
      }
    }
    return { x1, y1, x2, y2, area, areaActive };
  }
}
