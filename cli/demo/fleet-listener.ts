import type { Clock } from '../../base/clock.js';
import type { Link } from '../../base/link/link.js';
import { routes } from '../../protocol/routes.js';
import { MONITOR } from './demo-plan.js';
import type { FleetView } from './fleet-view.js';

/** Subscribes a view to everything the table shows, as any other reader on the wire. */
export function listenToFleet(link: Link, view: FleetView, clock: Clock): void {
  const count = () => {
    view.messages++;
  };
  link.subscribe(routes.status, {}, ({ params, payload, retained }) => {
    count();
    view.onStatus(params.node, payload, retained);
  });
  link.subscribe(routes.beat, {}, ({ params, payload }) => {
    count();
    view.onBeat(params.node, payload);
  });
  link.subscribe(routes.health, {}, ({ params, payload }) => {
    count();
    view.onHealth(params.node, payload);
  });
  link.subscribe(routes.replica, {}, ({ params, payload }) => {
    count();
    view.onReplica(params.node, payload);
  });
  link.subscribe(routes.claims, {}, ({ params, payload }) => {
    count();
    view.onClaims(params.node, payload);
  });
  link.subscribe(routes.live, {}, ({ params, payload }) => {
    count();
    view.onLive(params.node, payload, clock.nowMs());
  });
  link.subscribe(routes.cameraState, {}, ({ params, payload }) => {
    count();
    view.onCameraState(params.node, params.camera, payload);
  });
  link.subscribe(routes.motion, {}, ({ params, payload }) => {
    count();
    view.onMotion(params.node, params.camera, payload);
  });
  link.subscribe(routes.count, {}, ({ params, payload }) => {
    count();
    view.onCount(params.node, params.camera, params.label, Number(payload));
  });
  link.subscribe(routes.sensor, {}, ({ params, payload }) => {
    count();
    view.onSensor(params.node, params.sensor, payload);
  });
  link.subscribe(
    routes.alert,
    {},
    ({ params, payload }) => {
      count();
      view.onAlert(params.node, params.rule, payload);
    },
    ({ params }) => view.onAlert(params.node, params.rule, undefined),
  );
  link.subscribe(routes.monitorStatus, { monitor: MONITOR }, ({ payload, retained }) => {
    count();
    // What an earlier demo left in the broker says nothing about now.
    if (!retained) view.monitor = payload;
  });
  link.subscribe(routes.incident, { monitor: MONITOR }, ({ params, payload, retained }) => {
    count();
    if (!retained && params.node !== MONITOR) view.onIncident(params.node, payload);
  });
  link.subscribe(routes.roster, { monitor: MONITOR }, ({ payload }) => {
    count();
    view.roster = payload;
  });
}
