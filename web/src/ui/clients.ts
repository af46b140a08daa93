/** Who clients are that others know by their identifiers alone. */
import { queryOptions, useQuery } from "@tanstack/react-query";

import { catalog } from "../api/client";
import type { components } from "../api/types/catalog";

export type Client = components["schemas"]["ClientView"];

const AT_ONCE = 100; // identifiers of one request
const FRESH_MS = 60_000;
const LIKE_IT = 20; // clients whose e-mails begin alike

/** Returns the identifiers without repetition, as many at once as a request may name. */
export function inParts(ids: readonly string[], size: number = AT_ONCE): string[][] {
  const all = [...new Set(ids)].sort();
  return Array.from({ length: Math.ceil(all.length / size) }, (_, part) => all.slice(part * size, (part + 1) * size));
}

/** The clients that are known, by identifier; those that were deleted are not among them. */
export function useClients(ids: readonly string[]): ReadonlyMap<string, Client> {
  const parts = inParts(ids);
  const found = useQuery({
    queryKey: ["catalog", "clients", "who", parts],
    queryFn: ({ signal }) => read(parts, signal),
    enabled: parts.length > 0,
    staleTime: FRESH_MS,
    placeholderData: (before) => before,
  });
  return byId(found.data ?? []);
}

const byId = (clients: readonly Client[]) => new Map(clients.map((each) => [each.client_id, each]));

async function read(parts: string[][], signal?: AbortSignal): Promise<Client[]> {
  const pages = parts.map((each) =>
    catalog.GET("/v1/clients", { params: { query: { ids: each, limit: AT_ONCE } }, ...(signal ? { signal } : {}) }),
  );
  return (await Promise.all(pages)).flatMap((page) => page.data!.items);
}

/** Returns the clients that are known, by identifier, for what is no screen. */
export async function clientsBy(ids: readonly string[]): Promise<ReadonlyMap<string, Client>> {
  return byId(await read(inParts(ids)));
}

/** The newest client that is found by what was typed, as the list of clients finds it; null: there is none. */
export const clientLike = (typed: string) =>
  queryOptions({
    queryKey: ["catalog", "client-like", typed],
    queryFn: async ({ signal }) => {
      const query = { q: typed, limit: 1 };
      return (await catalog.GET("/v1/clients", { params: { query }, signal })).data!.items[0] ?? null;
    },
    enabled: typed !== "",
    retry: false,
  });

/** The client with a phone, or the newest with an e-mail; null: there is none. */
export const clientOf = (contact: string | null) =>
  queryOptions({
    queryKey: ["catalog", "client-of", contact],
    queryFn: async () => {
      const email = contact?.includes("@") ? contact.toLowerCase() : null;
      const query = email ? { q: email, limit: LIKE_IT } : { phone: contact ?? "", limit: 1 };
      const { items } = (await catalog.GET("/v1/clients", { params: { query } })).data!;
      return items.find((each) => email === null || each.email?.toLowerCase() === email) ?? null;
    },
    enabled: contact !== null,
    retry: false,
  });
