import { expect, test } from "vitest";

import { faultsOf, verdictOf, type Vitals } from "./health";

const WELL: Vitals = {
  state: "ready",
  outbox: { age_s: 10, refused: 0 },
  measured: { lag: 100_000, deadLetters: 0 },
};

test("a service that is ready and works what is there off is well", () => {
  expect(faultsOf(WELL)).toEqual([]);
  expect(verdictOf([WELL, WELL])).toBe("well");
});

test.each<[string, Partial<Vitals>]>([
  ["notReady", { state: "notReady" }],
  ["away", { state: "away" }],
  ["oldest", { outbox: { age_s: 11, refused: 0 } }],
  ["setAside", { outbox: { age_s: null, refused: 1 } }],
  ["lag", { measured: { lag: 100_001, deadLetters: 0 } }],
  ["deadLetters", { measured: { lag: 0, deadLetters: 1 } }],
])("%s is a fault, and of all services together not all is well then", (fault, seen) => {
  expect(faultsOf({ ...WELL, ...seen })).toEqual([fault]);
  expect(verdictOf([WELL, { ...WELL, ...seen }])).toBe("wrong");
});

test.each<Partial<Vitals>>([{ state: "asked" }, { outbox: undefined }, { measured: undefined }])(
  "while %j is not known yet nothing is said to be well",
  (seen) => {
    expect(verdictOf([WELL, { ...WELL, ...seen }])).toBe("asked");
  },
);

test.each<Partial<Vitals>>([{ outbox: null }, { measured: null }])(
  "where %j cannot be seen it is said so",
  (seen) => {
    expect(verdictOf([WELL, { ...WELL, ...seen }])).toBe("unseen");
  },
);
