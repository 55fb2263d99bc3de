import type { Random } from '../../base/random.js';
import type { ActorKind, SceneLabel } from './backdrops/stage.js';
import { ellipse } from './backdrops/stage.js';
import type { Canvas } from './canvas.js';
import { type BicycleLook, drawBicycle, drawRider, makeBicycleLook } from './figures/bicycle.js';
import { type CarLook, drawCar, makeCarLook } from './figures/car.js';
import { type DogLook, drawDog, makeDogLook } from './figures/dog.js';
import { drawPerson, makePersonLook, type PersonLook } from './figures/person.js';
import type { Pen } from './pen.js';
import { groundX, groundY, pxPerM, type View } from './view.js';

/** All that an actor may look like; which parts are used depends on its kind. */
export type ActorLook = {
  readonly kind: ActorKind;
  readonly person: PersonLook;
  readonly car: CarLook;
  readonly bicycle: BicycleLook;
  readonly dog: DogLook;
};

/** Where an actor is at one moment and what it is doing. World metres. */
export type ActorPose = {
  readonly xM: number;
  readonly zM: number;
  readonly view: 'side' | 'front' | 'back';
  readonly facingLeft: boolean;
  /** Metres travelled since it appeared; drives legs, wheels and pedals. */
  readonly travelledM: number;
  /** 0 stands still, 1 moves at its usual pace. */
  readonly swing: number;
  readonly gesture: boolean;
  readonly lampsOn: boolean;
};

export type Actor = { readonly actorId: number; readonly look: ActorLook; readonly pose: ActorPose };

export function makeActorLook(random: Random, kind: ActorKind): ActorLook {
  return {
    kind,
    person: makePersonLook(random.fork('person')),
    car: makeCarLook(random.fork('car')),
    bicycle: makeBicycleLook(random.fork('bicycle')),
    dog: makeDogLook(random.fork('dog')),
  };
}

/** Labels of the objects that an actor of this kind counts as, in drawing order of their ids. */
export function labelsOf(kind: ActorKind): readonly SceneLabel[] {
  return kind === 'rider' ? ['person', 'bicycle'] : [kind];
}

/** Half the width and the full height that an actor takes, in metres: used to keep actors apart. */
export function extentOf(actor: ActorLook, view: ActorPose['view']): { halfWidthM: number; heightM: number } {
  if (actor.kind === 'car') {
    const side = view === 'side';
    return { halfWidthM: (side ? actor.car.lengthM : actor.car.widthM) / 2, heightM: actor.car.heightM };
  }
  if (actor.kind === 'dog')
    return { halfWidthM: actor.dog.heightM * (view === 'side' ? 0.85 : 0.3), heightM: actor.dog.heightM * 1.2 };
  if (actor.kind === 'person') return { halfWidthM: 0.3, heightM: actor.person.heightM };
  const halfWidthM = view === 'side' ? 0.87 : 0.3;
  return { halfWidthM, heightM: actor.kind === 'rider' ? 1.9 : 1.08 };
}

/** Draws the actor's shadow onto the ground; no id, shadows are not objects. */
export function drawShadow(canvas: Canvas, view: View, actor: Actor, light: { slant: number; strength: number }): void {
  const { pose, look } = actor;
  const scale = pxPerM(view, pose.zM);
  const x = groundX(view, pose.xM, pose.zM);
  const y = groundY(view, pose.zM);
  const { halfWidthM, heightM } = extentOf(look, pose.view);
  const width = halfWidthM * scale;
  const alpha = light.strength;
  canvas.contour(ellipse(x, y, width * 1.05, Math.max(1, 0.09 * width + 0.035 * scale)));
  canvas.paint({ from: [8, 10, 14], alpha });
  const dx = light.slant * heightM * scale;
  const dy = -0.1 * Math.abs(light.slant) * heightM * scale;
  if (Math.abs(dx) < 1) return;
  canvas.contour([x - width * 0.7, y, x + width * 0.7, y, x + dx + width * 0.5, y + dy, x + dx - width * 0.5, y + dy]);
  canvas.paint({ from: [8, 10, 14], alpha: alpha * 0.6 });
}

/** Draws the actor; `firstId` is its id in the id plane, a rider's bicycle has the next one. */
export function drawActor(pen: Pen, view: View, actor: Actor, firstId: number): void {
  const { look, pose } = actor;
  pen.place(firstId, groundX(view, pose.xM, pose.zM), groundY(view, pose.zM), pxPerM(view, pose.zM), pose.facingLeft);
  switch (look.kind) {
    case 'person': {
      const phase = (pose.travelledM / (0.42 * look.person.heightM)) * Math.PI;
      drawPerson(pen, look.person, { view: pose.view, phase, swing: pose.swing, armUp: pose.gesture });
      return;
    }
    case 'car':
      drawCar(pen, look.car, {
        view: pose.view === 'side' ? 'side' : pose.view === 'front' ? 'front' : 'rear',
        wheelTurn: pose.travelledM / 0.32,
        lampsOn: pose.lampsOn,
      });
      return;
    case 'dog': {
      const phase = (pose.travelledM / (0.55 * look.dog.heightM)) * Math.PI;
      const view = pose.view === 'side' ? 'side' : 'front';
      drawDog(pen, look.dog, { view, phase, swing: pose.swing, sits: pose.gesture && pose.swing < 0.1 });
      return;
    }
    case 'bicycle':
      drawBicycle(pen, look.bicycle, { view: pose.view === 'side' ? 'side' : 'front', pedal: -pose.travelledM / 0.9 });
      return;
    case 'rider':
      drawRider(
        pen,
        look.person,
        look.bicycle,
        { view: pose.view === 'side' ? 'side' : 'front', pedal: -pose.travelledM / 0.9 },
        { person: firstId, bicycle: firstId + 1 },
      );
  }
}
