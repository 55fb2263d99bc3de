import type { Clock } from '../../base/clock.js';
import { chooseTurn, type Waiting } from './turn-choice.js';

/** What a turn is wanted for. */
export type TurnWish = {
  /** Something moves there or is being followed. */
  readonly isUrgent: boolean;
  /** Work for another node, which waits for all cameras of this one. */
  readonly isGuest?: boolean;
  /** Of such work: from then on, monotonic ms, it has its turn among the cameras. Never: undefined. */
  readonly owedFromMonoMs?: number | undefined;
  /** Nobody else does it: it has to be done here, and it is no frame more. */
  readonly isHome?: boolean;
};

/** The right to work on one frame: with the detectors of this node, or with those of others. */
export type Turn = {
  readonly place: 'here' | 'away';
  /** Cameras waited, and it came before them because it was owed. */
  readonly wasOwed: boolean;
  /** So much of the time since it began others worked, ms. */
  readonly spendAway: (ms: number) => void;
  readonly end: () => void;
};

/** Why a camera waits: others are being looked at, or the board cools down. */
export type WaitCause = 'waiting' | 'cooling';

/** Sums since the start: frames and looks for others that were done here, and the time places were taken by them, ms. */
export type TurnCounts = {
  readonly frames: number;
  readonly looks: number;
  readonly framesMs: number;
  readonly looksMs: number;
};

type Granted = Pick<Turn, 'place' | 'wasOwed'>;

type Request = Waiting & {
  readonly camera: string;
  readonly isHome: boolean;
  readonly grant: (granted: Granted) => void;
};

/** However little a board may work, a place rests no longer than this after a frame. */
const REST_MAX_MS = 5_000;
/** A camera that has asked for nothing in this time has no frames. */
const CAMERA_ALIVE_MS = 5_000;

