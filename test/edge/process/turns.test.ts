import { describe, expect, it } from 'vitest';
import { SimulatedClock } from '../../../base/clock.js';
import { CALM_WAIT_MAX_MS } from '../../../edge/process/turn-choice.js';
import { Turns } from '../../../edge/process/turns.js';

const FRAME_MS = 100;

/** A board on a simulated clock: cameras of ten frames/s, one detector that takes `lookMs` a frame. */
class Board {
  readonly clock = new SimulatedClock();
  readonly turns = new Turns(this.clock);
  readonly #stop = new AbortController();
  /** By camera. */
  readonly looks = new Map<string, number>();
  readonly agesMs: number[] = [];

  constructor(places = 1) {
    this.turns.open(places);
  }

  /** A camera whose newest frame is taken when its turn comes, as the camera loop does. */
  add(camera: string, lookMs: () => number, isUrgent: () => boolean): void {
    this.looks.set(camera, 0);
    const run = async () => {
      let seen = -1;
      for (;;) {
        const newest = () => Math.floor(this.clock.monoMs() / FRAME_MS);
        if (newest() === seen) await this.clock.sleep((seen + 1) * FRAME_MS - this.clock.monoMs(), this.#stop.signal);
        const turn = await this.turns.take(camera, { isUrgent: isUrgent() }, this.#stop.signal);
        seen = newest();
        const capturedMonoMs = seen * FRAME_MS;
        await this.clock.sleep(lookMs(), this.#stop.signal);
        this.agesMs.push(this.clock.monoMs() - capturedMonoMs);
        this.looks.set(camera, (this.looks.get(camera) ?? 0) + 1);
        turn.end();
      }
    };
    run().catch(() => {});
  }

  fps(camera: string): number {
    return (this.looks.get(camera) ?? 0) / (this.clock.monoMs() / 1000);
  }

  stop(): void {
    this.#stop.abort();
  }
}

const always = () => true;
const never = () => false;

describe('turns at the detector', () => {
  it('leave every camera its rate while the board can keep it', async () => {
    const board = new Board();
    for (const camera of ['a', 'b', 'c']) board.add(camera, () => 30, always);
    await board.clock.advance(60_000);
    board.stop();
    for (const camera of ['a', 'b', 'c']) expect(board.fps(camera)).toBeGreaterThan(9.8);
  });

  it('let frame rates fall evenly when it cannot, also beside a camera whose frames take ten times as long', async () => {
    const board = new Board();
    board.add('heavy', () => 200, always);
    for (const camera of ['a', 'b', 'c', 'd']) board.add(camera, () => 20, always);
    await board.clock.advance(120_000);
    board.stop();
    const rates = [...board.looks.keys()].map((camera) => board.fps(camera));
    expect(Math.max(...rates) / Math.min(...rates)).toBeLessThan(1.05);
  });

  it('let nothing queue up: a frame is looked at as fresh with ten times the cameras', async () => {
    const worstAgeMs = async (cameras: number) => {
      const board = new Board();
      for (let i = 0; i < cameras; i++) board.add(`c${i}`, () => 40, always);
      await board.clock.advance(60_000);
      board.stop();
      return Math.max(...board.agesMs);
    };
    // A frame waits for the next one at most, then it is looked at.
    expect(await worstAgeMs(3)).toBeLessThanOrEqual(FRAME_MS + 40);
    expect(await worstAgeMs(30)).toBeLessThanOrEqual(FRAME_MS + 40);
  });

  it('go to cameras where something happens first, and leave none of the others unwatched', async () => {
    const board = new Board();
    for (const camera of ['calm1', 'calm2', 'calm3', 'calm4']) board.add(camera, () => 50, never);
    for (const camera of ['busy1', 'busy2']) board.add(camera, () => 50, always);
    await board.clock.advance(120_000);
    board.stop();
    expect(board.fps('busy1')).toBeGreaterThan(3 * board.fps('calm1'));
    expect(board.fps('busy1') / board.fps('busy2')).toBeCloseTo(1, 1);
    for (const camera of ['calm1', 'calm2', 'calm3', 'calm4'])
      expect(board.fps(camera)).toBeGreaterThan((0.8 * 1000) / (CALM_WAIT_MAX_MS + 100));
  });

  it('keep the board at work for no more than its share of the time, and all of it again when it has cooled down', async () => {
    const board = new Board();
    for (const camera of ['a', 'b', 'c', 'd']) board.add(camera, () => 50, always);
    board.turns.setShare(0.4);
    await board.clock.advance(60_000);
    const looks = () => [...board.looks.values()].reduce((sum, count) => sum + count, 0);
    expect((looks() * 50) / 60_000).toBeCloseTo(0.4, 1);
    expect(board.turns.cause).toBe('cooling');
    const before = looks();
    board.turns.setShare(1);
    await board.clock.advance(60_000);
    board.stop();
    expect(((looks() - before) * 50) / 60_000).toBeGreaterThan(0.95);
  });

  it('go away to other nodes when all places are taken, as many as may, and never those of guests', async () => {
    const clock = new SimulatedClock();
    const turns = new Turns(clock);
    const { signal } = new AbortController();
    turns.open(1);
    turns.setAway(1);
    const here = await turns.take('a', { isUrgent: true }, signal);
    const guest = turns.take('guest', { isUrgent: false, isGuest: true }, signal);
    const home = turns.take('b', { isUrgent: true, isHome: true }, signal);
    const away = await turns.take('c', { isUrgent: true }, signal);
    expect([here.place, away.place]).toEqual(['here', 'away']);
    let third: string | undefined;
    void turns.take('d', { isUrgent: true }, signal).then((turn) => {
      third = turn.place;
    });
    await clock.advance(10);
    expect(third).toBeUndefined();
    here.end();
    expect((await home).place).toBe('here');
    away.end();
    await clock.advance(1);
    expect(third).toBe('away');
    (await home).end();
    expect((await guest).place).toBe('here');
  });

  it('stay as long as there are no more cameras than places', async () => {
    const clock = new SimulatedClock();
    const turns = new Turns(clock);
    const { signal } = new AbortController();
    turns.open(1);
    turns.setAway(4);
    await turns.take('a', { isUrgent: true }, signal);
    let second: string | undefined;
    void turns.take('a', { isUrgent: true }, signal).then((turn) => {
      second = turn.place;
    });
    await clock.advance(10);
    expect(second).toBeUndefined();
    void turns.take('b', { isUrgent: true }, signal);
    await clock.advance(10);
    expect(second).toBe('away');
  });

  it('count places that rest as taken, and time others worked as none', async () => {
    const clock = new SimulatedClock();
    const turns = new Turns(clock);
    const { signal } = new AbortController();
    turns.open(2);
    turns.setShare(0.5);
    const turn = await turns.take('a', { isUrgent: true }, signal);
    const guest = await turns.take('guest', { isUrgent: false, isGuest: true }, signal);
    await clock.advance(100);
    turn.end();
    guest.spendAway(60);
    guest.end();
    await clock.advance(50);
    expect(turns.counts).toMatchObject({ framesMs: 150, frames: 0, looks: 1 });
    await clock.advance(500);
    expect(turns.counts).toEqual({ framesMs: 200, looksMs: 100, frames: 1, looks: 1 });
  });

  it('let a place rest while others work, and only for what is left of its rest after that', async () => {
    const clock = new SimulatedClock();
    const turns = new Turns(clock);
    const { signal } = new AbortController();
    const take = (camera: string) => turns.take(camera, { isUrgent: true }, signal);
    turns.open(1);
    turns.setShare(0.1);
    turns.setAway(1);
    await take('a');
    const away = await take('b');
    await clock.advance(70);
    away.spendAway(60);
    away.end();
    let next: string | undefined;
    void take('c').then(({ place }) => {
      next = place;
    });
    await clock.advance(29);
    expect(next).toBeUndefined();
    await clock.advance(2);
    expect(next).toBe('away');
  });

  it('are lost by a camera that stops waiting, not by the next', async () => {
    const clock = new SimulatedClock();
    const turns = new Turns(clock);
    turns.open(1);
    const first = await turns.take('a', { isUrgent: true }, new AbortController().signal);
    const gone = new AbortController();
    const second = turns.take('b', { isUrgent: true }, gone.signal).catch(() => 'gone');
    const third = turns.take('c', { isUrgent: true }, new AbortController().signal);
    gone.abort();
    first.end();
    first.end();
    expect(await second).toBe('gone');
    (await third).end();
    const again = await turns.take('a', { isUrgent: true }, new AbortController().signal);
    expect(again).toBeDefined();
  });
});
