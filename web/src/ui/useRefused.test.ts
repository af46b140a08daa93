import { expect, test } from "vitest";

import { Problem } from "../api/problem";
import { left } from "./useRefused";

const of = (...pointers: string[]) =>
  new Problem(422, "ClientInvalid", "", pointers.map((pointer) => ({ pointer, code: "length", detail: "" })));

test("what is said of a field goes when it is corrected, and the rest stays", () => {
  const { own, error } = left(of("/name", "/phone"), ["name", "phone"], ["name"]);
  expect([...own.keys()]).toEqual(["phone"]);
  expect(error).not.toBeNull();
});

test("what stands above the form goes with the last of its fields", () => {
  expect(left(of("/name"), ["name"], ["name"]).error).toBeNull();
  expect(left(of("/name"), ["name"], []).error).not.toBeNull();
});

test("what is of no field stays, whatever is corrected", () => {
  const { own, others, error } = left(of("/name", "/version"), ["name"], ["name"]);
  expect([own.size, others.length, error !== null]).toEqual([0, 1, true]);
  expect(left(new Problem(503, "Unavailable", ""), ["name"], ["name"]).error).not.toBeNull();
});

test("a text that is not there is needed, whatever its length may be", () => {
  const isEmpty = (field: string) => field === "name";
  const { own } = left(of("/name", "/phone"), ["name", "phone"], [], { isEmpty });
  expect([...own.values()].map((each) => each.code)).toEqual(["required", "length"]);
});

test("where nothing was refused nothing is said", () => {
  expect(left(null, ["name"], [])).toMatchObject({ others: [], error: null });
});
