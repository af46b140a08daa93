import { expect, test } from "vitest";

import { wholeContact, phoneOf } from "./contacts";

test.each([
  ["79142041415", "79142041415"],
  ["+7 (914) 204-14-15", "79142041415"],
  ["8 914 204 14 15", "79142041415"],
  ["914 204-14-15", "79142041415"],
  ["7914204141", null], // as it is being typed
  ["+1 (914) 204-14-15", null],
  ["0191f6c0-0000-7000-8000-000000000001", null],
  ["", null],
])("%j is the phone %j", (written, phone) => {
  expect(phoneOf(written)).toBe(phone);
});

test.each([
  ["8 914 204 14 15", "79142041415"],
  ["Anna@example.com", "Anna@example.com"],
  ["anna@example", null], // as it is being typed
  ["Anna", null],
])("%j is the contact %j", (written, contact) => {
  expect(wholeContact(written)).toBe(contact);
});
