import type { Random } from '../../base/random.js';
import { type Actor, type ActorLook, type ActorPose, extentOf, makeActorLook } from './actor.js';
import { type Lane, type Stage, viewOf } from './backdrops/stage.js';
import { distanceAtScale, pxPerM } from './view.js';

/** One actor's whole appearance: a straight path at constant pace with at most one rest. Seconds of scene time. */
type Appearance = {
  readonly actorId: number;
  readonly look: ActorLook;
  readonly startS: number;
  readonly endS: number;
  readonly from: readonly [number, number];
  readonly to: readonly [number, number];
  readonly speedMps: number;
  readonly restAtS: number;
  readonly restS: number;
  readonly view: ActorPose['view'];
  readonly facingLeft: boolean;
  readonly gesture: boolean;
};

type LaneState = { readonly lane: Lane; readonly random: Random; count: number; nextS: number; live: Appearance[] };

// Beyond this many at once the newest stay away: a demo picture with more is a crowd nobody can follow.
const ACTORS_MAX = 7;
// Every so often nobody comes for a while, so that counts go to zero and the motion gate rests.
const QUIET_EVERY_S = 90;
const QUIET_FOR_S = 28;

/**
 * The actors of a live scene. Each lane sends them in from the border at seeded times; they walk, rest and leave.
 * `at` must be asked with times that do not fall; the answer depends on the seed and the time only.
 */
export class Cast {
  readonly #stage: Stage;
  readonly #lanes: LaneState[];
  readonly #random: Random;

  constructor(stage: Stage, random: Random) {
    this.#stage = stage;
    this.#random = random;
    this.#lanes = stage.lanes.map((lane, i) => {
      const own = random.fork(`lane${i}`);
      return { lane, random: own, count: 0, nextS: own.range(-0.7, 0.6) * lane.everyS, live: [] };
    });
  }

  /** Everybody on stage at this time, in no particular order. */
  at(timeS: number, night: boolean): Actor[] {
    const actors: Actor[] = [];
    this.#lanes.forEach((state, index) => {
      while (state.nextS <= timeS) this.#send(state, index);
      state.live = state.live.filter((appearance) => appearance.endS > timeS);
      for (const appearance of state.live) {
        if (actors.length < ACTORS_MAX) actors.push(actorAt(appearance, timeS, night));
      }
    });
    return actors;
  }

  #send(state: LaneState, laneIndex: number): void {
    const { lane, random } = state;
    const startS = state.nextS;
    const actorId = 1 + laneIndex + this.#lanes.length * state.count;
    state.count++;
    const own = this.#random.fork(`actor${laneIndex}-${state.count}`);
    const look = makeActorLook(own, own.pick(lane.kinds));
    const appearance = appear(this.#stage, lane, own, look, actorId, startS);
    state.live.push(appearance);
    // Cars of one lane share a pace and a distance: the next one starts when this one is well inside.
    const gapS = look.kind === 'car' ? 3.5 : 1.5;
    let nextS = startS + Math.max(gapS, lane.everyS * (0.35 + 1.1 * -Math.log(1 - random.next() * 0.95) * 0.5));
    if (lane.way === 'parked') nextS = appearance.endS + random.range(4, 15);
    if (nextS % QUIET_EVERY_S < QUIET_FOR_S && nextS > QUIET_FOR_S) {
      nextS += QUIET_FOR_S - (nextS % QUIET_EVERY_S);
    }
    state.nextS = nextS;
  }
}

function appear(
  stage: Stage,
  lane: Lane,
  random: Random,
  look: ActorLook,
  actorId: number,
  startS: number,
): Appearance {
  const { view } = stage;
  const unit = view.heightPx / 480;
  const zAt = (scale: number): number => distanceAtScale(view, scale * unit);
  const towards = random.chance(0.5);
  const facingLeft = random.chance(0.5);
  const pose = viewOf(lane.way, towards);
  const { halfWidthM } = extentOf(look, pose);
  const speedMps = paceOf(look, random);
  let from: [number, number];
  let to: [number, number];
  if (lane.way === 'along') {
    const far = zAt(lane.scaleFar);
    const near = zAt(lane.scaleNear);
    // Nobody appears out of thin air: a path along the view ends behind the side border at both ends.
    const side = random.chance(0.5) ? 1 : -1;
    const start: [number, number] = [random.range(-0.6, 0.6) * halfWidth(stage, far), far];
    const end: [number, number] = [side * random.range(0.5, 0.8) * halfWidth(stage, near), near * 0.62];
    [from, to] = towards ? [start, end] : [end, start];
  } else {
    const z = zAt(random.range(lane.scaleFar, lane.scaleNear));
    const edge = halfWidth(stage, z) + halfWidthM + 0.2;
    from = [facingLeft ? edge : -edge, z];
    to = [facingLeft ? -edge : edge, z];
    if (lane.way === 'parked') {
      const at = random.range(-0.6, 0.6) * edge;
      to = [facingLeft ? at - edge : at + edge, z];
    }
  }
  const lengthM = Math.hypot(to[0] - from[0], to[1] - from[1]);
  const walkS = lengthM / speedMps;
  const rests = lane.way === 'parked' || (look.kind !== 'car' && look.kind !== 'rider' && random.chance(0.4));
  const restS = lane.way === 'parked' ? random.range(30, 70) : rests ? random.range(3, 12) : 0;
  return {
    actorId,
    look,
    startS,
    endS: startS + walkS + restS,
    from,
    to,
    speedMps,
    restAtS: walkS * (lane.way === 'parked' ? random.range(0.45, 0.6) : random.range(0.3, 0.7)),
    restS,
    view: pose,
    facingLeft,
    gesture: random.chance(0.3),
  };
}

function halfWidth(stage: Stage, zM: number): number {
  return stage.view.widthPx / 2 / pxPerM(stage.view, zM);
}

function paceOf(look: ActorLook, random: Random): number {
  if (look.kind === 'car') return random.range(2.6, 4.2);
  if (look.kind === 'rider') return random.range(2, 3.4);
  if (look.kind === 'dog') return random.range(0.7, 1.5);
  if (look.kind === 'bicycle') return random.range(0.9, 1.3);
  return random.range(0.7, 1.4) * (look.person.heightM < 1.45 ? 0.85 : 1);
}

function actorAt(a: Appearance, timeS: number, night: boolean): Actor {
  const sinceS = timeS - a.startS;
  const resting = sinceS > a.restAtS && sinceS < a.restAtS + a.restS;
  const movedS = sinceS <= a.restAtS ? sinceS : Math.max(a.restAtS, sinceS - a.restS);
  const travelledM = movedS * a.speedMps;
  const lengthM = Math.hypot(a.to[0] - a.from[0], a.to[1] - a.from[1]);
  const t = Math.min(1, travelledM / lengthM);
  return {
    actorId: a.actorId,
    look: a.look,
    pose: {
      xM: a.from[0] + (a.to[0] - a.from[0]) * t,
      zM: a.from[1] + (a.to[1] - a.from[1]) * t,
      view: a.view,
      facingLeft: a.facingLeft,
      travelledM,
      // Who rests shifts weight a little instead of freezing.
      swing: resting ? 0.06 * (1 + Math.sin(timeS * 0.9)) : 1,
      gesture: resting && a.gesture,
      lampsOn: night,
    },
  };
}
