/** All that there is of a person, as the command `clients export-subject` gives it. */
import { catalog, dispatcher } from "../../api/client";
import type { components } from "../../api/types/dispatcher";

type Messages = components["schemas"]["DispatcherSubjectDataView"]["messages"];

const PAGE = 50; // messages with all that was tried, in one request

export async function subjectData(clientId: string): Promise<Blob> {
  const path = { client_id: clientId };
  const own = await catalog.GET("/v1/clients/{client_id}/subject-data", { params: { path } });
  const messages: Messages = [];
  let cursor: string | null | undefined;
  let sent;
  do {
    const query = { limit: PAGE, ...(cursor ? { cursor } : {}) };
    const { data } = await dispatcher.GET("/v1/clients/{client_id}/subject-data", { params: { path, query } });
    const { next_cursor, messages: page, ...rest } = data!;
    messages.push(...page);
    sent = { ...rest, messages };
    cursor = next_cursor;
  } while (cursor);
  const whole = { client_id: clientId, catalog: own.data, dispatcher: sent };
  return new Blob([JSON.stringify(whole, null, 2)], { type: "application/json" });
}
