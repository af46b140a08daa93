import type { components } from "../../api/types/catalog";

export type Suppression = components["schemas"]["SuppressionView"];
type Client = Pick<components["schemas"]["ClientView"], "client_id" | "full_name" | "phone" | "email">;

/** A suppression, and of a client what it is called; one that was removed has no name any more. */
export type Shown = Suppression & { name?: string };

/** Returns the clients that a page of suppressions is about, each once. */
export function clientsOf(page: readonly Suppression[]): string[] {
  return [...new Set(page.filter((each) => each.kind === "client").map((each) => each.subject))];
}

/** Returns a page of suppressions with the names and contacts of its clients. */
export function named(page: readonly Suppression[], clients: readonly Client[]): Shown[] {
  const names = new Map(
    clients.map((each) => [
      each.client_id,
      [each.full_name, each.phone ?? each.email].filter(Boolean).join(", "),
    ]),
  );
  return page.map((each) => {
    const name = each.kind === "client" ? names.get(each.subject) : undefined;
    return name ? { ...each, name } : each;
  });
}
