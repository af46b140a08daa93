const LONGEST = 2_048;

/** Returns the beginning of what a gateway said: a page stays usable whatever that is. */
export function bounded(text: string): { text: string; isCut: boolean } {
  const isCut = text.length > LONGEST;
  return { text: isCut ? text.slice(0, LONGEST) : text, isCut };
}
