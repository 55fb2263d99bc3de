import { describe, expect, it } from 'vitest';
import type { BoardAddress, BoardReply, Restarter } from '../../../monitor/restarter/restarter.js';
import type { BoardCommand } from '../../../protocol/board.js';

/** A board that works, its service running. */
export type WorkingBoard = {
  readonly restarter: Restarter;
  readonly address: BoardAddress;
  readonly unit: string;
  /** The service dies. */
  readonly kill: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** What every `Restarter` holds against a board that works. */
export function describeRestarter(name: string, open: () => Promise<WorkingBoard>): void {
  const run = (board: WorkingBoard, command: BoardCommand): Promise<BoardReply> =>
    board.restarter.run(board.address, command, new AbortController().signal);

  async function probe(board: WorkingBoard) {
    const reply = await run(board, { verb: 'probe', unit: board.unit });
    if (reply.kind !== 'answer' || !('active' in reply.answer)) throw new Error(JSON.stringify(reply));
    return reply.answer;
  }

  describe(`${name} as a restarter`, () => {
    it('probes without changing anything', async () => {
      const board = await open();
      const first = await probe(board);
      expect(first).toMatchObject({ outcome: 'ok', active: 'active', unit: board.unit });
      expect((await probe(board)).inv).toBe(first.inv);
      await board.close();
    });

    it('restarts the life it names, and no other', async () => {
      const board = await open();
      const { inv } = await probe(board);
      const other = await run(board, { verb: 'restart', unit: board.unit, expected: 'f'.repeat(32) });
      expect(other).toMatchObject({ answer: { outcome: 'already-restarted', inv } });
      await board.kill();
      expect(await probe(board)).toMatchObject({ active: 'failed', result: 'signal', inv });
      const [one, two] = await Promise.all([
        run(board, { verb: 'restart', unit: board.unit, expected: inv }),
        run(board, { verb: 'restart', unit: board.unit, expected: inv }),
      ]);
      const outcomes = [one, two].map((reply) => (reply.kind === 'answer' ? reply.answer.outcome : reply.message));
      expect(outcomes.toSorted()).toEqual(['already-restarted', 'restarted']);
      const after = await probe(board);
      expect(after.active).toBe('active');
      expect(after.inv).not.toBe(inv);
      await board.close();
    });

    it('is held by maintenance, and not after it', async () => {
      const board = await open();
      const { inv } = await probe(board);
      const on = { seconds: 600, by: 'ops', reason: 'new-lens' };
      expect(await run(board, { verb: 'maintenance', unit: board.unit, on })).toMatchObject({
        answer: { outcome: 'ok' },
      });
      expect((await probe(board)).maintenance).toMatchObject({ by: 'ops', reason: 'new-lens' });
      const held = await run(board, { verb: 'restart', unit: board.unit, expected: inv });
      expect(held).toMatchObject({ answer: { outcome: 'held', why: 'maintenance' } });
      await run(board, { verb: 'maintenance', unit: board.unit, on: null });
      const free = await run(board, { verb: 'restart', unit: board.unit, expected: inv });
      expect(free).toMatchObject({ answer: { outcome: 'restarted' } });
      await board.close();
    });

    it('stops at the board budget', async () => {
      const board = await open();
      const outcomes: string[] = [];
      for (let i = 0; i < 6; i++) {
        const { inv } = await probe(board);
        const reply = await run(board, { verb: 'restart', unit: board.unit, expected: inv });
        outcomes.push(reply.kind === 'answer' ? reply.answer.outcome : reply.message);
      }
      expect(outcomes).toEqual([...Array.from({ length: 5 }, () => 'restarted'), 'budget']);
      await board.close();
    });

    it('is refused a unit that the board does not have', async () => {
      const board = await open();
      const reply = await run(board, { verb: 'probe', unit: 'vedette-edge@somebody-else.service' });
      expect(reply).toMatchObject({ kind: 'answer', answer: { outcome: 'refused' } });
      await board.close();
    });

    it('gives up when it is told to', async () => {
      const board = await open();
      const reply = await board.restarter.run(board.address, { verb: 'probe', unit: board.unit }, AbortSignal.abort());
      expect(reply).toMatchObject({ kind: 'fault', fault: 'closed' });
      await board.close();
    });
  });
}
