/** The names an expression may use: those of its node's configuration. */
export type ExpressionScope = {
  readonly sensors: readonly string[];
  /** Zones by camera. */
  readonly cameras: Readonly<Record<string, readonly string[]>>;
};

/** The cameras a place stands for, and the zone in them, if it is one. */
export type Place = { readonly cameras: readonly string[]; readonly zone: string | undefined };

/** A CEL variable has letters, digits and `_` only: `air-quality` is `air_quality`. */
export function variableOf(sensor: string): string {
  return sensor.replaceAll('-', '_');
}

/** Words of CEL that are no names (its specification, section "Syntax"), and those the library keeps to itself. */
const RESERVED: ReadonlySet<string> = new Set(
  (
    'true false null in as break const continue else for function if import let loop package namespace return var void ' +
    'while google cel prototype bool bytes double dyn int list map string type uint'
  ).split(' '),
);

/** Variables of their own, with what they say. */
export const TIME_VARIABLES = { hour: 'int', minute: 'int', weekday: 'int' } as const;

/**
 * Whether a sensor can be written as a variable. One that begins with a digit, or is called like a word of the language, is
 * read by `sensor("...")`.
 */
export function hasVariable(sensor: string): boolean {
  const name = variableOf(sensor);
  return /^[a-z_]/.test(name) && !RESERVED.has(name) && !Object.hasOwn(TIME_VARIABLES, name);
}

/** What a name in `count("person", NAME)` or `tracks(NAME)` stands for; none, one, or both a camera and a zone. */
export function placesOf(scope: ExpressionScope, name: string): Place[] {
  const withZone = Object.entries(scope.cameras).flatMap(([camera, zones]) => (zones.includes(name) ? [camera] : []));
  return [
    ...(Object.hasOwn(scope.cameras, name) ? [{ cameras: [name], zone: undefined }] : []),
    ...(withZone.length > 0 ? [{ cameras: withZone, zone: name }] : []),
  ];
}

/** All zones of all cameras, each once. */
export function zonesOf(scope: ExpressionScope): string[] {
  return [...new Set(Object.values(scope.cameras).flat())];
}
