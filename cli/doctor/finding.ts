/** How a check went: `fail` keeps Vedette from working here, `warn` takes something away. */
export type Verdict = 'ok' | 'warn' | 'fail';

/** What one check found, and what helps where it is not ok. */
export type Finding = {
  readonly check: string;
  readonly verdict: Verdict;
  readonly detail: string;
  readonly hint?: string;
};

export function ok(check: string, detail: string): Finding {
  return { check, verdict: 'ok', detail };
}

export function warn(check: string, detail: string, hint: string): Finding {
  return { check, verdict: 'warn', detail, hint };
}

export function fail(check: string, detail: string, hint: string): Finding {
  return { check, verdict: 'fail', detail, hint };
}
