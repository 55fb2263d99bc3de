import { describe, expect, it } from 'vitest';
import { World } from './world.js';

describe('SimulatedBoard', () => {
  it('is started again by its supervisor while its disk cannot be read, which is no fault of the program', () => {
    const world = new World<string>({ seed: 1 });
    const board = world.addBoard('cam1', ({ disk }) => Buffer.from(disk.read('file')).toString());
    board.disk.replace('file', Buffer.from('content'));
    board.disk.failsWith = 'EIO';
    board.start();
    expect(board.isAlive).toBe(false);
    world.queue.runUntil(5_000);
    board.disk.failsWith = undefined;
    world.queue.runUntil(7_000);
    expect(board.state).toBe('content');
    expect(world.faults).toEqual([]);
  });

  it('tells of a program that throws, which ends it', () => {
    const world = new World<string>({ seed: 1 });
    const board = world.addBoard('cam1', () => {
      throw new Error('a bug');
    });
    board.start();
    world.queue.runUntil(5_000);
    expect(board.isAlive).toBe(false);
    expect(world.faults).toMatchObject([{ board: 'cam1', error: new Error('a bug') }]);
  });
});
