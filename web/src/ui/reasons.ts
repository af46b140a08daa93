/** Codes of what became of a message, as keys of words. */

const STATUS = /^status_(\d{3})$/;
const RECIPIENT = /^recipient_(\d{3})$/; // a mail server refuses it for good, because of the address
const OF_MAILS = /^55\d$/; // what no HTTP server answers
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
  const recipient = RECIPIENT.exec(rest)?.[1];
  if (recipient) return { key: "reasonOf.recipient", status: recipient, isLookedUp };
  const status = STATUS.exec(rest)?.[1];
  if (!status) return { key: `reasonOf.${rest}`, isLookedUp };
  return { key: OF_MAILS.test(status) ? "reasonOf.mail" : "reasonOf.status", status, isLookedUp };
}
