import { expect, test } from "vitest";

import { conditionOf, described, draftOf, type GatewayView } from "./limits";

const UNUSED: GatewayView["together"] = {
  in_flight: 0,
  free: 64,
  answers: { accepted: 0, refused: 0, not_processed: 0, unknown: 0 },
  p50_s: null,
  p95_s: null,
  last_failure: null,
};
const SMS: GatewayView = {
  name: "sms",
  kind: "http",
  contact: "phone",
  description: { kind: "http", url: "https://sms.example", rate: 200, token: { env: "SMS_TOKEN" } },
  is_paused: false,
  problem: null,
  replicas_with_problem: 0,
  problems: [],
  version: 4,
  created_at: "2026-03-01T09:00:00Z",
  changed_at: "2026-03-01T09:00:00Z",
  breaker: "closed",
  breaker_reason: null,
  next_probe_at: null,
  waits_until: null,
  together: UNUSED,
  replicas: [],
  idempotent: false,
  in_flight: 0,
  free: 64,
};
const NOW = new Date("2026-03-01T09:00:00Z");

test("a description goes through the form unchanged", () => {
  expect(described(SMS, draftOf(SMS))).toEqual(SMS.description);
});

test("a limit that is emptied is the default again, and nothing else is touched", () => {
  const draft = { ...draftOf(SMS), rate: "", burst: "5", timeout_s: "2,5", resends_unknown: false };
  expect(described(SMS, draft)).toEqual({
    kind: "http",
    url: "https://sms.example",
    token: { env: "SMS_TOKEN" },
    burst: 5,
    timeout_s: 2.5,
    resends_unknown: false,
  });
});

test("what is no number is sent as it is, to be refused at its field", () => {
  expect(described(SMS, { ...draftOf(SMS), rate: "many" })["rate"]).toBe("many");
});

test("a pause counts before all else, and an open breaker before a wait", () => {
  const waits = { ...SMS, waits_until: "2026-03-01T09:00:10Z" };
  expect(conditionOf(SMS, NOW)).toBe("good");
  expect(conditionOf(waits, NOW)).toBe("throttled");
  expect(conditionOf(waits, new Date("2026-03-01T09:00:11Z"))).toBe("good");
  expect(conditionOf({ ...waits, breaker: "open" }, NOW)).toBe("open");
  expect(conditionOf({ ...waits, breaker: "open", problem: "no secret" }, NOW)).toBe("misconfigured");
  expect(conditionOf({ ...waits, problem: "no secret", is_paused: true }, NOW)).toBe("paused");
});

test("a gateway that some senders cannot use sends in part, and one that none can use does not", () => {
  const replica = { ...UNUSED, replica: "a", replica_id: "1", started_at: SMS.created_at, reported_at: SMS.created_at };
  const some = { ...SMS, problem: "no secret", replicas: [{ ...replica, is_stale: false }] };
  expect(conditionOf(some, NOW)).toBe("partly");
  expect(conditionOf({ ...some, replicas: [{ ...replica, is_stale: true }] }, NOW)).toBe("misconfigured");
  expect(conditionOf({ ...some, breaker: "open" }, NOW)).toBe("open");
});

test("a gateway that answers, but accepts next to nothing, is not said to send", () => {
  const answers = { accepted: 1, refused: 100, not_processed: 12, unknown: 0 };
  const refusing = { ...SMS, together: { ...UNUSED, answers } };
  expect(conditionOf(refusing, NOW)).toBe("refusing");
  expect(conditionOf({ ...refusing, problem: "no secret", replicas: [] }, NOW)).toBe("misconfigured");
  expect(conditionOf({ ...SMS, together: { ...UNUSED, answers: { ...answers, accepted: 50 } } }, NOW)).toBe("good");
});
