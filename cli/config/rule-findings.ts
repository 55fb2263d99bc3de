import type { DeepReadonly } from '../../base/config.js';
import type { EdgeConfig } from '../../edge/config.js';
import { ruleScopeOf } from '../../edge/node-rules.js';
import type { CompiledRule } from '../../edge/rules/compiled-rule.js';
import { placeIn } from '../../edge/rules/expression/expression-error.js';
import { RuleFacts } from '../../edge/rules/rule-facts.js';
import { RuleSet } from '../../edge/rules/rule-set.js';
import { labelsTracked } from '../../edge/vision/tracked-labels.js';
import type { Finding } from './file-findings.js';

/** What is wrong with the rules of a node: faults of their expressions, before they run. */
export function ruleFindings(edge: DeepReadonly<EdgeConfig>): Finding[] {
  return setOf(edge).faults.map(({ rule, key, message }) => {
    return { severity: 'fault' as const, path: ['edge', 'rules', rule, key], message };
  });
}

/** What rules ask that can never be of use: labels that no camera of the node tracks, and nothing at all. */
export function ruleWarnings(edge: DeepReadonly<EdgeConfig>, modelLabels: readonly string[]): Finding[] {
  const cameras = Object.values(edge.cameras);
  const tracked = new Set(cameras.flatMap(({ objects }) => labelsTracked(objects, modelLabels)));
  return setOf(edge).rules.flatMap((rule) => [...labelFindings(rule, tracked), ...constantFindings(rule)]);
}

function setOf(edge: DeepReadonly<EdgeConfig>): RuleSet {
  const facts = new RuleFacts(Object.keys(edge.cameras));
  return new RuleSet({ rules: edge.rules, scope: ruleScopeOf(edge), timeZone: edge.timeZone, facts });
}

function labelFindings({ id, when, clear }: CompiledRule, tracked: ReadonlySet<string>): Finding[] {
  return (['when', 'clear'] as const).flatMap((key) => {
    const expression = key === 'when' ? when : clear;
    const unknown = (expression?.labels ?? []).filter(({ label }) => !tracked.has(label));
    return unknown.map(({ label, at }): Finding => {
      const list = [...tracked].slice(0, 12).join(', ');
      const message = `at ${placeIn(expression?.text ?? '', at)}: no camera tracks ${JSON.stringify(label)}; tracked: ${list || 'nothing'}`;
      return { severity: 'warning', path: ['edge', 'rules', id, key], message };
    });
  });
}

// With hours it may be meant: an alert from ten to six.
function constantFindings({ id, when, config }: CompiledRule): Finding[] {
  if (!when.isConstant || config.schedule.length > 0) return [];
  const outcome = when.evaluate();
  const says = outcome.kind === 'value' ? `it is always ${outcome.value}` : `it can never be computed (${outcome.why})`;
  const message = `${says}: it asks for no sensor, camera or time`;
  return [{ severity: 'warning', path: ['edge', 'rules', id, 'when'], message }];
}
