import { language } from "../words";
import { type Precision, utc, wallTime } from "./format";
import { preferences } from "./preferences";

/** A local wall time with its zone; UTC stands in the title and in the markup. */
export function Time({ at, precision }: { at: string | Date; precision?: Precision }) {
  const instant = typeof at === "string" ? new Date(at) : at;
  return (
    <time dateTime={instant.toISOString()} title={utc(instant)}>
      {wallTime(instant, language(), precision, new Date(), preferences.zone())}
    </time>
  );
}
