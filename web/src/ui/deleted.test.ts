import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { beforeEach, expect, test } from "vitest";

import { leaveDeleted } from "./deleted";

const ONE = ["audience", "1"];
const ALL = ["audiences"];
const answers = new Map<string, number>(); // how often each was given

let queries: QueryClient;

beforeEach(() => {
  answers.clear();
  queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity, retry: false } } });
});

/** Shows what was asked for, as a screen does; returns how it is left. */
function show(queryKey: readonly string[]): () => void {
  const queryFn = () => {
    const count = (answers.get(queryKey[0]!) ?? 0) + 1;
    answers.set(queryKey[0]!, count);
    return Promise.resolve(count);
  };
  return new QueryObserver(queries, { queryKey, queryFn }).subscribe(() => undefined);
}

/** Returns what is known of it, once nothing is being asked any more. */
async function known(queryKey: readonly string[]): Promise<unknown> {
  await expect.poll(() => queries.isFetching()).toBe(0);
  return queries.getQueryData(queryKey);
}

async function shown(queryKey: readonly string[]): Promise<() => void> {
  const left = show(queryKey);
  await known(queryKey);
  return left;
}

test("who comes back after all is forgotten asks again", async () => {
  const left = await shown(ONE);
  await leaveDeleted(queries, () => Promise.resolve(left()));
  expect(queries.getQueryData(ONE)).toBeUndefined();
  show(ONE);
  expect(await known(ONE)).toBe(2);
});

test("who is back before the screen has been left asks again at once", async () => {
  const left = await shown(ONE);
  const leave = async () => {
    left();
    show(ONE);
    expect(await known(ONE)).toBe(2);
  };
  await leaveDeleted(queries, leave);
});

test("who is back before it is forgotten asks again, whatever was read meanwhile", async () => {
  const left = await shown(ONE);
  const leave = async () => {
    left();
    show(ONE);
    await known(ONE);
    queries.setQueryData(ONE, "read before, and come late");
  };
  await leaveDeleted(queries, leave);
  expect(await known(ONE)).toBe(3);
});

test("whatever else was read before is forgotten, and what is shown is asked again", async () => {
  (await shown(ALL))();
  const left = await shown(ONE);
  await shown(["gateways"]);
  await leaveDeleted(queries, () => Promise.resolve(left()));
  expect([queries.getQueryData(ALL), queries.getQueryData(ONE)]).toEqual([undefined, undefined]);
  expect(await known(["gateways"])).toBe(2);
});
