import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { LiveStore } from "./store";
import type { Delta, Live, LivePage, Snapshot } from "./types";
import { counted, done } from "./types";

const NONE = {
  delivered: 0,
  failed: 0,
  expired: 0,
  cancelled: 0,
  undetermined: 0,
  suppressed: 0,
  retry: 0,
  planned: 0,
};
const TOTALS = { running: 1, planned: 10, delivered: 0, rate_per_s: 0 };

function mailing(id: string, delivered: number, planned = 10): Live {
  return {
    mailing_id: id,
    name: id,
    status: "running",
    created_at: "2026-01-01T12:00:00Z",
    starts_at: null,
    ends_at: null,
    is_recurring: false,
    next_at: null,
    run: { number: 1, nominal: "once" },
    planned,
    attempts: delivered,
    by_status: { ...NONE, delivered, planned: planned - delivered },
    rate_per_s: 1,
    done_at: null,
    will_expire: null,
  };
}

function at(second: number): { as_of: string; lag_s: number } {
  return { as_of: new Date(Date.UTC(2026, 0, 1, 12, 0, second)).toISOString(), lag_s: 0.1 };
}

function snapshot(second: number, ...mailings: Live[]): Snapshot {
  return { ...at(second), totals: TOTALS, mailings };
}

function delta(second: number, ...changed: Live[]): Delta {
  return { ...at(second), totals: TOTALS, changed, gone: [] };
}

function page(second: number, ...items: Live[]): LivePage {
  return { ...at(second), items, next_cursor: null };
}

function delivered(store: LiveStore, id: string): number | undefined {
  return store.get().mailings.get(id)?.by_status.delivered;
}

test("a change is the whole state: to get it twice does no harm", () => {
  const store = new LiveStore();
  store.snapshot(snapshot(1, mailing("a", 1)));
  store.delta(delta(2, mailing("a", 2)));
  store.delta(delta(2, mailing("a", 2)));
  expect(delivered(store, "a")).toBe(2);
});

test("a page that is older than the stream changes nothing that is known", () => {
  const store = new LiveStore();
  store.delta(delta(5, mailing("a", 5)));
  store.take(page(3, mailing("a", 3), mailing("b", 1)));
  expect([delivered(store, "a"), delivered(store, "b")]).toEqual([5, 1]);
  expect(store.get().asOf?.getUTCSeconds()).toBe(5);
});

test("what is gone is not shown any more", () => {
  const store = new LiveStore();
  store.snapshot(snapshot(1, mailing("a", 1)));
  store.delta({ ...delta(2), gone: ["a"] });
  expect(store.get().mailings.size).toBe(0);
});

test("whatever is missed or comes twice, the last state wins and never goes back", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed % below;
  };
  for (let round = 0; round < 200; round++) {
    const store = new LiveStore();
    const seen: number[] = [];
    for (let second = 1; second <= 20; second++) {
      const now = mailing("a", second, 20);
      if (second !== 20 && random(3) === 0) continue; // missed
      if (random(4) === 0) store.snapshot(snapshot(second, now));
      else store.delta(delta(second, now));
      if (random(3) === 0) {
        const late = 1 + random(second);
        store.take(page(late, mailing("a", late, 20)));
      }
      seen.push(delivered(store, "a")!);
    }
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    expect(seen.at(-1)).toBe(20);
  }
});

test("done is everything but what waits", () => {
  expect(done(mailing("a", 3))).toBe(3);
  expect(done({ planned: 4, by_status: { ...NONE, retry: 1, failed: 2, planned: 1 } })).toBe(2);
});

class FakeSource extends EventTarget {
  static readonly CLOSED = 2;
  static all: FakeSource[] = [];
  readyState = 1;
  constructor(readonly url: string) {
    super();
    FakeSource.all.push(this);
  }
  close(): void {
    this.readyState = 2;
  }
  say(kind: string, data: unknown): void {
    this.dispatchEvent(new MessageEvent(kind, { data: JSON.stringify(data) }));
  }
  fail(state: number): void {
    this.readyState = state;
    this.dispatchEvent(new Event("error"));
  }
}

