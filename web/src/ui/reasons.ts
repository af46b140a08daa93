/** Codes of what became of a message, as keys of words. */

const STATUS = /^status_(\d{3})$/;
const LOOKED_UP = "lookup_";

export interface Reason {
  key: string;
  status?: string; // of the answer
  isLookedUp: boolean; // so went the question what had become of it
}

/** Returns which words say a code; those of an answer's status are one for all. */
export function reasonOf(code: string): Reason {
  const isLookedUp = code.startsWith(LOOKED_UP);
  const rest = isLookedUp ? code.slice(LOOKED_UP.length) : code;
  const status = STATUS.exec(rest)?.[1];
  return status ? { key: "reasonOf.status", status, isLookedUp } : { key: `reasonOf.${rest}`, isLookedUp };
}
