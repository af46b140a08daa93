/** What stands behind the `?` of an address, as people read it: plain text, a name once for each of its values. */

export type Asked = Record<string, string | string[]>;

export function parse(search: string): Asked {
  const given = new URLSearchParams(search);
  const asked: Asked = {};
  for (const name of new Set(given.keys())) {
    const values = given.getAll(name);
    asked[name] = values.length > 1 ? values : (values[0] ?? "");
  }
  return asked;
}

export function stringify(asked: object): string {
  const shown = new URLSearchParams();
  for (const [name, value] of Object.entries(asked)) {
    for (const each of Array.isArray(value) ? value : [value]) {
      if (each !== undefined && each !== null && each !== "") shown.append(name, String(each));
    }
  }
  const text = shown.toString();
  return text && `?${text}`;
}

/** Returns of what was asked the `names` that are one text each; the rest of an address is not ours. */
export function texts<Name extends string>(
  asked: Record<string, unknown>,
  ...names: readonly Name[]
): { [name in Name]?: string } {
  const found: { [name in Name]?: string } = {};
  for (const name of names) {
    const value = asked[name];
    if (typeof value === "string" && value) found[name] = value;
  }
  return found;
}

/** Returns of what was asked the values of one name, as often as it stands there. */
export function listed(asked: Record<string, unknown>, name: string): string[] | undefined {
  const given = [asked[name]].flat().filter((each): each is string => typeof each === "string" && each !== "");
  return given.length > 0 ? given : undefined;
}
