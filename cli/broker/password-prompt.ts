import type { ReadStream } from 'node:tty';
import { type CommandContext, stopRequest } from '../command-context.js';

/** Keys a terminal in raw mode sends for Ctrl-C, Ctrl-D, backspace and delete. */
const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE = new Set(['\u0008', '\u007f']);

/** Asks a person for a password without showing it. @throws OperationError `aborted` on Ctrl-C */
export async function askPassword(prompt: string, input: ReadStream, { err }: CommandContext): Promise<string> {
  err.write(prompt);
  input.setRawMode(true);
  input.setEncoding('utf8');
  const typed: string[] = [];
  try {
    for await (const chunk of input.iterator({ destroyOnReturn: false })) {
      for (const key of String(chunk)) {
        if (key === INTERRUPT) throw stopRequest('SIGINT');
        if (key === '\r' || key === '\n' || key === END) return typed.join('');
        if (ERASE.has(key)) typed.pop();
        else typed.push(key);
      }
    }
    return typed.join('');
  } finally {
    input.setRawMode(false);
    input.pause();
    err.write('\n');
  }
}
