// The option names Home Assistant accepts, platform by platform, transcribed from home-assistant/core, as of November 2026:
// homeassistant/components/mqtt/{schemas,config,binary_sensor,sensor,image,switch,button}.py. It ignores those it does not
// know, in silence, so that a misspelt one would be found by nobody.

/** MQTT_ENTITY_COMMON_SCHEMA and SCHEMA_BASE. */
const COMMON = [
  ...['availability', 'availability_mode', 'availability_template', 'availability_topic'],
  ...['payload_available', 'payload_not_available', 'device', 'origin', 'enabled_by_default', 'entity_category'],
  ...['entity_picture', 'icon', 'json_attributes_topic', 'json_attributes_template', 'default_entity_id', 'unique_id'],
  ...['qos', 'encoding', 'group', 'name', 'platform'],
];

export const OPTIONS: Readonly<Record<string, readonly string[]>> = {
  binary_sensor: [
    ...COMMON,
    ...['state_topic', 'value_template', 'device_class', 'expire_after', 'force_update', 'off_delay'],
    ...['payload_on', 'payload_off'],
  ],
  sensor: [
    ...COMMON,
    ...['state_topic', 'value_template', 'device_class', 'expire_after', 'force_update', 'last_reset_value_template'],
    ...['options', 'suggested_display_precision', 'state_class', 'unit_of_measurement'],
  ],
  image: [...COMMON, 'content_type', 'url_topic', 'image_topic', 'image_encoding', 'url_template'],
  switch: [
    ...COMMON,
    ...['command_topic', 'command_template', 'state_topic', 'value_template', 'optimistic', 'retain', 'device_class'],
    ...['payload_on', 'payload_off', 'state_on', 'state_off'],
  ],
  button: [...COMMON, 'command_topic', 'command_template', 'device_class', 'payload_press', 'retain'],
};

export const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  binary_sensor: ['unique_id', 'state_topic'],
  sensor: ['unique_id', 'state_topic'],
  image: ['unique_id', 'image_topic'],
  switch: ['unique_id', 'command_topic'],
  button: ['unique_id', 'command_topic'],
};

/** DEVICE_DISCOVERY_SCHEMA, MQTT_ENTITY_DEVICE_INFO_SCHEMA, MQTT_ORIGIN_INFO_SCHEMA: unknown keys are refused. */
export const MESSAGE_KEYS = [
  ...['device', 'origin', 'components', 'state_topic', 'command_topic', 'qos', 'encoding', 'availability'],
  ...['availability_mode', 'availability_template', 'availability_topic', 'payload_available', 'payload_not_available'],
];
export const DEVICE_KEYS = [
  ...['identifiers', 'connections', 'manufacturer', 'model', 'model_id', 'name', 'hw_version', 'serial_number'],
  ...['sw_version', 'via_device', 'suggested_area', 'configuration_url'],
];
export const ORIGIN_KEYS = ['name', 'sw_version', 'support_url'];

/** `discovery.py`: TOPIC_MATCHER. */
export const TOPIC_PATTERN =
  /^homeassistant\/(?<component>\w+)\/(?:(?<node>[a-zA-Z0-9_-]+)\/)?(?<object>[a-zA-Z0-9_-]+)\/config$/;

/** components/binary_sensor/__init__.py and components/button/__init__.py: device classes, those that concern us. */
export const BINARY_CLASSES = ['connectivity', 'motion', 'occupancy', 'problem', 'presence', 'running', 'safety'];
export const BUTTON_CLASSES = ['identify', 'restart', 'update'];

/** components/sensor/const.py: DEVICE_CLASS_UNITS of classes that may be a `measurement` (DEVICE_CLASS_STATE_CLASSES). */
export const SENSOR_UNITS: Readonly<Record<string, readonly string[]>> = {
  temperature: ['°C', '°F', 'K'],
  humidity: ['%'],
  illuminance: ['lx'],
  pressure: ['Pa', 'hPa', 'kPa', 'bar', 'cbar', 'mbar', 'mmHg', 'inHg', 'psi'],
  voltage: ['V', 'mV', 'µV', 'kV', 'MV'],
  current: ['A', 'mA'],
  power: ['mW', 'W', 'kW', 'MW', 'GW', 'TW'],
  frequency: ['Hz', 'kHz', 'MHz', 'GHz'],
  sound_pressure: ['dB', 'dBA'],
  signal_strength: ['dB', 'dBm'],
  carbon_dioxide: ['ppm'],
  data_size: ['b', 'B', 'kB', 'MB', 'GB', 'KiB', 'MiB', 'GiB'],
};

/** `schemas.py`: AVAILABILITY_MODES, and the two words an availability template may give. */
export const AVAILABILITY_MODES = ['all', 'any', 'latest'];
