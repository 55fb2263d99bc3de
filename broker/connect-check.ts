import type { RouteName } from '../protocol/routes.js';
import { judgePublish, type PublishFacts, type Writer } from './admission.js';
import { malformedText } from './topic-filter.js';

/** CONNACK return codes of MQTT 3.1.1, section 3.2.2.3. */
export const CONNACK = { identifierRejected: 2, unavailable: 3, badPassword: 4, notAuthorized: 5 } as const;

/** Where a will may be: what says that somebody is there. */
const WILLS: readonly RouteName[] = ['status', 'monitorStatus', 'hassStatus'];

export type Refusal = { readonly returnCode: number; readonly reason: string };

export type ConnectFacts = {
  readonly clientId: string;
  readonly clean: boolean;
  readonly will: PublishFacts | undefined;
};

/** Why a CONNECT is refused before anybody's password is looked at; undefined if it is not. */
export function refuseConnect(facts: ConnectFacts): Refusal | undefined {
  const malformed = malformedText(facts.clientId);
  if (malformed !== undefined) return { returnCode: CONNACK.identifierRejected, reason: `client id ${malformed}` };
  if (facts.clientId === '' && !facts.clean) {
    // [MQTT-3.1.3-8]
    return { returnCode: CONNACK.identifierRejected, reason: 'no client id and no clean session' };
  }
  return undefined;
}

/**
 * Why an identity may not have this session; undefined if it may. The will is judged here as the publish it will be:
 * Aedes asks only when it is sent, and a dead node's forbidden will would then be dropped in silence.
 */
export function refuseSession(writer: Writer, facts: ConnectFacts): Refusal | undefined {
  if (writer.identity.role === 'node' && !facts.clean) {
    return { returnCode: CONNACK.identifierRejected, reason: 'nodes use clean sessions' };
  }
  if (facts.will === undefined) return undefined;
  const refuse = (reason: string) => ({ returnCode: CONNACK.notAuthorized, reason: `will: ${reason}` });
  const verdict = judgePublish(writer, facts.will);
  if (verdict.kind !== 'take') return refuse(verdict.reason);
  const { name } = verdict.matched;
  if (!WILLS.includes(name)) return refuse('only on the own status topic');
  if (facts.will.payload.byteLength === 0) return refuse('empty');
  return undefined;
}
