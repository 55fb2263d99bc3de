import { OperationError } from '../base/errors.js';
import { matchTopic } from '../protocol/routes.js';
import { type Action, type Decision, type Identity, Rights } from './rights.js';
import { malformedText, overLimit } from './topic-filter.js';

/** An answer of `check-acl`: what the broker would do, and by which rule. */
export type AclAnswer = Decision & { readonly note?: string };

/** The action named by a text. @throws OperationError `usage` */
export function parseAction(text: string): Action {
  if (text === 'pub' || text === 'sub') return text;
  throw new OperationError({
    code: 'usage',
    op: 'check',
    subject: `action ${JSON.stringify(text)}`,
    message: 'allowed: pub, sub',
  });
}

/** What the rights table says to an identity that publishes on a topic or subscribes to a filter. */
export function checkAcl(root: string, identity: Identity, action: Action, topic: string): AclAnswer {
  const malformed = malformedText(topic) ?? overLimit(topic);
  if (malformed !== undefined) return { allowed: false, rule: `topic ${malformed}` };
  const rights = new Rights(root, identity);
  if (action === 'sub') return rights.read(topic);
  if (/[+#]/.test(topic)) return { allowed: false, rule: 'a topic name has no wildcards' };
  const decision = rights.write(topic);
  const unknown = decision.allowed && matchTopic(root, topic) === undefined;
  return unknown ? { ...decision, note: 'no such topic: the message would go to quarantine' } : decision;
}
