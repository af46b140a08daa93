/** The messages of runs as a table for people: whom they are for, what became of them and why. */
import { dispatcher } from "../../api/client";
import { type Client, clientsBy } from "../../ui/clients";
import { csvOf } from "../../ui/csv";
import { type Message, messagesPage, type MessageState } from "./api";

export const LIST_LIMIT = 50_000; // messages: the browser holds them, and asks who each is for
const PAGE = 1_000;

/** There are more messages than a table of the browser has. */
export class TooLong extends Error {}

/** What a message's row is made of. */
export interface Wording {
  head: readonly string[];
  state: (state: MessageState) => string;
  reason: (code: string) => string;
  separator: string;
}

/** Returns a row of the table; a client that was deleted has its identifier alone. */
export function rowOf(message: Message, client: Client | undefined, words: Wording): string[] {
  return [
    client?.full_name ?? "",
    client?.phone ?? "",
    client?.email ?? "",
    words.state(message.status),
    message.reason ? words.reason(message.reason) : "",
    String(message.attempts),
    message.last_attempt_at ?? "",
    message.client_id,
  ];
}

/**
 * Returns the messages that a list shows, all of its pages, as CSV.
 * @throws TooLong
 */
export async function listed(
  runIds: readonly string[],
  status: MessageState | undefined,
  clientId: string | undefined,
  words: Wording,
): Promise<Blob> {
  const rows: (readonly string[])[] = [words.head];
  for (const runId of runIds) {
    let cursor: string | undefined;
    do {
      const page = await messagesPage(runId, status, clientId, cursor, PAGE);
      if (rows.length + page.items.length > LIST_LIMIT + 1) throw new TooLong();
      const clients = await clientsBy(page.items.map((each) => each.client_id));
      for (const each of page.items) rows.push(rowOf(each, clients.get(each.client_id), words));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
  }
  return new Blob([csvOf(rows, words.separator)], { type: "text/csv" });
}

/** Returns each attempt of a run's messages, as the service exports them. */
export async function attempts(runId: string, status: MessageState | undefined): Promise<Blob> {
  const params = { path: { run_id: runId }, query: { format: "csv" as const, ...(status ? { status } : {}) } };
  const { data } = await dispatcher.GET("/v1/runs/{run_id}/export", { params, parseAs: "blob" });
  return data as unknown as Blob;
}
