/** What differs between two states of one thing, for merge patches and for conflicts. */

export interface Difference {
  field: string;
  mine: string | null; // null: I have not changed it
  theirs: string | null;
}

type Shown<Body> = (value: unknown, field: keyof Body & string) => string;

const same = (one: unknown, other: unknown) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

/** Returns of `mine` the fields that differ from `before`: the body of a merge patch. */
export function changed<Body extends object>(mine: Body, before: Partial<Body>): Partial<Body> {
  const fields = Object.keys(mine) as (keyof Body)[];
  return Object.fromEntries(
    fields.filter((field) => !same(mine[field], before[field])).map((field) => [field, mine[field]]),
  ) as Partial<Body>;
}

/** Returns a value as text where nobody has words for it: a list as forms have it, yes as a tick. */
export function plain(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "boolean") return value ? "✓" : "–";
  if (Array.isArray(value) && value.every((each) => typeof each !== "object")) return value.join(", ");
  return value === null || value === undefined ? "" : JSON.stringify(value);
}

/** Returns the fields that either has changed, and not to the same; `shown` makes text of a value. */
export function differences<Body extends object>(
  before: Body,
  mine: Partial<Body>,
  theirs: Body,
  shown: Shown<Body> = plain,
): Difference[] {
  const fields = new Set([before, mine, theirs].flatMap(Object.keys)) as Set<keyof Body & string>;
  return [...fields]
    .map((field) => ({ field, isMine: field in mine, isTheirs: !same(theirs[field], before[field]) }))
    .filter(({ field, isMine, isTheirs }) => (isMine ? !same(mine[field], theirs[field]) : isTheirs))
    .map(({ field, isMine, isTheirs }) => ({
      field,
      mine: isMine ? shown(mine[field], field) : null,
      theirs: isTheirs ? shown(theirs[field], field) : null,
    }));
}