/**
 * Shares the detectors between the cameras of a node, a frame at a time. A camera asks for its turn when it has a frame
 * and takes the newest one when the turn comes: nothing queues up, and a frame is as fresh with ten cameras as with one.
 * When all places are taken, some frames may be worked on away, at other nodes.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #lastEndedMonoMs = new Map<string, number>();
  readonly #lastAskedMonoMs = new Map<string, number>();
  readonly #taken: Record<'frames' | 'looks', PlaceMeter>;
  #requests: Request[] = [];
  #places = 0;
  #free = 0;
  #away = 0;
  #awayMax = 0;
  #share = 1;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#taken = { frames: new PlaceMeter(clock), looks: new PlaceMeter(clock) };
  }

  /** @param places frames that may be worked on at once, of all cameras; until this nobody has a turn. */
  open(places: number): void {
    this.#places = places;
    this.#free = places;
    for (let i = 0; i < places; i++) this.#grantNext();
  }

  /** There is more to look at: from now on at least so many frames may be worked on at once. */
  widen(places: number): void {
    for (; this.#places < places; this.#places++) {
      this.#free++;
      this.#grantNext();
    }
  }

  /** From now on frames may be worked on for this share of the time, 0..1: after each, its place rests. */
  setShare(share: number): void {
    this.#share = share;
  }

  /** From now on so many frames may be worked on at other nodes at once; those that are there stay. */
  setAway(places: number): void {
    this.#awayMax = places;
    for (let i = this.#away; i < places; i++) this.#grantNext();
  }

  /** A camera that will not ask again: sources come and go, and their names are without end. */
  forget(camera: string): void {
    this.#lastEndedMonoMs.delete(camera);
    this.#lastAskedMonoMs.delete(camera);
  }

  /** Cameras remembered. */
  get remembered(): number {
    return this.#lastEndedMonoMs.size;
  }

  /** Why those wait that wait now. */
  get cause(): WaitCause {
    return this.#share < 1 ? 'cooling' : 'waiting';
  }

  get places(): number {
    return this.#places;
  }

  get counts(): TurnCounts {
    const { frames, looks } = this.#taken;
    return { frames: frames.ended, looks: looks.ended, framesMs: frames.takenMs, looksMs: looks.takenMs };
  }

  /**
   * Waits for a camera's turn. One request per camera at a time.
   * @throws the signal's reason.
   */
  async take(camera: string, wish: TurnWish, signal: AbortSignal): Promise<Turn> {
    signal.throwIfAborted();
    const granted = await new Promise<Granted>((resolve, reject) => {
      const nowMonoMs = this.#clock.monoMs();
      const request: Request = {
        camera,
        isUrgent: wish.isUrgent,
        isGuest: wish.isGuest ?? false,
        isHome: wish.isHome ?? false,
        owedFromMonoMs: wish.owedFromMonoMs,
        sinceMonoMs: nowMonoMs,
        lastEndedMonoMs: this.#lastEndedMonoMs.get(camera) ?? Number.NEGATIVE_INFINITY,
        grant: (turn) => {
          signal.removeEventListener('abort', onAbort);
          resolve(turn);
        },
      };
      const onAbort = () => {
        this.#requests = this.#requests.filter((other) => other !== request);
        reject(signal.reason);
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#requests.push(request);
      if (wish.isGuest !== true && wish.isHome !== true) this.#lastAskedMonoMs.set(camera, nowMonoMs);
      this.#grantNext();
    });
    return this.#begin(camera, granted, wish.isGuest === true ? 'looks' : 'frames');
  }

  #begin(camera: string, { place, wasOwed }: Granted, kind: 'frames' | 'looks'): Turn {
    const startedMonoMs = this.#clock.monoMs();
    const meter = place === 'here' ? this.#taken[kind] : undefined;
    let awayMs = 0;
    let isOver = false;
    const end = () => {
      if (isOver) return;
      isOver = true;
      const nowMonoMs = this.#clock.monoMs();
      this.#lastEndedMonoMs.set(camera, nowMonoMs);
      this.#giveBack(Math.max(0, nowMonoMs - startedMonoMs - awayMs), awayMs, place, meter);
    };
    const spendAway = (ms: number) => {
      awayMs += ms;
    };
    meter?.take();
    return { place, wasOwed, spendAway, end };
  }

  #giveBack(workedMs: number, awayMs: number, place: Turn['place'], meter: PlaceMeter | undefined): void {
    // A place has rested while others worked.
    const restMs = Math.min(REST_MAX_MS, workedMs * (1 / this.#share - 1)) - awayMs;
    const release = () => {
      meter?.release();
      if (place === 'here') this.#free++;
      else this.#away--;
      this.#grantNext();
    };
    if (restMs > 0) this.#clock.after(restMs, release);
    else release();
  }

  #grantNext(): void {
    const nowMonoMs = this.#clock.monoMs();
    if (this.#free > 0) {
      const next = chooseTurn(this.#requests, nowMonoMs);
      if (next === undefined) return;
      this.#free--;
      this.#grant(next, 'here');
    } else if (this.#away < this.#awayMax && this.#mayGoAway(nowMonoMs)) {
      const next = chooseTurn(
        this.#requests.filter(({ isGuest, isHome }) => !isGuest && !isHome),
        nowMonoMs,
      );
      if (next === undefined) return;
      this.#away++;
      this.#grant(next, 'away');
    }
  }

  // As many cameras stay as there are places: none may be free while all frames are away.
  #mayGoAway(nowMonoMs: number): boolean {
    let cameras = 0;
    for (const atMonoMs of this.#lastAskedMonoMs.values()) if (nowMonoMs - atMonoMs < CAMERA_ALIVE_MS) cameras++;
    return this.#away < cameras - this.#places;
  }

  #grant(request: Request, place: Turn['place']): void {
    this.#requests = this.#requests.filter((other) => other !== request);
    request.grant({ place, wasOwed: request.isGuest === true && this.#requests.some(({ isGuest }) => !isGuest) });
  }
}

/** How long places were taken, all of them together, also by turns that are not over yet. */
class PlaceMeter {
  readonly #clock: Clock;
  #now = 0;
  #sinceMonoMs = 0;
  #sumMs = 0;
  ended = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get takenMs(): number {
    return this.#sumMs + this.#now * (this.#clock.monoMs() - this.#sinceMonoMs);
  }

  take(): void {
    this.#add(1);
  }

  release(): void {
    this.#add(-1);
    this.ended++;
  }

  #add(change: number): void {
    this.#sumMs = this.takenMs;
    this.#sinceMonoMs = this.#clock.monoMs();
    this.#now += change;
  }
}
