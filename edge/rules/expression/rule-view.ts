/** One tracked object as rules see it. */
export type TrackView = {
  readonly camera: string;
  /** A whole number is a bigint in CEL. */
  readonly id: bigint;
  readonly label: string;
  readonly zones: readonly string[];
  /** Since it was told as new. */
  readonly seconds: number;
  /** 0..1, the best so far. */
  readonly score: number;
  readonly stationary: boolean;
};

/** The time as the people there read it. */
export type LocalTime = {
  /** 0..23 */
  readonly hour: number;
  /** 0..59 */
  readonly minute: number;
  /** 1 Monday .. 7 Sunday, as ISO 8601. */
  readonly weekday: number;
};

/**
 * What an expression can look at, at one moment. A value that is not known is no value: each of these throws
 * UnknownValueError instead of giving one that was true before.
 */
export interface RuleView {
  /** The last reading, in the sensor's unit. @throws UnknownValueError while there is none. */
  reading(sensor: string): number;
  /** Whether a sensor reads, known at any time. */
  isReading(sensor: string): boolean;
  /** Whether a camera sees, known at any time. */
  isSeeing(camera: string): boolean;
  /** Frames per second, known at any time; 0 before the first. */
  fps(camera: string): number;
  /** @throws UnknownValueError while the camera does not see. */
  isMoving(camera: string): boolean;
  /** What is in view of these cameras now; not to be kept: it changes with the next moment. @throws UnknownValueError if one of them does not see. */
  tracks(cameras: readonly string[]): readonly TrackView[];
  readonly time: LocalTime;
}

/** Something a rule asked for is not known at present. The message says what, for people. */
export class UnknownValueError extends Error {}
