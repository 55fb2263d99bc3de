import type { z } from 'zod';
import type { Params, Route } from '../../protocol/routes.js';
import type { LinkWill } from './mqtt-session.js';

/** Reads what the broker has retained on one topic, over a short session without a will before the real one. */
export type Peek = <P extends string, S extends z.ZodType>(
  route: Route<P, S>,
  params: Params<P>,
) => Promise<z.infer<S> | undefined>;

/** Who decides on the identity of each session: its will before CONNECT, its birth after CONNACK. */
export interface SessionKeeper {
  /** Called before every CONNECT, which waits if this holds the link off; a throw counts as a failed attempt. */
  prepare(peek: Peek): Promise<LinkWill>;
  /** Called right after CONNACK, before anybody else may publish: what it publishes is the first packet. */
  begin(): void;
  /** Called before the link goes to another broker, while this one still takes a last word. */
  leave(): Promise<void>;
}
