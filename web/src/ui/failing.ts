/** The one rule for when nearly everything fails, of a mailing's messages and of a gateway's answers. */

const FEWEST = 20; // of fewer nobody can say it
const SHARE = 0.9;

/** Returns whether nearly all of what was tried has failed. */
export function nearlyAllFail(failed: number, tried: number): boolean {
  return tried >= FEWEST && failed >= SHARE * tried;
}

interface ByStatus {
  delivered: number;
  failed: number;
  undetermined: number;
  retry: number;
}

/** Returns how many messages have been tried, and how many of them have not arrived. */
export function triedOf({ delivered, failed, undetermined, retry }: ByStatus): { failed: number; tried: number } {
  const unsent = failed + undetermined + retry;
  return { failed: unsent, tried: delivered + unsent };
}
