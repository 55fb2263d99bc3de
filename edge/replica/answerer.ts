import type { Clock } from '../../base/clock.js';
import { Counters } from '../../base/counters.js';
import { messageOf } from '../../base/errors.js';
import type { Link } from '../../base/link/link.js';
import type { Log } from '../../base/log.js';
import type { Poll, Vote } from '../../protocol/replica.js';
import { routes } from '../../protocol/routes.js';
import { encodeFill, type FillHeader, takeRun } from '../records/live-batch.js';
import { sealSegment } from '../records/segment.js';
import type { Line, Piece, ReplicaEffect } from './core/effects.js';
import { ROT_VOTE, voteHash } from './core/poll.js';
import type { LogFiles } from './log-files.js';

export type AnswererOptions = {
  readonly node: string;
  /** The link that reaches a node. Fills are bulk: where there are two, the one that carries nothing urgent. */
  readonly linkTo: (node: string) => Link;
  readonly files: LogFiles;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two parts of answers. */
  readonly fillPauseMs: number;
};

/** What the `fill` schema allows in one part; base64 takes a third more than the segment. */
const PART_BYTES = 48 * 1024;
const SEGMENT_GZ_BYTES_MAX = 45_000;

/** Reads what others ask for and sends it, in parts with pauses; hashes what polls ask about. */
export class Answerer {
  readonly #options: AnswererOptions;
  readonly #counters = new Counters(['parts', 'segments', 'records', 'failures'] as const);
  readonly #stop = new AbortController();

  constructor(options: AnswererOptions) {
    this.#options = options;
  }

  counters(): Record<string, number> {
    return this.#counters.snapshot();
  }

  close(): void {
    this.#stop.abort();
  }

  /** Answers a need; resolves when it is done or given up. */
  async serve({ to, need, pieces, first }: Extract<ReplicaEffect, { type: 'serve' }>): Promise<void> {
    let part = 0;
    const header = (more: boolean): FillHeader => ({ id: need.id, of: need.of, e: need.e, part: part++, more, first });
    try {
      for (const piece of pieces) {
        for (const payload of await this.#payloads(need.of, need.e, piece, () => header(true)))
          await this.#send(to, payload);
      }
      await this.#send(to, encodeFill(header(false), []));
    } catch (error) {
      this.#counters.add('failures');
      // The asker's timeout repeats the request.
      this.#options.log.debug('answer cut off', { to, error: messageOf(error) });
    }
  }

  /** Hashes what the disk holds now of the segments a poll names. */
  async hash({ of, e, segs, nonce }: Poll): Promise<Vote['h']> {
    const hashes: Vote['h'] = [];
    for (const n of segs) {
      const segment = await this.#options.files.readSegment(of, e, n);
      if (segment === undefined) hashes.push(null);
      else hashes.push(segment === 'rot' ? ROT_VOTE : voteHash(nonce, segment.headerLine, segment.lines));
    }
    return hashes;
  }

  async #payloads(node: string, epoch: string, piece: Piece, header: () => FillHeader): Promise<Buffer[]> {
    if (!('n' in piece)) {
      return this.#linePayloads(await this.#options.files.readLines(node, epoch, piece.from, piece.to), header);
    }
    const segment = await this.#options.files.readSegment(node, epoch, piece.n);
    if (segment === undefined || segment === 'rot') return [];
    const { gz } = await sealSegment(segment.header, segment.lines);
    if (gz.length > SEGMENT_GZ_BYTES_MAX) {
      const lines = segment.lines.map((text, i) => ({ s: segment.header.first + i, text }));
      return this.#linePayloads(lines, header);
    }
    this.#counters.add('segments');
    return [encodeSegmentFill(header(), gz)];
  }

  #linePayloads(lines: readonly Line[], header: () => FillHeader): Buffer[] {
    const payloads: Buffer[] = [];
    let left = lines;
    while (left.length > 0) {
      const run = takeRun(left, 256, PART_BYTES);
      payloads.push(encodeFill(header(), run));
      this.#counters.add('records', run.length);
      left = left.slice(run.length);
    }
    return payloads;
  }

  async #send(to: string, payload: Buffer): Promise<void> {
    const { linkTo, node, clock, fillPauseMs } = this.#options;
    await linkTo(to).publishEncoded(routes.fill, { recipient: to, sender: node }, payload);
    this.#counters.add('parts');
    await clock.sleep(fillPauseMs, this.#stop.signal);
  }
}

function encodeSegmentFill(header: FillHeader, gz: Buffer): Buffer {
  const empty = encodeFill(header, []).toString();
  return Buffer.from(`${empty.slice(0, -1)},"g":"${gz.toString('base64')}"}`);
}
