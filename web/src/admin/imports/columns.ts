/** What the columns of a file are called, and the fields of a client that they are read as. */
import WORDS from "./columns.json"; // as services/catalog/files/words.py has them: a test compares them

export const NAME_PARTS = "name_part"; // of a full name, which the catalog joins
export const FIELDS = [
  "phone",
  "full_name",
  "email",
  "external_id",
  "operator_code",
  "tags",
  "time_zone",
  "preferred_times",
  "comment",
] as const;

/** What an export or a list of rejected rows has beside them: it is passed over. */
const PASSED = ["version", "created at", "changed at", "reason", "reason code", "line"];
const SEPARATORS = /[\s_.:*\-\u2010-\u2015]+/g;

/** Returns a name without what differs from table to table. */
export function plain(name: string): string {
  const text = name.normalize("NFKC").toLowerCase().replaceAll("ё", "е").replaceAll("\ufeff", "");
  return text.replace(SEPARATORS, " ").replace(/^[ '"]+|[ '"]+$/g, "");
}

const FIELD_OF = new Map<string, string>([
  ...Object.entries(WORDS).flatMap(([field, words]) =>
    words.map((word): [string, string] => [plain(word), field]),
  ),
  ...[...FIELDS, "client_id"].map((field): [string, string] => [plain(field), field]),
  ...PASSED.map((name): [string, string] => [name, ""]),
]);

/** Returns the field that a column is read as; "" if it is passed over, undefined if unknown. */
export function fieldOf(name: string): string | undefined {
  return FIELD_OF.get(plain(name));
}

/**
 * Returns what has to be said of the columns when the file is sent: those that are read otherwise than
 * by their names, and those that nobody knows, which are passed over.
 */
export function declared(
  header: readonly string[],
  chosen: readonly string[],
): Record<string, string | null> {
  const said: Record<string, string | null> = {};
  header.forEach((name, at) => {
    const field = chosen[at] ?? "";
    if (field !== fieldOf(name)) said[name] = field || null;
  });
  return said;
}
