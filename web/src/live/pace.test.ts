import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { Pace } from "./pace";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test("what is asked for more often than its pace runs at its pace, and not only when asking ends", () => {
  const run = vi.fn();
  const pace = new Pace(run, 2_000);
  for (let turn = 0; turn < 20; turn += 1) {
    pace.ask();
    vi.advanceTimersByTime(500);
  }
  expect(run).toHaveBeenCalledTimes(5);
});

test("what is not asked for any more runs once more, and after the end never", () => {
  const run = vi.fn();
  const pace = new Pace(run, 2_000);
  pace.ask();
  vi.advanceTimersByTime(60_000);
  expect(run).toHaveBeenCalledTimes(1);
  pace.ask();
  pace.end();
  vi.advanceTimersByTime(60_000);
  expect(run).toHaveBeenCalledTimes(1);
});
