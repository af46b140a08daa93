import { QueryClient } from "@tanstack/react-query";
import { afterEach, expect, test, vi } from "vitest";

import { outcomeOf } from "./outcome";

const SEEN = { mailing_id: "01890a5d-0000-7000-8000-000000000001", version: 1 };

afterEach(() => vi.unstubAllGlobals());

/** Lets the catalog have the mailing as it is, and take verbs for its version alone; returns what it was asked to do. */
function catalogHas(status: string, version: number): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", (request: Request) => {
    if (request.method === "GET") return Promise.resolve(Response.json({ ...SEEN, status, version, schedule: null }));
    const wanted = request.headers.get("If-Match");
    asked.push(`${request.url.split("/").pop()} ${wanted}`);
    const isStale = wanted !== `"${version}"`;
    const body = isStale ? { type: "StaleVersion", title: "It is stale.", status: 412 } : {};
    return Promise.resolve(Response.json(body, { status: isStale ? 412 : 202 }));
  });
  return asked;
}

const outcome = (verb: "pause" | "stop") => outcomeOf(new QueryClient(), verb, SEEN);

test("what nobody has changed is done at once", async () => {
  const asked = catalogHas("running", 1);
  expect(await outcome("stop")).toEqual({ problem: null });
  expect(asked).toEqual([`stop "1"`]);
});

test("what was changed meanwhile is not stopped unseen", async () => {
  const asked = catalogHas("running", 2);
  expect((await outcome("stop")).problem?.type).toBe("StaleVersion");
  expect(asked).toEqual([`stop "1"`]);
});

test("what was changed meanwhile is paused all the same", async () => {
  const asked = catalogHas("running", 2);
  expect(await outcome("pause")).toEqual({ problem: null });
  expect(asked).toEqual([`pause "1"`, `pause "2"`]);
});

test("of what is over meanwhile it is said that it is", async () => {
  const asked = catalogHas("finished", 2);
  expect((await outcome("pause")).status).toBe("finished");
  expect((await outcome("stop")).status).toBe("finished");
  expect(asked).toEqual([`pause "1"`, `stop "1"`]);
});
