import type { ExpressionScope } from '../../../edge/rules/expression/expression-scope.js';
import { RuleLanguage } from '../../../edge/rules/expression/rule-language.js';
import { RuleFacts } from '../../../edge/rules/rule-facts.js';
import type { SensorReading } from '../../../protocol/status.js';

/** Two cameras, one of them with zones, and three sensors, one of which is no variable. */
export const SCOPE: ExpressionScope = {
  sensors: ['temperature', 'air-quality', '1st-floor'],
  cameras: { front: ['gate', 'yard'], back: ['yard'] },
};

export const T0 = 1_789_000_000_000;

export function reading(value: number | null, reason?: string): SensorReading {
  return { v: 1, value, unit: '°C', atMs: T0, ok: value !== null, ...(reason === undefined ? {} : { reason }) };
}

/** Facts in which both cameras see nothing and sensors have not read yet. */
export function seeingFacts(): RuleFacts {
  const facts = new RuleFacts(Object.keys(SCOPE.cameras));
  for (const camera of Object.keys(SCOPE.cameras)) facts.setCamera(camera, { ok: true, fps: 10 });
  facts.setSeeing();
  facts.setTime(T0, 0, { hour: 22, minute: 5, weekday: 3 });
  return facts;
}

export function person(camera: string, id: number, zones: string[] = [], more: object = {}) {
  return { camera, ev: 'new' as const, id, label: 'person', score: 0.9, zones, stationary: false, ...more };
}

/** What an expression says of facts: a value, `unknown: why` or `fault: why`. */
export function say(text: string, facts: RuleFacts): unknown {
  const outcome = new RuleLanguage(SCOPE, facts).compile(text, 'shown').evaluate();
  return outcome.kind === 'value' ? outcome.value : `${outcome.kind}: ${outcome.why}`;
}
