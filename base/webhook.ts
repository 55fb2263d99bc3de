import { z } from 'zod';
import type { DeepReadonly } from './config.js';
import { OperationError, systemCodeOf } from './errors.js';
import { readSecretFile } from './secret-file.js';

/** Where a service posts what people should know. */
export const WebhookConfig = z
  .strictObject({
    url: z
      .url({ protocol: /^https?$/, error: 'allowed: an http or https address' })
      .refine((url) => !hasCredentials(url), 'holds a password: write the whole address into a file, urlFile')
      .optional()
      .describe('address; visible to whoever reads this file'),
    urlFile: z
      .string()
      .min(1)
      .max(4096)
      .optional()
      .describe('file with the address instead, mode 0600; `user:password@` in it becomes basic authentication'),
    timeoutMs: z.int().min(100).max(60_000).default(10_000).describe('longest wait for an answer'),
  })
  .refine(({ url, urlFile }) => (url === undefined) !== (urlFile === undefined), 'needs url or urlFile, not both');
export type WebhookConfig = z.infer<typeof WebhookConfig>;

function hasCredentials(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { username, password } = new URL(text);
  return username !== '' || password !== '';
}

/** The address of a web hook. It may be a secret. @throws OperationError credentials-invalid */
export async function readWebhookUrl({ url, urlFile }: DeepReadonly<WebhookConfig>): Promise<URL> {
  const text = urlFile === undefined ? (url ?? '') : await readSecretFile(urlFile);
  if (/^https?:/i.test(text) && URL.canParse(text)) return new URL(text);
  throw new OperationError({
    code: 'credentials-invalid',
    op: 'read',
    subject: `web hook's address in ${urlFile ?? 'webhook.url'}`,
    message: 'it is no http or https address',
  });
}

/**
 * POST of one JSON object. `user:password@` in the address becomes basic authentication; redirections are not followed.
 * @returns undefined once it is taken; else why not, in words without the address.
 */
export async function postJson(
  url: URL,
  body: object,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { target, headers } = targetOf(url);
  const stop = new AbortController();
  const giveUp = () => stop.abort();
  // By hand: in Node 20 AbortSignal.any and AbortSignal.timeout can be collected as garbage before they fire.
  const timer = setTimeout(giveUp, timeoutMs);
  signal.addEventListener('abort', giveUp);
  if (signal.aborted) giveUp();
  try {
    const response = await fetch(target, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      redirect: 'manual',
      signal: stop.signal,
    });
    await response.body?.cancel();
    return response.ok ? undefined : `HTTP status ${response.status}`;
  } catch (error) {
    if (stop.signal.aborted) return signal.aborted ? 'the service stops' : `no answer within ${timeoutMs} ms`;
    return plainCause(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', giveUp);
  }
}

function targetOf(url: URL): { target: URL; headers: Record<string, string> } {
  if (url.username === '' && url.password === '') return { target: url, headers: {} };
  const target = new URL(url);
  target.username = '';
  target.password = '';
  const words = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return { target, headers: { authorization: `Basic ${Buffer.from(words).toString('base64')}` } };
}

// The messages of fetch may name the address, which may be a secret.
function plainCause(error: unknown): string {
  if (!(error instanceof Error)) return 'no answer';
  return systemCodeOf(error.cause) ?? systemCodeOf(error) ?? error.name;
}
