import { InvalidArgumentError } from 'commander';

/** Reads a number of an option. @throws InvalidArgumentError that tells what is allowed */
export function numberBetween(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`allowed: a number, ${min} to ${max}`);
    return value;
  };
}

/** Reads a whole number of an option. @throws InvalidArgumentError that tells what is allowed */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw new InvalidArgumentError(`allowed: a whole number, ${min} to ${max}`);
    return value;
  };
}

/** Reads `640x480`. @throws InvalidArgumentError */
export function pictureSize(text: string): { readonly widthPx: number; readonly heightPx: number } {
  const match = /^(\d{2,4})x(\d{2,4})$/.exec(text);
  const widthPx = Number(match?.[1]);
  const heightPx = Number(match?.[2]);
  if (!(widthPx >= 64 && widthPx <= 4096 && heightPx >= 64 && heightPx <= 4096)) {
    throw new InvalidArgumentError('allowed: WIDTHxHEIGHT, each 64 to 4096, e.g. 640x480');
  }
  return { widthPx, heightPx };
}

/** Reads a sha256 as 64 hex digits, any case. @throws InvalidArgumentError */
export function sha256Digits(text: string): string {
  if (!/^[0-9a-fA-F]{64}$/.test(text)) throw new InvalidArgumentError('allowed: 64 hex digits');
  return text.toLowerCase();
}

/** Reads an http or https address. @throws InvalidArgumentError */
export function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol)) {
    throw new InvalidArgumentError('allowed: an http:// or https:// address');
  }
  return url.href;
}
