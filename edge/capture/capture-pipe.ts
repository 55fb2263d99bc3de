import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.js';
import { withDeadline } from '../../base/deadline.js';
import { PipeReader } from './pipe-reader.js';

/** A pipe for raw frames: our end to read from, and the end that a program gets as its standard output. */
export type CapturePipe = { readonly reader: PipeReader; readonly programEnd: Socket };

/** Measured on 768x432 frames of ffmpeg: 0.7 ms of processor time each; 0.8 with 64 KiB, no less with 256. */
const BUFFER_BYTES = 128 * 1024;
/** Two ends in one process meet within a millisecond; on a board that is busy this long they are not waited for. */
const MEET_MS_MAX = 1000;

/**
 * Opens a pipe whose reading allocates nothing. Node's own pipe to a child makes a buffer for every chunk: a raw frame
 * is some sixteen of 64 KiB, and the collector, which counts them as memory in use, then marks the whole heap several
 * times a second. Only a socket that we connect ourselves reads into a buffer of ours (`onread`), so this is a pair of
 * them, under a name that lies on no disk (Linux, unix(7): abstract).
 * @returns undefined where it cannot be had (another system, no descriptors left): Node's own pipe does then.
 */
export async function openCapturePipe(clock: Clock): Promise<CapturePipe | undefined> {
  if (process.platform !== 'linux') return undefined;
  const server = createServer();
  const ends: Socket[] = [];
  try {
    const late = () => new Error(`the ends of a pipe did not meet in ${MEET_MS_MAX} ms`);
    return await withDeadline(clock, MEET_MS_MAX, meet(server, ends), late);
  } catch {
    for (const end of ends) end.destroy();
    return undefined;
  } finally {
    server.close();
  }
}

// Everybody on the machine can read the name while we listen: who does not know the word is not our own end.
async function meet(server: Server, ends: Socket[]): Promise<CapturePipe> {
  const name = `\0vedette-capture-${randomBytes(12).toString('hex')}`;
  const word = randomBytes(16);
  // A connection that fails is one that is not made: the deadline knows.
  server.on('error', () => {});
  server.listen(name);
  await once(server, 'listening');
  const { reader, end } = connectReader(name);
  ends.push(end);
  end.write(word);
  const programEnd = await new Promise<Socket>((resolve) => {
    server.on('connection', (socket) => {
      ends.push(socket);
      socket.on('error', () => {});
      socket.once('data', (said: Uint8Array) => (word.equals(said) ? resolve(socket) : socket.destroy()));
    });
  });
  return { reader, programEnd };
}

function connectReader(name: string): { reader: PipeReader; end: Socket } {
  const onread = {
    buffer: new Uint8Array(BUFFER_BYTES),
    callback: (length: number, buffer: Uint8Array) => reader.push(buffer.subarray(0, length)),
  };
  const end = connect({ path: name, onread });
  const reader = new PipeReader(end);
  return { reader, end };
}
