import { expect, test } from "vitest";

import { contactOf } from "./contact";

test("what was written is asked for as what it looks like", () => {
  const id = "01948a2c-0001-7000-8000-000000000001";
  expect(contactOf(id)).toEqual({ client_id: id });
  expect(contactOf("anna@example.com")).toEqual({ email: "anna@example.com" });
  for (const phone of ["+7 (916) 123-45-67", "8 916 123-45-67", "79161234567"]) {
    expect(contactOf(phone)).toEqual({ phone });
  }
  expect(contactOf("")).toEqual({});
});
