/** What a Link allows itself and its broker. Override single values; all times in ms of the monotonic clock. */
export type LinkLimits = {
  /** Seconds of silence after which a PINGREQ goes out; the broker gives up at 1.5 times this. */
  readonly keepAliveS: number;
  readonly connectTimeoutMs: number;
  /** Ceiling of the first reconnect delay and of all of them; full jitter below it. */
  readonly reconnectFirstMs: number;
  readonly reconnectMaxMs: number;
  /** A session that lived this long was good: the next reconnect starts from the first delay again. */
  readonly stableMs: number;
  /** QoS 1 publishes without PUBACK at a time. */
  readonly inFlightMax: number;
  /** Publishes that wait for the window; more are refused with `try-again`. */
  readonly waitingMax: number;
  readonly pubackTimeoutMs: number;
  /** Publishes wait and not one PUBACK came for this long: the broker is gone, if there is another to go to. */
  readonly pubackSilenceMs: number;
  /** QoS 0 publishes are refused while this much lies unsent in the socket. */
  readonly unsentBytesMax: number;
  /** A packet that announces more than this ends the session before it is read. */
  readonly incomingBytesMax: number;
  /** Wait for the last PUBACKs and the DISCONNECT when a session is ended on purpose. */
  readonly endTimeoutMs: number;
};

export const DEFAULT_LINK_LIMITS: LinkLimits = {
  // Rules N2 and B6 of supervision: a power cut is seen within 15 s, a 5 s stall of our own loop is forgiven.
  keepAliveS: 10,
  connectTimeoutMs: 10_000,
  reconnectFirstMs: 1_000,
  reconnectMaxMs: 30_000,
  stableMs: 5_000,
  // 32 in flight saturate a broker on a LAN (a round trip is below 1 ms); more only makes the loss at a cut larger.
  inFlightMax: 32,
  // One bootstrap of a node (retained documents of 64 cameras, labels and sensors) fits.
  waitingMax: 1_024,
  pubackTimeoutMs: 10_000,
  pubackSilenceMs: 5_000,
  unsentBytesMax: 1_048_576,
  // Twice the largest route (512 KiB frames of sources). MQTT.js itself would take what is announced: 624 MB were measured.
  incomingBytesMax: 1_048_576,
  endTimeoutMs: 2_000,
};
