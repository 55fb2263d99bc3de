import type { HassAvailability, HassComponent } from '../../protocol/home-assistant.js';
import { buildTopic, type Params, type Route } from '../../protocol/routes.js';
import type { HassEntity, HassSubject } from './hass-subject.js';

// A word that is neither of Home Assistant's two leaves the last one standing, so every state is made one of them.
const IS_ONLINE = "{{ 'online' if value_json.state == 'online' else 'offline' }}";
export const IS_OK = "{{ 'online' if value_json.ok else 'offline' }}";

/** A silent writer is not believed for ever: three of its periods. */
const PERIODS_MAX = 3;

/** The entity of a key. Home Assistant remembers it by its unique id, whatever it is called. */
export function entityOf(
  { node }: HassSubject,
  key: string,
  component: HassComponent,
  rank: HassEntity['rank'] = 0,
): HassEntity {
  return { key, rank, component: { ...component, unique_id: `vedette_${node}_${key}` } };
}

/** That each of these says that it is there. */
export function whileAll(...availability: readonly HassAvailability[]): Record<string, unknown> {
  return { availability, availability_mode: 'all' };
}

export function whenOnline<P extends string>(root: string, route: Route<P>, params: Params<P>): HassAvailability {
  return { topic: buildTopic(root, route, params), value_template: IS_ONLINE };
}

/** Seconds after which a value that is told this often is not believed any more. */
export function expireAfterS(periodMs: number): number {
  return Math.ceil((PERIODS_MAX * periodMs) / 1000);
}
