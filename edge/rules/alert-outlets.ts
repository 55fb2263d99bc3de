import { z } from 'zod';
import type { Clock } from '../../base/clock.js';
import type { DeepReadonly } from '../../base/config.js';
import { Delivery } from '../../base/delivery.js';
import { messageOf } from '../../base/errors.js';
import type { Log } from '../../base/log.js';
import type { Random } from '../../base/random.js';
import { postJson, readWebhookUrl, WebhookConfig } from '../../base/webhook.js';
import { SEVERITIES, Severity } from '../../protocol/record.js';
import { runAlertCommand } from './alert-command.js';
import type { AlertMessage } from './alert-message.js';

const CommandConfig = z.strictObject({
  argv: z.array(z.string().min(1).max(1024)).min(1).max(64).describe('program and arguments; no shell'),
  timeoutMs: z.int().min(100).max(600_000).default(30_000).describe('longest it may take; then it is killed'),
});

/** Who else is told of alerts; MQTT and the log always are. */
export const AlertsConfig = z.strictObject({
  severityMin: Severity.default('info').describe('less is not told to web hook and command'),
  webhook: WebhookConfig.optional().describe(
    'gets a POST with {node, rule, event, severity, text, atMs, raisedAtMs, values, why?} for each raise and clear',
  ),
  command: CommandConfig.optional().describe('gets the same as a line on its standard input; exit code 0: taken'),
});
export type AlertsConfig = z.infer<typeof AlertsConfig>;

type Parts = { readonly clock: Clock; readonly random: Random; readonly log: Log };

/** Tells people of alerts by web hook and by command, each with a queue and tries of its own. */
export class AlertOutlets {
  readonly #severityMin: Severity;
  readonly #ways: readonly Delivery<AlertMessage>[];
  readonly #broken: number;

  private constructor(severityMin: Severity, ways: readonly Delivery<AlertMessage>[], broken: number) {
    this.#severityMin = severityMin;
    this.#ways = ways;
    this.#broken = broken;
  }

  /** A web hook whose address cannot be read is told and left out: the node is to see without it. */
  static async open(config: DeepReadonly<AlertsConfig>, parts: Parts): Promise<AlertOutlets> {
    const ways: Delivery<AlertMessage>[] = [];
    let broken = 0;
    if (config.webhook !== undefined) {
      const { timeoutMs } = config.webhook;
      const url = await readWebhookUrl(config.webhook).catch((error) => {
        parts.log.error('alerts go to no web hook', { error: messageOf(error) });
        return undefined;
      });
      if (url === undefined) broken++;
      else ways.push(way('webhook', parts, (message, signal) => postJson(url, message, timeoutMs, signal)));
    }
    if (config.command !== undefined) {
      const { argv, timeoutMs } = config.command;
      ways.push(way('command', parts, (message, signal) => runAlertCommand(argv, message, timeoutMs, signal)));
    }
    return new AlertOutlets(config.severityMin, ways, broken);
  }

  tell(message: AlertMessage): void {
    if (SEVERITIES.indexOf(message.severity) < SEVERITIES.indexOf(this.#severityMin)) return;
    for (const way of this.#ways) way.push(message);
  }

  /** Tries that failed, alerts given up or dropped, and ways that cannot be used. */
  drops(): Record<string, number> {
    const counts = this.#ways.flatMap(({ counters }) => Object.entries(counters.snapshot()));
    const drops = Object.fromEntries(counts.filter(([name]) => !name.endsWith('Sent')));
    return this.#broken === 0 ? drops : { ...drops, 'alert-webhookBroken': this.#broken };
  }

  async close(): Promise<void> {
    await Promise.all(this.#ways.map((way) => way.close()));
  }
}

function way(
  name: 'webhook' | 'command',
  { clock, random, log }: Parts,
  send: (message: AlertMessage, signal: AbortSignal) => Promise<string | undefined>,
): Delivery<AlertMessage> {
  return new Delivery({
    ...{ way: name === 'webhook' ? 'web hook' : 'alert command', one: 'an alert', many: 'alerts' },
    prefix: `alert-${name}`,
    fieldsOf: ({ rule, event }) => ({ rule, event }),
    ...{ send, clock, random: random.fork(name), log },
  });
}
