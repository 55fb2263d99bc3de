import type { Clock } from '../../../base/clock.js';
import { messageOf, OperationError, systemCodeOf } from '../../../base/errors.js';
import type { PullLimits } from './limits.js';
import type { ResponseHead } from './response-plan.js';

export type HttpResponse = {
  readonly head: ResponseHead;
  /** The body as it comes; ends by throwing OperationError `unreachable` or `timeout` (transient) when it breaks off. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Gives the connection back without reading the body. */
  readonly discard: () => Promise<void>;
};

export type HttpGetOptions = {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly limits: PullLimits;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

/**
 * One GET, redirects followed up to the limit and never from https to http. No wait without an end: the head and each
 * piece of the body must come within `stallMs`.
 * @throws OperationError `unreachable`, `timeout` (transient), `refused` (bad redirect); the signal's reason if it aborts.
 */
export async function httpGet(options: HttpGetOptions): Promise<HttpResponse> {
  const stall = new StallTimer(options);
  let url = new URL(options.url);
  for (let redirects = 0; ; redirects++) {
    const response = await fetchOnce(url, options, stall);
    const location = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    if (location === null) return asResponse(response, url, options, stall);
    await response.body?.cancel().catch(() => {});
    stall.stop();
    if (redirects >= options.limits.redirectsMax) throw refused(options.url, `more than ${redirects} redirects`);
    const next = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
    if (next === undefined || !['http:', 'https:'].includes(next.protocol)) {
      throw refused(options.url, `redirected to ${JSON.stringify(location.slice(0, 200))}`);
    }
    if (url.protocol === 'https:' && next.protocol === 'http:')
      throw refused(options.url, 'redirected from https to http');
    url = next;
  }
}

async function fetchOnce(url: URL, options: HttpGetOptions, stall: StallTimer): Promise<Response> {
  stall.restart();
  try {
    return await fetch(url, {
      redirect: 'manual',
      // Ranges and lengths must speak of the file's own bytes, not of a compressed form.
      headers: { 'accept-encoding': 'identity', 'user-agent': 'vedette', ...options.headers },
      signal: AbortSignal.any([options.signal, stall.signal]),
    });
  } catch (error) {
    stall.stop();
    throw describeBreak(error, url, options, stall);
  }
}

function asResponse(response: Response, url: URL, options: HttpGetOptions, stall: StallTimer): HttpResponse {
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => {
    headers[name] = value;
  });
  return {
    head: { status: response.status, headers },
    body: readBody(response, url, options, stall),
    discard: async () => {
      stall.stop();
      await response.body?.cancel().catch(() => {});
    },
  };
}

async function* readBody(
  response: Response,
  url: URL,
  options: HttpGetOptions,
  stall: StallTimer,
): AsyncGenerator<Uint8Array> {
  try {
    if (response.body === null) return;
    for await (const chunk of response.body) {
      stall.stop();
      yield chunk;
      stall.restart();
    }
  } catch (error) {
    throw describeBreak(error, url, options, stall);
  } finally {
    stall.stop();
  }
}

/** Aborts its signal when nothing came for `stallMs`. */
class StallTimer {
  readonly #options: Pick<HttpGetOptions, 'clock' | 'limits'>;
  readonly #controller = new AbortController();
  #cancel: () => void = () => {};

  constructor(options: Pick<HttpGetOptions, 'clock' | 'limits'>) {
    this.#options = options;
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  restart(): void {
    this.#cancel();
    this.#cancel = this.#options.clock.after(this.#options.limits.stallMs, () => this.#controller.abort());
  }

  stop(): void {
    this.#cancel();
  }
}

/** Faults of a certificate: trying again does not help, and going on without it would be wrong. */
const CERTIFICATE_FAULT = /^(CERT_|ERR_TLS|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

function describeBreak(error: unknown, url: URL, options: HttpGetOptions, stall: StallTimer): unknown {
  if (options.signal.aborted) return options.signal.reason;
  const problem = (code: 'timeout' | 'unreachable', message: string, transient: boolean) =>
    new OperationError({ code, op: 'get', subject: String(url), message, cause: error, transient });
  if (stall.signal.aborted) return problem('timeout', `nothing came for ${options.limits.stallMs} ms`, true);
  // fetch hides the reason one level down: "fetch failed" caused by ECONNREFUSED.
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = systemCodeOf(cause) ?? '';
  return problem(
    'unreachable',
    code === '' ? messageOf(cause) : `${messageOf(cause)} (${code})`,
    !CERTIFICATE_FAULT.test(code),
  );
}

function refused(url: string, message: string): OperationError {
  return new OperationError({ code: 'refused', op: 'get', subject: url, message });
}
