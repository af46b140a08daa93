import type { Body, Changes } from "./body";

export interface Difference {
  name: string;
  mine: string | null; // null: I have not changed it
  theirs: string | null;
}

type Json = Record<string, unknown>;

const shown = (value: unknown): string =>
  typeof value === "string" ? value : value === null || value === undefined ? "–" : JSON.stringify(value);

/** Returns the fields that either has changed, and not to the same. */
export function conflicts(before: Body, mine: Changes, theirs: Body): Difference[] {
  const [was, own, other] = [before, mine, theirs] as unknown as [Json, Json, Json];
  const found: Difference[] = [];
  for (const name of new Set([was, own, other].flatMap(Object.keys))) {
    const isMine = name in own;
    const isTheirs = shown(other[name]) !== shown(was[name]);
    if (!isMine && !isTheirs) continue;
    if (isMine && shown(own[name]) === shown(other[name])) continue;
    found.push({
      name,
      mine: isMine ? shown(own[name]) : null,
      theirs: isTheirs ? shown(other[name]) : null,
    });
  }
  return found;
}
