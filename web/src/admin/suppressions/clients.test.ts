import { expect, test } from "vitest";

import { clientsOf, named, type Suppression } from "./clients";

const row = (kind: string, subject: string, topic: string | null = null): Suppression => ({
  kind,
  subject,
  topic,
  reason: "requested",
  source: null,
  since: "2026-01-01T12:00:00Z",
});

test("a page asks once for each client that it is about, and for no hash", () => {
  expect(clientsOf([row("client", "a"), row("client", "a", "news"), row("phone", "h")])).toEqual(["a"]);
});

test("a client is shown by its name and contact, and one that is gone by its identifier", () => {
  const clients = [
    { client_id: "a", full_name: "Anna", phone: "79161234567", email: null },
    { client_id: "b", full_name: null, phone: null, email: "b@example.com" },
  ];
  const shown = named([row("client", "a"), row("client", "b"), row("client", "c"), row("email", "a")], clients);
  expect(shown.map((each) => each.name)).toEqual(["Anna, 79161234567", "b@example.com", undefined, undefined]);
});
