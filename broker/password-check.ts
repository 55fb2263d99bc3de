import { createHmac, randomBytes } from 'node:crypto';
import { hash, verify } from '@node-rs/argon2';
import { OperationError } from '../base/errors.js';

/** OWASP's second choice for argon2id (2024): 19 MiB, 2 passes, 1 lane; 9 to 17 ms on a desktop core. */
const ARGON2 = { memoryCost: 19_456, timeCost: 2, parallelism: 1 } as const;

/** Two at once: the thread pool has four, and the journal needs some. */
const PARALLEL_MAX = 2;
/** What may wait: half a second of logins. The rest is told to come back. */
const WAITING_MAX = 256;
const REMEMBERED_MAX = 10_000;
const PASSWORD_BYTES_MAX = 512;

/** The PHC string of a password, argon2id with a random salt. */
export function hashPassword(password: string): Promise<string> {
  return hash(password, ARGON2);
}

/**
 * Checks passwords against argon2id hashes, a few at once. A password that was right is remembered by a keyed digest,
 * so that a fleet that lost its broker does not spend a minute of CPU to come back.
 */
export class PasswordCheck {
  readonly #key = randomBytes(32);
  readonly #remembered = new Set<string>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #decoy: Promise<string> | undefined;

  /**
   * True if a password belongs to a hash. Takes as long for a user that does not exist (`undefined`).
   * @throws OperationError `try-again` when too many wait.
   */
  async matches(password: Uint8Array, stored: string | undefined): Promise<boolean> {
    if (password.byteLength > PASSWORD_BYTES_MAX) return false;
    const digest = createHmac('sha256', this.#key).update(`${stored}\n`).update(password).digest('base64');
    if (this.#remembered.has(digest)) return true;
    await this.#enter();
    try {
      this.#decoy ??= hashPassword(randomBytes(16).toString('hex'));
      const right = await verify(stored ?? (await this.#decoy), password);
      if (!right || stored === undefined) return false;
      if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.clear();
      this.#remembered.add(digest);
      return true;
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= PARALLEL_MAX) {
      if (this.#waiting.length >= WAITING_MAX) {
        throw new OperationError({
          code: 'try-again',
          op: 'check',
          subject: 'password',
          message: 'too many logins at once',
          transient: true,
        });
      }
      // The place is handed over by the one that leaves, so the count stays.
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else this.#running++;
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}
