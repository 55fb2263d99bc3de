/**
 * The stable codes an OperationError can carry, with the exit code of a command that ends by it.
 * Exit codes follow sysexits.h: 64 usage, 69 unavailable, 70 our bug, 73 cannot create, 75 try again, 78 configuration.
 */
export const EXIT_CODE_BY_ERROR_CODE = {
  usage: 64,
  'port-busy': 69,
  unreachable: 69,
  'missing-program': 69,
  'not-found': 69,
  'state-unwritable': 73,
  'disk-full': 73,
  'state-locked': 73,
  timeout: 75,
  refused: 75,
  'try-again': 75,
  'config-invalid': 78,
  'config-unreadable': 78,
  'model-missing': 78,
  'model-invalid': 78,
  'manifest-invalid': 78,
  'credentials-invalid': 78,
  'payload-invalid': 70,
  'picture-invalid': 69,
  'camera-unplugged': 69,
  'camera-frozen': 69,
  'camera-garbage': 69,
  'camera-ended': 69,
  'camera-refused': 69,
  'inference-failed': 70,
  'checksum-mismatch': 70,
  'record-invalid': 70,
  'store-rotten': 70,
  aborted: 75,
} as const;

export type ErrorCode = keyof typeof EXIT_CODE_BY_ERROR_CODE;

/** True for a code of the table: what another process or thread says may be none of ours. */
export function isErrorCode(code: string): code is ErrorCode {
  return code in EXIT_CODE_BY_ERROR_CODE;
}

export type OperationErrorOptions = {
  /** Stable code, one of the table above. */
  readonly code: ErrorCode;
  /** What was being done, e.g. `read frame`. */
  readonly op: string;
  /** The thing it was done to, e.g. `camera front`. */
  readonly subject: string;
  /** What went wrong, in a few lower-case words. */
  readonly message: string;
  /** What the reader can do about it. */
  readonly hint?: string;
  /** True if the same attempt may succeed later; decides whether a loop retries. */
  readonly transient?: boolean;
  readonly cause?: unknown;
};

/** A failure that was to be expected: names what was done, to what, why it failed and what helps. */
export class OperationError extends Error {
  readonly code: ErrorCode;
  readonly op: string;
  readonly subject: string;
  /** What went wrong, without what was done to what. */
  readonly reason: string;
  readonly hint: string | undefined;
  readonly transient: boolean;

  constructor(options: OperationErrorOptions) {
    super(`${options.op} ${options.subject}: ${options.message}`, { cause: options.cause });
    this.name = 'OperationError';
    this.code = options.code;
    this.op = options.op;
    this.subject = options.subject;
    this.reason = options.message;
    this.hint = options.hint;
    this.transient = options.transient ?? false;
  }

  get exitCode(): number {
    return EXIT_CODE_BY_ERROR_CODE[this.code];
  }
}

/** A broken promise of our own code. It ends the process; restarting it is the supervisor's job. */
export class InvariantError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'InvariantError';
  }
}

/** Throws InvariantError unless the condition holds. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` of a Node system error (`ENOSPC`, `EADDRINUSE`, ...), or undefined. */
export function systemCodeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Why a file could not be read, in words for whoever named it. */
export function plainFileError(error: unknown): string {
  switch (systemCodeOf(error)) {
    case 'ENOENT':
      return 'no such file';
    case 'EACCES':
      return 'no permission to read it';
    case 'EISDIR':
      return 'it is a folder';
    default:
      return messageOf(error);
  }
}
