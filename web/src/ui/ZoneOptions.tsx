import { useEffect, useState } from "react";

import { language } from "../words";
import { zoneLabel, zones } from "./zones";

/** What a field of a time zone offers (its `list`): zones that are found by their names and their cities. */
export function ZoneOptions({ id }: { id: string }) {
  const [all] = useState(zones);
  const [labels, setLabels] = useState<ReadonlyMap<string, string>>();
  const spoken = language();
  useEffect(() => {
    // Behind what is drawn first: browsers take a while to make a format for each of 400 zones.
    const later = setTimeout(() => {
      const now = new Date();
      setLabels(new Map(all.map((each) => [each, zoneLabel(each, now, spoken)])));
    });
    return () => clearTimeout(later);
  }, [all, spoken]);
  return (
    <datalist id={id}>
      {all.map((each) => (
        <option key={each} value={each} label={labels?.get(each)} />
      ))}
    </datalist>
  );
}
