import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { OperationError, systemCodeOf } from './errors.js';

/**
 * Keeps two processes out of one folder. The lock is a Linux abstract socket named after the folder's device and inode:
 * it costs no disk write, works on a full or read-only disk, and is gone with its process however that ends, so there is
 * no stale lock to judge. It does not reach across machines or network namespaces.
 */
export class FolderLock {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * @param purpose tells apart locks of different users of one folder.
   * @throws OperationError state-locked if another process, or another part of this one, holds it.
   */
  static async acquire(folder: string, purpose: string): Promise<FolderLock> {
    const { dev, ino } = await stat(folder);
    const name = createHash('sha256').update(`${dev}:${ino}:${purpose}`).digest('hex').slice(0, 40);
    const server = createServer((socket) => socket.destroy());
    server.unref();
    try {
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        // A leading NUL makes the name abstract: in no folder, removed by the kernel [unix(7)].
        server.listen(`\0vedette-${name}`, resolve);
      });
    } catch (error) {
      if (systemCodeOf(error) !== 'EADDRINUSE') throw error;
      throw new OperationError({
        code: 'state-locked',
        op: 'open',
        subject: folder,
        message: 'another process uses this folder',
        hint: 'stop it first, or give this one a folder of its own',
        cause: error,
      });
    }
    return new FolderLock(server);
  }

  release(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}
