import { expect, test } from "vitest";

import { Problem } from "../../api/problem";
import { heldBack } from "./HeldBack";

test("what came too late is named once, and other mistakes are none of it", () => {
  const error = (pointer: string, code: string) => ({ pointer, code, detail: "" });
  const errors = [error("/body", "already_running"), error("/filter/tags", "already_running"), error("/name", "length")];
  expect(heldBack(new Problem(409, "", "", errors))).toEqual(["body", "filter"]);
});
