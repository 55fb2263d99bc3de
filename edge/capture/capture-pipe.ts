import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../base/clock.js';
import { withDeadline } from '../../base/deadline.js';
import { InvariantError } from '../../base/errors.js';
import { PipeReader } from './pipe-reader.js';

/** A pipe for raw frames: our end to read from, and the end that a program gets as its standard output. */
export type CapturePipe = { readonly reader: PipeReader; readonly programEnd: Socket };

/** Measured on 768x432 frames of ffmpeg: 0.7 ms of processor time each; 0.8 with 64 KiB, no less with 256. */
const BUFFER_BYTES = 128 * 1024;
const LOOPBACK = '127.0.0.1';
/** Two ends in one process meet within a millisecond; on a board that is busy this long they are not waited for. */
const MEET_MS_MAX = 1000;

/**
 * Opens a pipe whose reading allocates nothing and that holds whole frames. Node's own pipe to a child makes a buffer
 * for every chunk: a raw frame is some sixteen of 64 KiB, and the collector, which counts them as memory in use, then
 * marks the whole heap several times a second. Only a socket that we connect ourselves reads into a buffer of ours
 * (`onread`), so this is a pair of them. They are of TCP, on loopback, because the kernel lets such a pair hold as many
 * megabytes as its reader is behind (`tcp_wmem`, 4 MiB), where a local socket holds 208 KiB: the program writes the next
 * frame while a model runs here, and we do not wait for it piece by piece.
 * @returns undefined where it cannot be had (no loopback, no descriptors left): Node's own pipe does then.
 */
export async function openCapturePipe(clock: Clock): Promise<CapturePipe | undefined> {
  if (process.platform !== 'linux') return undefined;
  const server = createServer();
  const ends = new Set<Socket>();
  try {
    const late = () => new Error(`the ends of a pipe did not meet in ${MEET_MS_MAX} ms`);
    const { reader, end, programEnd } = await withDeadline(clock, MEET_MS_MAX, meet(server, ends), late);
    ends.delete(end);
    ends.delete(programEnd);
    return { reader, programEnd };
  } catch {
    return undefined;
  } finally {
    server.close();
    // Whoever else had connected: one that says nothing would be held for good.
    for (const end of ends) end.destroy();
  }
}

// Everybody on the machine can connect while we listen: who does not know the word is not our own end.
async function meet(server: Server, ends: Set<Socket>): Promise<CapturePipe & { readonly end: Socket }> {
  const word = randomBytes(16);
  // A connection that fails is one that is not made: the deadline knows.
  server.on('error', () => {});
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  const { reader, end } = connectReader(portOf(server));
  ends.add(end);
  end.write(word);
  const programEnd = await new Promise<Socket>((resolve) => {
    server.on('connection', (socket) => {
      ends.add(socket);
      socket.on('error', () => {});
      socket.once('data', (said: Uint8Array) => (word.equals(said) ? resolve(socket) : socket.destroy()));
    });
  });
  // The end of a frame is not to wait until we say that we have its beginning.
  programEnd.setNoDelay(true);
  return { reader, end, programEnd };
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new InvariantError('a server that listens has a port');
  return address.port;
}

function connectReader(port: number): { reader: PipeReader; end: Socket } {
  const onread = {
    buffer: new Uint8Array(BUFFER_BYTES),
    callback: (length: number, buffer: Uint8Array) => reader.push(buffer.subarray(0, length)),
  };
  const end = connect({ host: LOOPBACK, port, onread });
  const reader = new PipeReader(end);
  return { reader, end };
}
