/** When a planned mailing can begin instead, and what changes with that. */
import type { components } from "../../api/types/catalog";
import { isWhole, toInstant, toWall } from "../form/zoned";
import type { Mailing } from "./api";

type Changes = components["schemas"]["MailingChanges"];

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const OFFERS = ["hour", "day", "week"] as const;

/** Returns the wall time that is so much later than a start: of days and weeks, at the same time of day. */
export function offered(offer: (typeof OFFERS)[number], startsAt: string, zone: string): string {
  if (offer === "hour") return toWall(new Date(Date.parse(startsAt) + HOUR_MS).toISOString(), zone);
  return later(toWall(startsAt, zone), offer === "day" ? DAY_MS : 7 * DAY_MS);
}

/**
 * Returns what lets a mailing begin at a wall time and end as much later as before; null: that is no wall time.
 * The day and time that clients' own clocks are to show move along.
 */
export function postponed(
  { starts_at, ends_at, time_policy: policy }: Pick<Mailing, "starts_at" | "ends_at" | "time_policy">,
  wall: string,
  zone: string,
): (Changes & { starts_at: string; ends_at: string }) | null {
  const begins = isWhole(wall) ? toInstant(wall, zone) : null;
  if (begins === null) return null;
  const ends = Date.parse(ends_at) + Date.parse(begins) - Date.parse(starts_at);
  const moved = { starts_at: begins, ends_at: new Date(ends).toISOString() };
  if (!policy?.at || !isWhole(policy.at)) return moved;
  return { ...moved, time_policy: { at: later(policy.at, naive(wall) - naive(toWall(starts_at, zone))) } };
}

const naive = (wall: string) => Date.parse(`${wall}Z`);

const later = (wall: string, ms: number) => new Date(naive(wall) + ms).toISOString().slice(0, 16);
