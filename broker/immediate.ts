/**
 * A promise-like that has already resolved and calls back at once.
 *
 * Aedes waits for its store with `.then()`. Real promises resolve some turns later, and how many depends on the path: a
 * younger message overtakes an older one between its numbering and its emission, and the duplicate filter then drops
 * the older one for connected QoS 1 subscribers (moscajs/aedes#994, #955; seen in 1.2.0). With this, numbering and
 * emission are one step, and nothing can come between. Can go when the filter no longer relies on the order.
 */
export class Immediate<T> {
  readonly #value: T;

  constructor(value: T) {
    this.#value = value;
  }

  // biome-ignore lint/suspicious/noThenProperty: being thenable is what this class is for.
  then(onValue?: ((value: T) => unknown) | null): unknown {
    if (typeof onValue !== 'function') return this;
    const next = onValue(this.#value);
    return isThenable(next) ? next : new Immediate(next);
  }

  catch(): this {
    return this;
  }

  finally(callback: () => void): this {
    callback();
    return this;
  }
}

/** The same for a failure: calls the second callback at once. Aedes asks for unknown packets by way of a rejection. */
export class ImmediateFailure {
  readonly #error: Error;

  constructor(error: Error) {
    this.#error = error;
  }

  // biome-ignore lint/suspicious/noThenProperty: being thenable is what this class is for.
  then(_onValue?: unknown, onError?: ((error: Error) => unknown) | null): unknown {
    return typeof onError === 'function' ? new Immediate(onError(this.#error)) : this;
  }

  catch(onError: (error: Error) => unknown): unknown {
    return this.then(undefined, onError);
  }

  finally(callback: () => void): this {
    callback();
    return this;
  }
}

function isThenable(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value;
}

export const DONE = new Immediate<undefined>(undefined);
