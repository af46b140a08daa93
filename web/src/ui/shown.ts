import { language } from "../words";
import { plain } from "./changes";
import { wallTime } from "./format";
import { preferences } from "./preferences";

const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)$/;

/** Returns a value of any field as text: an instant as the reader's clock shows it, with its zone. */
export function shown(value: unknown): string {
  if (typeof value !== "string" || !INSTANT.test(value)) return plain(value);
  return wallTime(new Date(value), language(), "minute", new Date(), preferences.zone());
}
