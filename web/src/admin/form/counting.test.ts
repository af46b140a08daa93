import { QueryClient } from "@tanstack/react-query";
import { expect, test } from "vitest";

import { isForNobody } from "./counting";

test("only what is known to reach nobody is asked about", () => {
  const queries = new QueryClient();
  const filter = { tags: ["vip"] };
  const body = { gateway: "http", filter };
  expect(isForNobody(queries, body)).toBe(false); // not counted yet
  queries.setQueryData(["dispatcher", "audience", filter, "http"], { is_whole: true, messages: 3 });
  expect(isForNobody(queries, body)).toBe(false);
  queries.setQueryData(["dispatcher", "audience", filter, "http"], { is_whole: true, messages: 0 });
  expect(isForNobody(queries, body)).toBe(true);
  queries.setQueryData(["catalog", "audiences", "one", "saved"], { filter });
  expect(isForNobody(queries, { gateway: "http", audience: "saved" })).toBe(true);
});
