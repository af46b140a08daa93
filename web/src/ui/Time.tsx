import { language } from "../words";
import { type Precision, utc, wallTime } from "./format";
import { preferences } from "./preferences";

/** A local wall time with its zone, which is the reader's unless it is named; UTC stands in the title and in the markup. */
export function Time({ at, precision, zone = preferences.zone() }: { at: string | Date; precision?: Precision; zone?: string }) {
  const instant = typeof at === "string" ? new Date(at) : at;
  return (
    <time dateTime={instant.toISOString()} title={utc(instant)}>
      {wallTime(instant, language(), precision, new Date(), zone)}
    </time>
  );
}
