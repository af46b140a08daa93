import { preferences } from "../../ui/preferences";
import { Time } from "../../ui/Time";
import { type Language, language } from "../../words";

/** A time of what is planned, with its day of the week; its zone is the reader's unless it is named. */
export function DayAndTime({ at, zone = preferences.zone() }: { at: string; zone?: string }) {
  return (
    <>
      {weekday(at, language(), zone)}, <Time at={at} {...(zone ? { zone } : {})} />
    </>
  );
}

/** Returns the day of the week that clocks of a zone have, in short. */
export function weekday(at: string, language: Language, zone?: string): string {
  const options: Intl.DateTimeFormatOptions = { weekday: "short", ...(zone ? { timeZone: zone } : {}) };
  return new Intl.DateTimeFormat(language, options).format(new Date(at));
}
