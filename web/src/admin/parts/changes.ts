/** What differs between two states of one thing, for merge patches and for conflicts. */

export interface Difference {
  field: string;
  mine: string;
  theirs: string;
}

const same = (one: unknown, other: unknown) => JSON.stringify(one) === JSON.stringify(other);

/** Returns of `mine` the fields that differ from `before`: the body of a merge patch. */
export function changed<Body extends object>(mine: Body, before: Body): Partial<Body> {
  const fields = Object.keys(mine) as (keyof Body)[];
  return Object.fromEntries(
    fields.filter((field) => !same(mine[field], before[field])).map((field) => [field, mine[field]]),
  ) as Partial<Body>;
}

/** Returns the fields that I want otherwise than they are now; `shown` makes text of a value. */
export function differences<Body extends object>(
  wanted: Partial<Body>,
  now: Body,
  shown: (value: unknown) => string,
): Difference[] {
  return (Object.keys(wanted) as (keyof Body & string)[])
    .filter((field) => !same(wanted[field], now[field]))
    .map((field) => ({ field, mine: shown(wanted[field]), theirs: shown(now[field]) }));
}
