/**
 * Units that say which of Home Assistant's device classes a quantity is; a class with a unit that it does not know makes
 * Home Assistant complain, so what is not here has none. From `DEVICE_CLASS_UNITS` of its components/sensor/const.py.
 */
const CLASS_OF_UNIT: Readonly<Record<string, string>> = {
  '°C': 'temperature',
  '°F': 'temperature',
  K: 'temperature',
  lx: 'illuminance',
  Pa: 'pressure',
  hPa: 'pressure',
  kPa: 'pressure',
  mbar: 'pressure',
  bar: 'pressure',
  mV: 'voltage',
  V: 'voltage',
  mA: 'current',
  A: 'current',
  W: 'power',
  kW: 'power',
  Hz: 'frequency',
  dB: 'sound_pressure',
  dBA: 'sound_pressure',
  dBm: 'signal_strength',
};

/** Classes of what a source says it measures, where the unit alone does not tell; with the units each may have. */
const CLASSES_OF_QUANTITY: readonly { readonly name: RegExp; readonly unit: string; readonly deviceClass: string }[] = [
  { name: /humidity/, unit: '%', deviceClass: 'humidity' },
  { name: /co2|air-quality/, unit: 'ppm', deviceClass: 'carbon_dioxide' },
];

/**
 * The device class of a sensor; undefined: a plain number.
 * @param quantity what its source says it measures: a channel, a kind; or the sensor's own name.
 */
export function deviceClassOf(unit: string, quantity: string): string | undefined {
  const byName = CLASSES_OF_QUANTITY.find((known) => known.unit === unit && known.name.test(quantity));
  return byName?.deviceClass ?? (Object.hasOwn(CLASS_OF_UNIT, unit) ? CLASS_OF_UNIT[unit] : undefined);
}
