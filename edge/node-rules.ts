import { existsSync } from 'node:fs';
import type { Clock } from '../base/clock.js';
import type { DeepReadonly } from '../base/config.js';
import type { RetainedDocuments } from '../base/link/retained-documents.js';
import type { Log } from '../base/log.js';
import type { Random } from '../base/random.js';
import { routes } from '../protocol/routes.js';
import type { SensorReading } from '../protocol/status.js';
import type { EdgeConfig } from './config.js';
import type { TrackReport, VisionReport } from './process/vision-message.js';
import type { RecordFields } from './records/record-log.js';
import type { AlertMessage } from './rules/alert-message.js';
import { AlertOutlets } from './rules/alert-outlets.js';
import type { ExpressionScope } from './rules/expression/expression-scope.js';
import { ruleMemoryPath } from './rules/memory-file.js';
import type { AlertNews, RuleDesk } from './rules/rule-desk.js';

export type NodeRulesOptions = {
  readonly config: DeepReadonly<EdgeConfig>;
  readonly stateDir: string;
  readonly documents: RetainedDocuments;
  readonly append: (fields: RecordFields, atMs: number) => Promise<unknown>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
};

/** Names that the rules of a node may use. */
export function ruleScopeOf({ sensors, cameras }: DeepReadonly<EdgeConfig>): ExpressionScope {
  const zones = Object.entries(cameras).map(([camera, config]) => [camera, Object.keys(config.zones)]);
  return { sensors: Object.keys(sensors), cameras: Object.fromEntries(zones) };
}

/** The rules of a node, fed with what its vision process and its sensors say. */
export class NodeRules {
  readonly #options: NodeRulesOptions;
  #desk: RuleDesk | undefined;
  #outlets: AlertOutlets | undefined;

  constructor(options: NodeRulesOptions) {
    this.#options = options;
  }

  /** To be called before anything is told. */
  async open(): Promise<void> {
    const { config, stateDir, clock, random, log } = this.#options;
    this.#outlets = await AlertOutlets.open(config.alerts, { clock, random: random.fork('alerts'), log });
    // Who has no rules does not pay for the language they are written in. What is still open of former ones is cleared.
    if (Object.keys(config.rules).length === 0 && !existsSync(ruleMemoryPath(stateDir))) return;
    this.#desk = await this.#makeDesk();
    await this.#desk.open();
  }

  async close(): Promise<void> {
    await this.#desk?.close();
    await this.#outlets?.close();
  }

  /** What went wrong, by cause. */
  drops(): Record<string, number> {
    return { ...this.#desk?.drops(), ...this.#outlets?.drops() };
  }

  onReading(sensor: string, reading: SensorReading): void {
    this.#desk?.facts.setReading(sensor, reading);
    this.#desk?.wake();
  }

  onTrack({ camera, capturedAtMs, ev, id, l, p, z, st }: TrackReport): void {
    const news = { camera, ev, id, label: l, score: p / 1000, zones: z ?? [], stationary: st !== undefined };
    this.#desk?.facts.applyTrack(news, capturedAtMs);
    this.#desk?.wake();
  }

  onCamera(report: Extract<VisionReport, { type: 'camera' | 'motion' }>): void {
    if (report.type === 'motion') this.#desk?.facts.setMotion(report.camera, report.on);
    else this.#desk?.facts.setCamera(report.camera, report.state);
    this.#desk?.wake();
  }

  /** Nobody watches any camera. */
  onBlind(): void {
    this.#desk?.facts.setBlind('detector');
    this.#desk?.wake();
  }

  async #makeDesk(): Promise<RuleDesk> {
    const { config, stateDir, documents, append, clock, log } = this.#options;
    const { node } = config;
    const { RuleDesk } = await import('./rules/rule-desk.js');
    return new RuleDesk({
      ...{ rules: config.rules, scope: ruleScopeOf(config), timeZone: config.timeZone, stateDir, clock, log },
      show: (rule, alert) => {
        if (alert === undefined) documents.clear(routes.alert, { node, rule });
        else documents.set(routes.alert, { node, rule }, alert);
      },
      record: (news, atMs) => append(recordOf(news), atMs),
      tell: (news, atMs) => this.#outlets?.tell(messageOf(node, news, atMs)),
    });
  }
}

function recordOf(news: AlertNews): RecordFields {
  const { kind, rule, alert } = news;
  const { severity, text, values, raisedAtMs } = alert;
  const common = { k: 'alert', r: rule, ev: kind, sev: severity, x: text };
  if (kind === 'clear') return { ...common, from: raisedAtMs, why: news.why };
  return { ...common, ...(Object.keys(values).length === 0 ? {} : { v: values }) };
}

function messageOf(node: string, news: AlertNews, atMs: number): AlertMessage {
  const { kind: event, rule, alert } = news;
  return { node, rule, event, atMs, ...alert, ...(news.kind === 'clear' ? { why: news.why } : {}) };
}
