/**
 * How many cameras may be away at a time. One that is away sees nothing until its answer comes, which may take longer than
 * its turn here would: only as many go as the others can spare, who then still keep all own places at work.
 * @param frameFps frames/s all cameras deliver together.
 * @param cameras of them, those that deliver any.
 */
export function awayRoom(frameFps: number, cameras: number, capacityFps: number): number {
  if (frameFps <= 0 || cameras <= 0) return 0;
  const eachFps = frameFps / cameras;
  return Math.max(0, Math.floor((frameFps - capacityFps) / eachFps));
}
