import { type Claimant, foldDoubts } from '../../base/doubts.js';
import type { Random } from '../../base/random.js';
import type { Doubt } from '../../protocol/sharing.js';
import type { SimulatedFleet } from '../monitor/simulated-fleet.js';
import type { SimulatedBoard } from './simulated-board.js';

type Claims = Claimant['claims'];

type Standing = { disputes: number; disputed: number; valid: number; inRow: number; sinceMs: number | undefined };

/** How often each node that sees has a result that two others check: a busy scene, or a quiet one. */
const RESULT_MS = [5_000, 20_000] as const;
/** As `edge/sharing/audits` has them. */
const DISPUTES = 2;
const CLEARED_BY = 10;

/**
 * What the nodes of a simulated fleet find of each other's results, and what they claim of it: the honest all the same, as
 * all hear all verdicts, and a liar what he likes. A result is disputed if its node is wrong, and judged at all only while
 * two others are there to do it.
 */
export class SimulatedAudits {
  readonly #fleet: SimulatedFleet;
  readonly #boards: ReadonlyMap<string, SimulatedBoard>;
  readonly #random: Random;
  readonly #models = new Map<string, number>();
  readonly #past: Doubt[] = [];
  readonly #standings = new Map<string, Standing>();
  /** Who claims what is not so: of one node, of all, or of nobody. */
  readonly liars = new Map<string, readonly string[]>();
  /** Somebody lied at some time. */
  hasLied = false;
  readonly #resultMs: number;
  #dueMs = 0;
  #claims = new Map<string, Claims>();
  #massFromMs: number | undefined;

  constructor(fleet: SimulatedFleet, boards: ReadonlyMap<string, SimulatedBoard>, random: Random) {
    this.#fleet = fleet;
    this.#boards = boards;
    this.#random = random;
    this.#resultMs = random.pick(RESULT_MS);
  }

  /** Since when more than half of all are doubted; undefined while they are not. */
  get massFromMs(): number | undefined {
    return this.#massFromMs;
  }

  /** True for who is there to check others and be checked. */
  canAudit(board: SimulatedBoard): boolean {
    return canAudit(board);
  }

  get canAuditCount(): number {
    return [...this.#boards.values()].filter((board) => canAudit(board)).length;
  }

  /** The retained claims of all nodes. */
  claims(): ReadonlyMap<string, Claims> {
    return this.#claims;
  }

  /** A person gave it another model: what was said of the last one stays, and is not about it any more. */
  replaceModel(node: string): void {
    this.#past.push(...this.#doubtsOf(node));
    this.#standings.delete(node);
    this.#models.set(node, (this.#models.get(node) ?? 0) + 1);
  }

  #modelOf(node: string): string {
    return String(this.#models.get(node) ?? 0).padStart(64, 'd');
  }

  #doubtsOf(node: string): Doubt[] {
    const { sinceMs, disputed = 0, valid = 0 } = this.#standings.get(node) ?? {};
    return sinceMs === undefined ? [] : [this.#doubt(node, sinceMs, disputed, valid)];
  }

  #doubt(node: string, sinceMs: number, disputed: number, valid: number): Doubt {
    return { node, model: this.#modelOf(node), sinceMs, disputed, valid, last: { e: 'aaaaaaaaaaaa', s: disputed } };
  }

  /** Moves on; the claims that changed. */
  step(): [string, Claims][] {
    const { nowMs } = this.#fleet;
    if (nowMs < this.#dueMs) return [];
    this.#dueMs = nowMs + this.#resultMs;
    this.hasLied ||= this.liars.size > 0;
    const there = [...this.#boards.values()].filter((board) => canAudit(board));
    for (const board of there) if (there.length > 2) this.#judge(board);
    const changed: [string, Claims][] = [];
    for (const { node } of there) {
      const claims = this.#claimsOf(node.node);
      if (JSON.stringify(claims) === JSON.stringify(this.#claims.get(node.node))) continue;
      this.#claims.set(node.node, claims);
      changed.push([node.node, claims]);
    }
    this.#massFromMs = this.#isMass(there) ? (this.#massFromMs ?? nowMs) : undefined;
    return changed;
  }

  // Of those whose claims count now.
  #isMass(there: readonly SimulatedBoard[]): boolean {
    const claimants = there.flatMap(({ node: { node } }) => {
      const claims = this.#claims.get(node);
      return claims === undefined ? [] : [{ node, isOnline: true, claims }];
    });
    const { auditing, doubted } = foldDoubts(claimants);
    return doubted.size > new Set([...auditing, ...doubted.keys()]).size / 2;
  }

  #judge({ node, wrong }: SimulatedBoard): void {
    // A quiet scene gives no results.
    if (this.#random.chance(0.3)) return;
    const standing = this.#standings.get(node.node) ?? { ...NEW };
    this.#standings.set(node.node, standing);
    if (wrong === undefined) {
      standing.valid++;
      standing.inRow++;
      if (standing.inRow >= CLEARED_BY) Object.assign(standing, NEW);
      return;
    }
    standing.inRow = 0;
    standing.disputes++;
    standing.disputed++;
    if (standing.disputes >= DISPUTES) standing.sinceMs ??= this.#fleet.nowMs;
  }

  #claimsOf(node: string): Claims {
    const lies = this.liars.get(node);
    const doubts: Doubt[] =
      lies === undefined
        ? [...this.#standings.keys()].flatMap((other) => this.#doubtsOf(other))
        : lies.map((other) => this.#doubt(other, 0, 5 + Math.floor(this.#fleet.nowMs / 1_000), 0));
    const said = [...doubts, ...this.#past].filter((doubt) => doubt.node !== node);
    const model = { id: 'sim', sha256: this.#modelOf(node) };
    return { state: 'active', shares: { audits: true }, model, doubts: said };
  }
}

const NEW: Standing = { disputes: 0, disputed: 0, valid: 0, inRow: 0, sinceMs: undefined };

function canAudit({ node }: SimulatedBoard): boolean {
  return node.process === 'running' && node.isConnected && !node.isCut && node.wedge === undefined;
}
