import { expect, test } from "vitest";

import { $catalog, $stats } from "./client";

test("two services that have one path are two questions", () => {
  const ask = { params: { path: { mailing_id: "1" } } };
  const one = $catalog.queryOptions("get", "/v1/mailings/{mailing_id}", ask);
  const other = $stats.queryOptions("get", "/v1/mailings/{mailing_id}", ask);
  expect(one.queryKey).not.toEqual(other.queryKey);
  expect(one.queryKey.slice(0, 2)).toEqual(["get", "/v1/mailings/{mailing_id}"]);
});
