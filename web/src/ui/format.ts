/** Numbers, shares, times and durations as the reader's language writes them. */
import type { Language } from "../words";

const cached = new Map<string, Intl.NumberFormat | Intl.DateTimeFormat>();

function once<T extends Intl.NumberFormat | Intl.DateTimeFormat>(key: string, make: () => T): T {
  const found = cached.get(key) ?? make();
  cached.set(key, found);
  return found as T;
}

export function number(value: number, language: Language): string {
  return once(`n${language}`, () => new Intl.NumberFormat(language)).format(value);
}

export function rate(perSecond: number, language: Language): string {
  const digits = perSecond < 10 ? 1 : 0;
  return once(
    `r${digits}${language}`,
    () => new Intl.NumberFormat(language, { maximumFractionDigits: digits }),
  ).format(perSecond);
}

/** A share as a percentage; what is not all is never shown as 100 %, what is not nothing not as 0 %. */
export function percent(part: number, whole: number, language: Language): string {
  const format = once(`p${language}`, () => new Intl.NumberFormat(language, { style: "percent" }));
  if (whole <= 0) return format.format(0);
  const hundredths = Math.round((part / whole) * 100);
  if (part < whole && hundredths >= 100) return format.format(0.99);
  if (part > 0 && hundredths <= 0) return `< ${format.format(0.01)}`;
  return format.format(hundredths / 100);
}

const ZONE_NAME: Intl.DateTimeFormatOptions = { timeZoneName: "short" };
const CLOCK: Intl.DateTimeFormatOptions = { hour: "2-digit", minute: "2-digit" };
const DAY: Intl.DateTimeFormatOptions = { day: "numeric", month: "short" };

export type Precision = "minute" | "second";

/** A local wall time with its zone; the day stands there unless it is today. */
export function wallTime(
  at: Date,
  language: Language,
  precision: Precision = "minute",
  now: Date = new Date(),
  zone?: string,
): string {
  const isToday = dayIn(zone, at) === dayIn(zone, now);
  const isThisYear = dayIn(zone, at).slice(0, 4) === dayIn(zone, now).slice(0, 4);
  const options: Intl.DateTimeFormatOptions = {
    ...(isToday ? {} : DAY),
    ...(isThisYear ? {} : { year: "numeric" }),
    ...CLOCK,
    ...(precision === "second" ? { second: "2-digit" } : {}),
    ...ZONE_NAME,
    ...(zone ? { timeZone: zone } : {}),
    hourCycle: "h23",
  };
  const key = `t${language}${precision}${isToday}${isThisYear}${zone ?? ""}`;
  return once(key, () => new Intl.DateTimeFormat(language, options)).format(at);
}

/** Returns the day that a zone's calendar shows, as 2026-03-01. */
function dayIn(zone: string | undefined, at: Date): string {
  const options: Intl.DateTimeFormatOptions = { year: "numeric", month: "2-digit", day: "2-digit", ...(zone ? { timeZone: zone } : {}) };
  return once(`d${zone ?? ""}`, () => new Intl.DateTimeFormat("en-CA", options)).format(at);
}

export function utc(at: Date): string {
  return `${at.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

export interface Parts {
  unit: "seconds" | "minutes" | "hours" | "days";
  count: number;
  rest?: { unit: "minutes" | "hours"; count: number };
}

/** A duration in its two largest units, as words can be made of it. */
export function duration(seconds: number): Parts {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return { unit: "seconds", count: whole };
  const minutes = Math.round(whole / 60);
  if (minutes < 60) return { unit: "minutes", count: minutes };
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return withRest("hours", hours, "minutes", minutes % 60);
  return withRest("days", Math.floor(hours / 24), "hours", hours % 24);
}

function withRest(
  unit: Parts["unit"],
  count: number,
  small: "minutes" | "hours",
  rest: number,
): Parts {
  return rest ? { unit, count, rest: { unit: small, count: rest } } : { unit, count };
}

export function secondsUntil(instant: string): number {
  return (Date.parse(instant) - Date.now()) / 1_000;
}
