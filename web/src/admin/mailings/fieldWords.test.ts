import { expect, test } from "vitest";

import { fieldInWords } from "./fieldWords";

const say = (key: string, values: Record<string, unknown> = {}) => [key, ...Object.values(values)].join(" ");

test.each([
  ["name", "Spring", "Spring"],
  ["topic", null, ""],
  ["max_attempts", 3, "3"],
  ["priority", "urgent", "priority.urgent"],
  ["on_unknown", "prefer_silence", "onUnknown.prefer_silence"],
  ["filter", { operator_codes: [], tags: ["vip"] }, "selects.tags vip"],
  ["filter", { operator_codes: ["916"], tags: [], exclude: { has_email: false } }, "selects.operator_codes 916; selects.except selects.no_email"],
  ["quiet_hours", { begins: "22:00", ends: "08:00" }, "22:00 – 08:00"],
  ["time_policy", { kind: "recipient_local", at: "10:00" }, "clock.recipient_local, 10:00"],
  [
    "schedule",
    { entries: [{ kind: "weekly", days: ["monday", "friday"], at: "09:00", zone: "Europe/Moscow" }, { kind: "cron", expression: "0 9 * * *", zone: "UTC" }] },
    "entry.weekly day.monday, day.friday 09:00 Europe/Moscow; entry.cron 0 9 * * * UTC",
  ],
])("%s that is %j is said as %s", (field, value, said) => {
  expect(fieldInWords(field, value, say)).toBe(said);
});
