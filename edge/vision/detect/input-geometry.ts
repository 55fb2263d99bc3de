import type { BoxXyxyPx } from '../box.js';
import type { ModelInput } from '../model/manifest.js';
import { ENLARGING_SHIFT } from './resize-plan.js';

/** How a region of a picture lies in the model's input. All lengths in pixels; `content` is the part that is picture. */
export type InputGeometry = {
  /** The region, in pixels of the whole picture. */
  readonly regionX: number;
  readonly regionY: number;
  readonly regionWidth: number;
  readonly regionHeight: number;
  /** Where the resized region lies in the input. */
  readonly contentX: number;
  readonly contentY: number;
  readonly contentWidth: number;
  readonly contentHeight: number;
  /** Input pixels per picture pixel, as the model's recipe undoes it: for the letterboxes the exact gain, not the rounded size. */
  readonly gainX: number;
  readonly gainY: number;
  /** How far the picture lies to the right of and below its place, in input pixels; not 0 if an axis is enlarged. */
  readonly shift: number;
};

type Target = Pick<ModelInput, 'widthPx' | 'heightPx' | 'resize'>;

/**
 * Where a region goes in the input. Rounding follows the upstream recipes: YOLOX (`letterbox-topleft`) cuts the resized
 * size to whole pixels, the Ultralytics and NanoDet recipes (`letterbox-centre`) round it and put the odd pixel of the
 * border at the right or below.
 * @param region integer pixels, not empty.
 */
export function planGeometry(target: Target, region: BoxXyxyPx): InputGeometry {
  const [regionX, regionY] = region;
  const regionWidth = region[2] - regionX;
  const regionHeight = region[3] - regionY;
  const place = { regionX, regionY, regionWidth, regionHeight };
  const { widthPx, heightPx } = target;
  if (target.resize === 'stretch') {
    const content = { contentX: 0, contentY: 0, contentWidth: widthPx, contentHeight: heightPx };
    return {
      ...place,
      ...content,
      shift: shiftOf(place, content),
      gainX: widthPx / regionWidth,
      gainY: heightPx / regionHeight,
    };
  }
  const gain = Math.min(widthPx / regionWidth, heightPx / regionHeight);
  const whole = target.resize === 'letterbox-topleft' ? Math.floor : Math.round;
  // The tiny addend keeps 640 * (416 / 640) from being cut to 415.
  const contentWidth = Math.min(widthPx, Math.max(1, whole(regionWidth * gain + 1e-6)));
  const contentHeight = Math.min(heightPx, Math.max(1, whole(regionHeight * gain + 1e-6)));
  const centred = target.resize === 'letterbox-centre';
  const contentX = centred ? Math.floor((widthPx - contentWidth) / 2) : 0;
  const contentY = centred ? Math.floor((heightPx - contentHeight) / 2) : 0;
  const content = { contentX, contentY, contentWidth, contentHeight };
  return { ...place, ...content, shift: shiftOf(place, content), gainX: gain, gainY: gain };
}

type Region = Pick<InputGeometry, 'regionWidth' | 'regionHeight'>;
type Content = Pick<InputGeometry, 'contentWidth' | 'contentHeight'>;

function shiftOf({ regionWidth, regionHeight }: Region, { contentWidth, contentHeight }: Content): number {
  return contentWidth > regionWidth || contentHeight > regionHeight ? ENLARGING_SHIFT : 0;
}

/** Input pixel to picture pixel, along x. */
export function pictureX(geometry: InputGeometry, inputX: number): number {
  return (inputX - geometry.contentX - geometry.shift) / geometry.gainX + geometry.regionX;
}

/** Input pixel to picture pixel, along y. */
export function pictureY(geometry: InputGeometry, inputY: number): number {
  return (inputY - geometry.contentY - geometry.shift) / geometry.gainY + geometry.regionY;
}

/** Picture pixel to input pixel, along x. */
export function inputX(geometry: InputGeometry, x: number): number {
  return (x - geometry.regionX) * geometry.gainX + geometry.contentX + geometry.shift;
}

/** Picture pixel to input pixel, along y. */
export function inputY(geometry: InputGeometry, y: number): number {
  return (y - geometry.regionY) * geometry.gainY + geometry.contentY + geometry.shift;
}
