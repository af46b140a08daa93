import { expect, test } from "vitest";

import type { Client } from "../../ui/clients";
import type { Message } from "./api";
import { rowOf, type Wording } from "./exported";

const WORDS: Wording = {
  head: [],
  state: (state) => `state ${state}`,
  reason: (code) => `because ${code}`,
  separator: ",",
};
const FAILED = {
  client_id: "c1",
  status: "failed",
  reason: "status_550",
  attempts: 2,
  last_attempt_at: "2026-12-01T10:00:00Z",
} as Message;

test("a row says who the message is for, what became of it and why", () => {
  const client = { full_name: "Anna", phone: "79161234567", email: null } as Client;
  expect(rowOf(FAILED, client, WORDS)).toEqual([
    "Anna", "79161234567", "", "state failed", "because status_550", "2", "2026-12-01T10:00:00Z", "c1",
  ]);
});

test("the message of a client that was deleted is in the table by its identifier", () => {
  const planned = { ...FAILED, status: "planned", reason: null, attempts: 0, last_attempt_at: null } as Message;
  expect(rowOf(planned, undefined, WORDS)).toEqual(["", "", "", "state planned", "", "0", "", "c1"]);
});
