import { stat } from 'node:fs/promises';
import type { Clock } from '../base/clock.js';
import { messageOf } from '../base/errors.js';
import type { Log } from '../base/log.js';
import { readUsers, type User } from './password-file.js';

/** How often the file is looked at: a stolen credential is to be out within a second or two. */
const LOOK_MS = 1000;

export type UserDirectoryOptions = {
  /** The password file; without one there are no users. */
  readonly path: string | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Users that are gone or have another role or password than before. */
  readonly onRevoked: (names: readonly string[]) => void;
};

/** The users of the broker, as new as the password file. A file that became unreadable leaves the last good one in force. */
export class UserDirectory {
  readonly #options: UserDirectoryOptions;
  #users: ReadonlyMap<string, User> = new Map();
  #stamp = '';
  #cancel: (() => void) | undefined;
  #looking: Promise<void> | undefined;

  constructor(options: UserDirectoryOptions) {
    this.#options = options;
  }

  /** @throws OperationError `credentials-invalid` if there is a file and it is not one. */
  async open(): Promise<void> {
    const { path, clock } = this.#options;
    if (path === undefined) return;
    this.#stamp = await stampOf(path);
    this.#users = (await readUsers(path)) ?? new Map();
    this.#cancel = clock.every(LOOK_MS, () => {
      this.#looking ??= this.#look(path).finally(() => {
        this.#looking = undefined;
      });
    });
  }

  async close(): Promise<void> {
    this.#cancel?.();
    await this.#looking;
  }

  get(name: string): User | undefined {
    return this.#users.get(name);
  }

  async #look(path: string): Promise<void> {
    const stamp = await stampOf(path);
    if (stamp === this.#stamp) return;
    this.#stamp = stamp;
    try {
      const users = (await readUsers(path)) ?? new Map<string, User>();
      const revoked = [...this.#users.values()].filter((user) => !sameUser(user, users.get(user.name)));
      this.#users = users;
      this.#options.log.info('password file read again', { users: users.size, revoked: revoked.length });
      if (revoked.length > 0) this.#options.onRevoked(revoked.map((user) => user.name));
    } catch (error) {
      this.#options.log.error('password file not taken over', { cause: messageOf(error) });
    }
  }
}

function sameUser(before: User, after: User | undefined): boolean {
  return after !== undefined && after.role === before.role && after.hash === before.hash;
}

// Inode and times: an atomic replacement changes the inode even within one tick of the clock.
async function stampOf(path: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    return 'absent';
  }
}
