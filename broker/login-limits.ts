import type { BrokerLimits } from './config.js';

type Limits = Pick<
  BrokerLimits,
  'connections' | 'connectionsPerAddress' | 'connectionsBeforeLogin' | 'connectionsBeforeLoginPerAddress'
>;

class AddressCount {
  readonly #byAddress = new Map<string, number>();
  #total = 0;

  add(address: string): void {
    this.#total++;
    this.#byAddress.set(address, this.of(address) + 1);
  }

  remove(address: string): void {
    this.#total--;
    const left = this.of(address) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  of(address: string): number {
    return this.#byAddress.get(address) ?? 0;
  }

  get total(): number {
    return this.#total;
  }
}

/** One admitted connection; tell when it logs in and when it ends. Both may be told twice. */
export type Ticket = { readonly loggedIn: () => void; readonly ended: () => void };

/** Counts connections in all and by address, those before login apart: silent sockets must not keep nodes out. */
export class ConnectionLimits {
  readonly #limits: Limits;
  readonly #all = new AddressCount();
  readonly #before = new AddressCount();

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** A place for a connection from an address, or undefined if there is none. */
  admit(address: string): Ticket | undefined {
    const { connections, connectionsPerAddress, connectionsBeforeLogin, connectionsBeforeLoginPerAddress } =
      this.#limits;
    if (this.#all.total >= connections || this.#all.of(address) >= connectionsPerAddress) return undefined;
    if (this.#before.total >= connectionsBeforeLogin) return undefined;
    if (this.#before.of(address) >= connectionsBeforeLoginPerAddress) return undefined;
    this.#all.add(address);
    this.#before.add(address);
    let waiting = true;
    let open = true;
    const loggedIn = () => {
      if (waiting) this.#before.remove(address);
      waiting = false;
    };
    return {
      loggedIn,
      ended: () => {
        loggedIn();
        if (open) this.#all.remove(address);
        open = false;
      },
    };
  }
}

const FORGET_AFTER_MS = 60_000;
const DELAY_FIRST_MS = 250;
const DELAY_MAX_MS = 4000;
const ADDRESSES_MAX = 10_000;

type Record = { failures: number; lastMonoMs: number };

/**
 * How long the answer to a wrong password is held back, by address: doubling from 250 ms to 4 s, forgotten after a quiet
 * minute. Only wrong answers wait, so that a good node behind the same router is not punished with its neighbour.
 */
export class FailureDelays {
  readonly #byAddress = new Map<string, Record>();

  /** Notes a failure and gives the delay of its answer, ms. */
  failed(address: string, nowMonoMs: number): number {
    const known = this.#byAddress.get(address);
    const stale = known === undefined || nowMonoMs - known.lastMonoMs > FORGET_AFTER_MS;
    const failures = stale ? 1 : known.failures + 1;
    this.#byAddress.delete(address);
    this.#byAddress.set(address, { failures, lastMonoMs: nowMonoMs });
    // Oldest first: a flood of addresses forgets the ones that were quiet longest.
    for (const oldest of this.#byAddress.keys()) {
      if (this.#byAddress.size <= ADDRESSES_MAX) break;
      this.#byAddress.delete(oldest);
    }
    return Math.min(DELAY_MAX_MS, DELAY_FIRST_MS * 2 ** Math.min(failures - 1, 10));
  }
}
