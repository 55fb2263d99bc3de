/**
 * Labels a detector takes for one another on the same object, as families: a van seen as car, truck and bus in turn is
 * one track. A label that is not listed is a family of its own.
 */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  vehicle: ['car', 'truck', 'bus', 'van', 'train'],
  cycle: ['bicycle', 'motorcycle', 'motorbike', 'scooter'],
  animal: ['cat', 'dog', 'horse', 'sheep', 'cow', 'bear', 'zebra', 'giraffe', 'elephant'],
};

const FAMILY_BY_LABEL: ReadonlyMap<string, string> = new Map(
  Object.entries(FAMILIES).flatMap(([family, labels]) => labels.map((label) => [label, `family:${family}`])),
);

/** The family of a label; the label itself when it has none. */
export function familyOf(label: string): string {
  return FAMILY_BY_LABEL.get(label) ?? label;
}
