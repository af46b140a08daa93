import { expect, test } from "vitest";

import { preferences } from "./preferences";
import { shown } from "./shown";

test("an instant is shown as a clock shows it, with its zone; all else as it is", () => {
  preferences.setZone("Europe/Moscow");
  expect(shown("2025-03-01T07:00:00.000Z")).toMatch(/Mar.* 2025.* 10:00.*GMT\+3/);
  expect([shown("10:00"), shown(null), shown(["vip"])]).toEqual(["10:00", "", "vip"]);
});
