import { describe, expect, it } from 'vitest';
import { RetainedBoard, type StatePublisher } from '../../../edge/state/retained-board.js';
import { routes } from '../../../protocol/routes.js';

/** A link that keeps what was published, can be down and can refuse. */
class RecordingPublisher implements StatePublisher {
  isUp = false;
  refuse = false;
  readonly sent: string[] = [];

  async publish(route: { pattern: string }, params: object, payload: unknown): Promise<void> {
    if (this.refuse) throw new Error('link lost');
    this.sent.push(`${route.pattern} ${Object.values(params).join(',')} ${JSON.stringify(payload)}`);
  }
}

const count = (board: RetainedBoard, label: string, value: string) =>
  board.set(routes.count, { node: 'cam1', camera: 'front', label }, value);
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the retained board', () => {
  it('sends only the last value of what changed while the link was down', async () => {
    const publisher = new RecordingPublisher();
    const board = new RetainedBoard(publisher, () => {});
    count(board, 'person', '1');
    count(board, 'person', '2');
    count(board, 'car', '0');
    publisher.isUp = true;
    board.flush();
    await settled();
    expect(publisher.sent).toEqual([
      'node/<node>/camera/<camera>/count/<label> cam1,front,person "2"',
      'node/<node>/camera/<camera>/count/<label> cam1,front,car "0"',
    ]);
    board.flush();
    await settled();
    expect(publisher.sent).toHaveLength(2);
  });

  it('sends everything anew to a broker that forgot it', async () => {
    const publisher = new RecordingPublisher();
    const board = new RetainedBoard(publisher, () => {});
    publisher.isUp = true;
    count(board, 'person', '3');
    await settled();
    board.republish();
    await settled();
    expect(publisher.sent).toHaveLength(2);
  });

  it('keeps what was refused and sends it with the next flush', async () => {
    const publisher = new RecordingPublisher();
    const errors: unknown[] = [];
    const board = new RetainedBoard(publisher, (error) => errors.push(error));
    publisher.isUp = true;
    publisher.refuse = true;
    count(board, 'person', '1');
    await settled();
    publisher.refuse = false;
    board.flush();
    await settled();
    expect([errors.length, publisher.sent.length]).toEqual([1, 1]);
  });

  it('refuses a topic beyond its limit and counts it', () => {
    const board = new RetainedBoard(new RecordingPublisher(), () => {}, 2);
    expect([count(board, 'a', '1'), count(board, 'b', '1'), count(board, 'c', '1'), count(board, 'a', '2')]).toEqual([
      true,
      true,
      false,
      true,
    ]);
    expect([board.size, board.refused]).toEqual([2, 1]);
  });
});
