import type { Clock } from '../base/clock.js';
import { Delivery } from '../base/delivery.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import { postJson } from '../base/webhook.js';
import type { Notice } from '../protocol/status.js';

export type WebhookOptions = {
  /** Where to POST; `user:password@` in it becomes basic authentication. It may be a secret, and is never logged. */
  readonly url: URL;
  readonly timeoutMs: number;
  readonly monitor: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Tells a person through a web hook: POST of one JSON object per notice, in order, tried again with backoff. */
export function openWebhook({ url, timeoutMs, monitor, ...parts }: WebhookOptions): Delivery<Notice> {
  return new Delivery({
    ...{ way: 'web hook', one: 'a notice', many: 'notices', prefix: 'webhook' },
    send: (notice, signal) => postJson(url, { ...notice, monitor }, timeoutMs, signal),
    fieldsOf: ({ node, rule }) => ({ node, rule }),
    ...parts,
  });
}
