import { expect, test } from "vitest";

import { everyStep, inAll, inSteps, type Outcome, OUTCOMES, perSecond, type Series, total } from "./series";

const NOON = Date.parse("2026-01-01T12:00:00Z") / 1_000;

function series(stepS: number, points: [number, Partial<Record<Outcome, number>>][]): Series {
  const at = points.map(([second]) => new Date((NOON + second) * 1_000).toISOString());
  const columns = OUTCOMES.map((each) => [each, points.map(([, counts]) => counts[each] ?? 0)]);
  return {
    run_id: "run",
    step_s: stepS,
    at,
    by_status: Object.fromEntries(columns) as Series["by_status"],
    is_complete: true,
  };
}

test("steps in which nothing happened are there with nothing, and one before and behind", () => {
  const steps = everyStep(series(1, [[0, { delivered: 4 }], [3, { delivered: 1, failed: 2 }]]));
  expect(steps.at).toEqual([-1, 0, 1, 2, 3, 4].map((each) => NOON + each));
  expect(steps.counts).toEqual({ delivered: [0, 4, 0, 0, 1, 0], failed: [0, 0, 0, 0, 2, 0] });
});

test("a run without messages has no steps", () => {
  expect(everyStep(series(1, []))).toEqual({ stepS: 1, at: [], counts: {} });
  expect(inSteps(series(1, []), 10).rows).toEqual([]);
});

test("rates are those of a second, however long a step is", () => {
  expect(perSecond([0, 600, 60], 60)).toEqual([0, 10, 1]);
});

test("sums grow to the total", () => {
  expect(inAll([0, 4, 0, 1])).toEqual([0, 4, 4, 5]);
  expect(total([0, 4, 0, 1])).toBe(5);
});

test("a table has so many rows, and they add up to the same", () => {
  const own = series(1, Array.from({ length: 1_000 }, (_, n) => [n, { delivered: n, retry: 1 }]));
  const { stepS, rows } = inSteps(own, 120);
  expect([stepS, rows.length]).toEqual([10, 100]);
  expect(total(rows.map((each) => each.counts.delivered ?? 0))).toBe(total(own.by_status.delivered));
  expect(total(rows.map((each) => each.counts.retry ?? 0))).toBe(1_000);
});

test("a step is never shorter than that of the answer", () => {
  expect(inSteps(series(600, [[0, { failed: 1 }], [600, { failed: 1 }]]), 120).stepS).toBe(600);
});
