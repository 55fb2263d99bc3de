import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Exit code of a configuration that another start cannot mend (EX_CONFIG). */
const EXIT_CONFIG = 78;

const endPath = (runDir: string) => join(runDir, 'exit');

/** Notes in the board's `/run` by what exit code its service ended; another start takes the note away. */
export async function noteUnitEnd(runDir: string, exitStatus: number | null): Promise<void> {
  if (exitStatus === null) await rm(endPath(runDir), { force: true });
  else await writeFile(endPath(runDir), `${exitStatus}\n`);
}

/** True if the service of a board last ended for its configuration. */
export function isBeyondRestart(runDir: string): boolean {
  try {
    return Number(readFileSync(endPath(runDir), 'utf8')) === EXIT_CONFIG;
  } catch {
    return false;
  }
}
