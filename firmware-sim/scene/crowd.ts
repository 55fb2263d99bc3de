import type { Random } from '../../base/random.js';
import { type Actor, extentOf, makeActorLook } from './actor.js';
import type { ActorKind, Stage } from './backdrops/stage.js';
import { distanceAtScale, pxPerM } from './view.js';

const KINDS: readonly ActorKind[] = ['person', 'person', 'person', 'car', 'car', 'rider', 'bicycle', 'dog', 'dog'];
const ACTORS_MAX = 7;
// Heights in pixels of a 480-line picture. 17.5 is 7 pixels of the 192 lines that the built-in model sees.
const HEIGHT_MIN_PX = 17;
const HEIGHT_MAX_PX: Readonly<Record<ActorKind, number>> = {
  person: 270,
  rider: 270,
  car: 200,
  bicycle: 170,
  dog: 150,
};

/**
 * Actors strewn over a stage at random, their heights even in the logarithm: what a training picture shows. Half of the
 * later ones stand close to an earlier one, so that they overlap.
 */
export function strewCrowd(stage: Stage, random: Random): Actor[] {
  // One picture in twelve shows nobody: empty scenes teach what is not an object.
  const count = random.chance(1 / 12) ? 0 : 1 + random.int(ACTORS_MAX);
  const unit = stage.view.heightPx / 480;
  const actors: Actor[] = [];
  for (let i = 0; i < count; i++) {
    const look = makeActorLook(random.fork(`look${i}`), random.pick(KINDS));
    const heightPx = HEIGHT_MIN_PX * (HEIGHT_MAX_PX[look.kind] / HEIGHT_MIN_PX) ** random.next();
    const scale = heightPx / extentOf(look, 'side').heightM;
    const near = random.chance(0.45) ? actors[random.int(actors.length || 1)] : undefined;
    const zNew = distanceAtScale(stage.view, scale * unit);
    const zM = near === undefined ? zNew : near.pose.zM * random.range(0.85, 1.15);
    const half = stage.view.widthPx / 2 / pxPerM(stage.view, zM);
    const xM = near === undefined ? random.range(-1.05, 1.05) * half : near.pose.xM + random.range(-1.6, 1.6);
    const still = random.chance(0.3);
    actors.push({
      actorId: i + 1,
      look,
      pose: {
        xM,
        zM,
        view: random.chance(0.6) ? 'side' : random.chance(0.55) ? 'front' : 'back',
        facingLeft: random.chance(0.5),
        travelledM: random.range(0, 20),
        swing: still ? 0 : random.range(0.6, 1.4),
        gesture: random.chance(still ? 0.35 : 0.1),
        lampsOn: random.chance(0.4),
      },
    });
  }
  return actors;
}
