/** The head of a response, as far as a download cares. Header names in lower case. */
export type ResponseHead = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
};

/** What is known of the file before the response. */
export type PullExpectation = {
  /** Bytes already held, verified to be a prefix only by the sum at the end. */
  readonly haveBytes: number;
  /** Size of the file, where the caller knows it. */
  readonly totalBytes: number | undefined;
  readonly bytesMax: number;
};

export type ResponsePlan =
  /** The body continues what is held. */
  | { readonly kind: 'append'; readonly totalBytes: number | undefined }
  /** The body is the file from its start. */
  | { readonly kind: 'restart'; readonly totalBytes: number | undefined }
  /** Nothing is missing; the sum decides. */
  | { readonly kind: 'complete' }
  /** What is held is of no use: throw it away and ask again. */
  | { readonly kind: 'discard'; readonly reason: string }
  | { readonly kind: 'retry'; readonly reason: string; readonly afterMs: number | undefined }
  | { readonly kind: 'fail'; readonly code: 'not-found' | 'refused' | 'checksum-mismatch'; readonly reason: string };

/** Decides what to do with a response to a ranged or plain GET (RFC 9110, sections 14 and 15). Pure. */
export function planResponse(head: ResponseHead, expected: PullExpectation): ResponsePlan {
  switch (head.status) {
    case 200:
      return checked('restart', numberOf(head.headers['content-length']), expected);
    case 206:
      return planPartial(head, expected);
    case 416: {
      const total = /^bytes \*\/(\d+)$/.exec(head.headers['content-range'] ?? '')?.[1];
      if (numberOf(total) === expected.haveBytes && expected.haveBytes > 0) return { kind: 'complete' };
      return { kind: 'discard', reason: 'the server has no such part' };
    }
    case 404:
    case 410:
      return { kind: 'fail', code: 'not-found', reason: `HTTP ${head.status}, there is no such file` };
    case 408:
    case 425:
    case 429:
      return { kind: 'retry', reason: `HTTP ${head.status}`, afterMs: retryAfterMs(head) };
    default:
      if (head.status >= 500) return { kind: 'retry', reason: `HTTP ${head.status}`, afterMs: retryAfterMs(head) };
      return { kind: 'fail', code: 'refused', reason: `HTTP ${head.status}` };
  }
}

function planPartial(head: ResponseHead, expected: PullExpectation): ResponsePlan {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(head.headers['content-range'] ?? '');
  if (range === null) return { kind: 'discard', reason: 'a part without its place in the file' };
  if (numberOf(range[1]) !== expected.haveBytes) {
    return { kind: 'discard', reason: `a part from byte ${range[1]}, asked from ${expected.haveBytes}` };
  }
  return checked('append', numberOf(range[3]), expected);
}

function checked(kind: 'append' | 'restart', total: number | undefined, expected: PullExpectation): ResponsePlan {
  if (total !== undefined && total > expected.bytesMax) {
    return { kind: 'fail', code: 'refused', reason: `${total} bytes, allowed ${expected.bytesMax}` };
  }
  if (total !== undefined && expected.totalBytes !== undefined && total !== expected.totalBytes) {
    const reason = `the server says ${total} bytes, the file has ${expected.totalBytes}`;
    return { kind: 'fail', code: 'checksum-mismatch', reason };
  }
  return { kind, totalBytes: total };
}

/** The entity tag if it can be used in `If-Range`, which weak ones cannot [RFC 9110 13.1.5]. */
export function strongEtag(head: ResponseHead): string | undefined {
  const etag = head.headers.etag;
  return etag !== undefined && /^"[\x21\x23-\x7e]*"$/.test(etag) ? etag : undefined;
}

// Only the seconds form: the date form needs a synchronised clock, which a board without network time has not.
function retryAfterMs(head: ResponseHead): number | undefined {
  const seconds = numberOf(head.headers['retry-after']);
  return seconds === undefined ? undefined : seconds * 1000;
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}
