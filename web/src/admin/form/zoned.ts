/** Wall times of zones, as forms have them, and instants, as the services have them. */

import { preferences } from "../../ui/preferences";

const WALL = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)$/;
const DAY_MS = 86_400_000;
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(zone: string): Intl.DateTimeFormat {
  const found =
    formats.get(zone) ??
    new Intl.DateTimeFormat("en-GB", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
  formats.set(zone, found);
  return found;
}

/** Returns what clocks of a zone show, as if it were UTC. */
function shown(at: number, zone: string): number {
  const parts = new Map(formatOf(zone).formatToParts(at).map((part) => [part.type, Number(part.value)]));
  const part = (name: Intl.DateTimeFormatPartTypes) => parts.get(name) ?? 0;
  return Date.UTC(part("year"), part("month") - 1, part("day"), part("hour"), part("minute"), part("second"));
}

const offset = (at: number, zone: string) => shown(at, zone) - Math.floor(at / 1_000) * 1_000;

export function isZone(zone: string): boolean {
  try {
    formatOf(zone);
    return zone !== "";
  } catch {
    return false;
  }
}

/**
 * Returns the instant of a wall time: of two the first, and of none the one that comes as much later
 * as the clocks jump. Null: that is no wall time, or no zone.
 */
export function toInstant(wall: string, zone: string): string | null {
  const read = WALL.exec(wall);
  if (!read || !isZone(zone)) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0] = read.slice(1).map(Number);
  const naive = Date.UTC(year, month - 1, day, hour, minute);
  const before = naive - offset(naive - DAY_MS, zone);
  const after = naive - offset(naive + DAY_MS, zone);
  const hits = [before, after].filter((at) => shown(at, zone) === naive);
  const at = hits.length > 0 ? Math.min(...hits) : before;
  return new Date(at).toISOString();
}

/** Returns the wall time of an instant, to the minute. */
export function toWall(instant: string, zone: string): string {
  return new Date(shown(Date.parse(instant), zone)).toISOString().slice(0, 16);
}

/** Whether a wall time is one, and no year that is being typed. */
export const isWhole = (wall: string) => WALL.test(wall) && wall >= "2000";

/** Returns the end of a window whose start was moved, so that it is as long as before; null: that cannot be said. */
export function movedEnd(end: string, from: string, to: string, zone: string): string | null {
  if (![end, from, to].every(isWhole)) return null;
  const [ends, begins, moved] = [end, from, to].map((each) => Date.parse(toInstant(each, zone) ?? ""));
  const at = ends! + moved! - begins!;
  return Number.isNaN(at) ? null : toWall(new Date(at).toISOString(), zone);
}

export const ownZone = (): string => preferences.zone() ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
