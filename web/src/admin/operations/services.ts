/** The four services, for what all of them have in the same way. */
import { catalog, dispatcher, scheduler, stats } from "../../api/client";

export const SERVICES = ["catalog", "scheduler", "dispatcher", "stats"] as const;
export type Service = (typeof SERVICES)[number];

/** Returns the client of one of them, with the types of the catalog: these paths are the same in all. */
export function of(service: Service): typeof catalog {
  return { catalog, scheduler, dispatcher, stats }[service] as unknown as typeof catalog;
}
