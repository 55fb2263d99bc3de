import { boxArea } from '../box.js';
import type { ObjectFilter, ObjectSettings } from '../config.js';
import { polygonContains, standingPoint } from '../polygon.js';
import type { MergedDetection } from '../regions/merge.js';
import { labelsTracked } from '../tracked-labels.js';

/** What a filter demands of one label, with nothing left open. */
export type LabelRule = Omit<ObjectFilter, 'scoreMin' | 'threshold'> & {
  readonly scoreMin: number;
  readonly threshold: number;
};

/** A detection that passed its filter. */
export type FilteredDetection = MergedDetection & {
  /** Its score is at least scoreMin: it may start a track. Others only keep one alive (ByteTrack's second association). */
  readonly isStrong: boolean;
};

// Scores between this share of scoreMin and scoreMin belong to things half hidden: good enough for a track that is
// already there. At half, YOLOX-Nano gives 0.15 to 0.3 for people behind others in the shop clip.
const WEAK_SHARE = 0.5;
const MEDIAN_ABOVE_MIN = 0.05;

/** Per-label filters of one camera for one model. */
export class DetectionFilter {
  /** Labels that are tracked, in the model's order. */
  readonly labels: readonly string[];
  readonly #settings: ObjectSettings;
  readonly #modelScoreMin: number;
  #rules: ReadonlyMap<string, LabelRule>;

  /** @param modelScoreMin the model's own threshold, used where the settings give none. */
  constructor(settings: ObjectSettings, modelLabels: readonly string[], modelScoreMin: number) {
    this.labels = labelsTracked(settings, modelLabels);
    this.#settings = settings;
    this.#modelScoreMin = modelScoreMin;
    this.#rules = this.#rulesWith({});
  }

  /** What to ask the detector for: nothing below it is of use. */
  get scoreFloor(): number {
    const scoresMin = [...this.#rules.values()].map((rule) => rule.scoreMin);
    return WEAK_SHARE * Math.min(this.#modelScoreMin, ...scoresMin);
  }

  /** From now on these labels need such a score, as if it were configured without a median; the others as configured. */
  adjust(scoresMin: Readonly<Record<string, number>>): void {
    this.#rules = this.#rulesWith(scoresMin);
  }

  /** The rule of a tracked label. */
  rule(label: string): LabelRule | undefined {
    return this.#rules.get(label);
  }

  #rulesWith(scoresMin: Readonly<Record<string, number>>): ReadonlyMap<string, LabelRule> {
    const rules = this.labels.map((label) => {
      const rule = ruleOf(this.#settings, label, this.#modelScoreMin);
      const scoreMin = scoresMin[label];
      return [label, scoreMin === undefined ? rule : { ...rule, scoreMin, threshold: thresholdOf(scoreMin) }] as const;
    });
    return new Map(rules);
  }

  /** Keeps what is worth tracking, in the order given. */
  apply(detections: readonly MergedDetection[], widthPx: number, heightPx: number): FilteredDetection[] {
    const kept: FilteredDetection[] = [];
    for (const detection of detections) {
      const rule = this.#rules.get(detection.label);
      if (rule === undefined || detection.score < WEAK_SHARE * rule.scoreMin) continue;
      if (passesShape(detection, rule, widthPx, heightPx))
        kept.push({ ...detection, isStrong: detection.score >= rule.scoreMin });
    }
    return kept;
  }
}

function passesShape({ box }: MergedDetection, rule: LabelRule, widthPx: number, heightPx: number): boolean {
  const area = boxArea(box) / (widthPx * heightPx);
  if (area <= 0 || area < rule.areaMin || area > rule.areaMax) return false;
  const ratio = (box[2] - box[0]) / (box[3] - box[1]);
  if (ratio < rule.ratioMin || ratio > rule.ratioMax) return false;
  const [x, y] = standingPoint(box, widthPx, heightPx);
  return !rule.masks.some((mask) => polygonContains(mask, x, y));
}

function ruleOf({ filter, perLabel }: ObjectSettings, label: string, modelScoreMin: number): LabelRule {
  const own = perLabel[label];
  const scoreMin = own?.scoreMin ?? filter.scoreMin ?? modelScoreMin;
  return {
    scoreMin,
    threshold: own?.threshold ?? filter.threshold ?? thresholdOf(scoreMin),
    areaMin: own?.areaMin ?? filter.areaMin,
    areaMax: own?.areaMax ?? filter.areaMax,
    ratioMin: own?.ratioMin ?? filter.ratioMin,
    ratioMax: own?.ratioMax ?? filter.ratioMax,
    masks: own?.masks ?? filter.masks,
  };
}

function thresholdOf(scoreMin: number): number {
  return Math.min(1, scoreMin + MEDIAN_ABOVE_MIN);
}
