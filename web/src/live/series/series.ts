/** The series of a run, as `/public/v1/mailings/{id}/series` says it, made ready to be drawn. */
import { type State, STATES } from "../types";

export type Outcome = Exclude<State, "planned">;
export const OUTCOMES = STATES.filter((each): each is Outcome => each !== "planned");

export interface Series {
  run_id: string | null;
  step_s: number;
  at: string[]; // steps in which something happened
  by_status: Record<Outcome, number[]>;
  is_complete: boolean;
}

export interface Steps {
  stepS: number;
  at: number[]; // the beginnings of all steps, in seconds of the epoch
  counts: Partial<Record<Outcome, number[]>>; // of the outcomes that there are
}

const STEPS_S = [1, 10, 60, 600, 3_600, 86_400];

/** Returns every step from the first to the last, with an empty one before and behind. */
export function everyStep(series: Series): Steps {
  const { step_s: stepS } = series;
  const begun = series.at.map((each) => Date.parse(each) / 1_000);
  const first = begun[0];
  const last = begun[begun.length - 1];
  if (first === undefined || last === undefined) return { stepS, at: [], counts: {} };
  const length = Math.round((last - first) / stepS) + 3;
  const at = Array.from({ length }, (_, place) => first + (place - 1) * stepS);
  const counts: Steps["counts"] = {};
  for (const outcome of OUTCOMES) {
    const column = series.by_status[outcome];
    if (!column.some((each) => each !== 0)) continue;
    const all = new Array<number>(length).fill(0);
    column.forEach((count, place) => {
      all[Math.round((begun[place]! - first) / stepS) + 1] = count;
    });
    counts[outcome] = all;
  }
  return { stepS, at, counts };
}

/** Returns the same in longer steps, so that there are at most so many of them, as far as a day is enough. */
export function inSteps(series: Series, most: number): { stepS: number; rows: Row[] } {
  const begun = series.at.map((each) => Date.parse(each) / 1_000);
  const spanS = (begun[begun.length - 1] ?? 0) - (begun[0] ?? 0);
  const fits = STEPS_S.find((each) => each >= series.step_s && spanS / each < most);
  const stepS = fits ?? Math.max(series.step_s, STEPS_S[STEPS_S.length - 1]!);
  const rows = new Map<number, Row>();
  begun.forEach((at, place) => {
    const from = Math.floor(at / stepS) * stepS;
    const row = rows.get(from) ?? { at: from, counts: {} };
    rows.set(from, row);
    for (const outcome of OUTCOMES) {
      const count = series.by_status[outcome][place] ?? 0;
      if (count) row.counts[outcome] = (row.counts[outcome] ?? 0) + count;
    }
  });
  return { stepS, rows: [...rows.values()] };
}

export interface Row {
  at: number;
  counts: Partial<Record<Outcome, number>>;
}

export function perSecond(counts: readonly number[], stepS: number): number[] {
  return counts.map((each) => each / stepS);
}

export function inAll(counts: readonly number[]): number[] {
  let sum = 0;
  return counts.map((each) => (sum += each));
}

export function total(counts: readonly number[]): number {
  return counts.reduce((sum, each) => sum + each, 0);
}
