/** Whether every frame of a source is to be seen, at the reader's pace: a file that is read as fast as it goes. */
export function isRecording({ driver, fps }: { readonly driver: string; readonly fps?: unknown }): boolean {
  return driver === 'file' && fps === 'max';
}