beforeEach(() => {
  FakeSource.all = [];
  vi.stubGlobal("EventSource", FakeSource);
  vi.useFakeTimers();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** Locks as a browser has them, shared by its tabs. */
function locks(taken = 0) {
  const held = new Set(Array.from({ length: taken }, (_, n) => `mailings-stream-${n}`));
  const request = async (
    name: string,
    _: object,
    carryOut: (lock: object | null) => Promise<void> | undefined,
  ) => {
    if (held.has(name)) return carryOut(null);
    held.add(name);
    await carryOut({});
    held.delete(name);
    return undefined;
  };
  vi.stubGlobal("navigator", { locks: { request }, language: "en" });
  return held;
}

test("who has a lock streams", async () => {
  const held = locks();
  const store = new LiveStore();
  store.start();
  await vi.advanceTimersByTimeAsync(10);
  expect(FakeSource.all.map((each) => each.url)).toEqual(["/public/v1/live"]);
  FakeSource.all[0]!.say("snapshot", snapshot(1, mailing("a", 1)));
  expect([store.get().link, delivered(store, "a")]).toEqual(["live", 1]);
  store.pause(true);
  await vi.advanceTimersByTimeAsync(10);
  expect([store.get().link, held.size]).toEqual(["paused", 0]);
});

test("who has none asks every five seconds, and streams when one is free", async () => {
  const held = locks(4);
  const asked = vi.fn(() => Promise.resolve(Response.json(page(1, mailing("a", 1)))));
  vi.stubGlobal("fetch", asked);
  const store = new LiveStore();
  store.start();
  await vi.advanceTimersByTimeAsync(10);
  expect([store.get().link, asked.mock.calls.length]).toEqual(["polling", 1]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(asked.mock.calls.length).toBe(2);
  held.delete("mailings-stream-2");
  await vi.advanceTimersByTimeAsync(5_000);
  expect([asked.mock.calls.length, FakeSource.all.length]).toEqual([2, 1]);
});

test("while nobody answers it tries less and less often, and every eight seconds at least", async () => {
  locks();
  vi.stubGlobal("fetch", vi.fn(() => Promise.resolve(new Response(null, { status: 503 }))));
  const store = new LiveStore();
  store.start();
  await vi.advanceTimersByTimeAsync(10);
  const tried = () => FakeSource.all.length;
  const refuse = async () => {
    FakeSource.all.at(-1)!.fail(FakeSource.CLOSED);
    await vi.advanceTimersByTimeAsync(1);
  };
  for (const waitMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
    const before = tried();
    await refuse();
    expect(store.get().link).toBe("reconnecting");
    await vi.advanceTimersByTimeAsync(0.74 * waitMs);
    expect(tried()).toBe(before);
    await vi.advanceTimersByTimeAsync(0.27 * waitMs);
    expect(tried()).toBe(before + 1);
  }
});

test("what ended while nobody was looking is asked for, and what is gone goes", async () => {
  locks();
  const store = new LiveStore();
  const ended: Live = { ...mailing("a", 9), status: "finished" };
  const asked = vi.fn((url: string) =>
    Promise.resolve(url.endsWith("/a") ? Response.json(ended) : new Response(null, { status: 404 })),
  );
  vi.stubGlobal("fetch", asked);
  store.snapshot(snapshot(1, mailing("a", 1), mailing("b", 1), mailing("c", 1)));
  await vi.advanceTimersByTimeAsync(1);
  expect(asked).not.toHaveBeenCalled();
  store.snapshot(snapshot(2, mailing("c", 2)));
  await vi.advanceTimersByTimeAsync(1);
  expect([...store.get().mailings.keys()].sort()).toEqual(["a", "c"]);
  expect(store.get().mailings.get("a")).toEqual(ended);
});

test("a page that is as old as the stream changes nothing that the stream has said", async () => {
  locks();
  const store = new LiveStore();
  store.start();
  await vi.advanceTimersByTimeAsync(10);
  FakeSource.all[0]!.say("snapshot", snapshot(3, mailing("a", 5)));
  store.take(page(3, mailing("a", 4), mailing("b", 1)));
  expect([delivered(store, "a"), delivered(store, "b")]).toEqual([5, 1]);
  store.take(page(4, mailing("a", 4)));
  expect(delivered(store, "a")).toBe(5);
  store.take(page(5, mailing("a", 6)));
  expect(delivered(store, "a")).toBe(6);
});

test("while the browser reconnects the figures stay", async () => {
  locks();
  const store = new LiveStore();
  store.start();
  await vi.advanceTimersByTimeAsync(10);
  FakeSource.all[0]!.say("snapshot", snapshot(1, mailing("a", 1)));
  FakeSource.all[0]!.fail(0);
  expect([store.get().link, delivered(store, "a")]).toEqual(["reconnecting", 1]);
  FakeSource.all[0]!.say("beat", at(2));
  expect(store.get().link).toBe("live");
});

test("progress counts clients where messages were sent again, else messages", () => {
  const found = mailing("a", 4);
  const by_status = { ...NONE, delivered: 9 };
  expect(counted(found)).toEqual({ planned: 10, by_status: found.by_status });
  expect(counted({ ...found, recipients: null }).planned).toBe(10);
  expect(counted({ ...found, recipients: { clients: 9, by_status } })).toEqual({ planned: 9, by_status });
});
