import { useQuery } from "@tanstack/react-query";

import { useLive } from "../../live/hooks";
import { figures, isOver, type Mailing } from "./api";

/** The figures of a mailing as they are now: those of the stream, and those of each run as they are asked for. */
export function useFigures(mailing: Mailing, hasRun: boolean) {
  const { mailing_id: id, status } = mailing;
  const live = useLive().mailings.get(id);
  const isKnown = live !== undefined && live.planned > 0;
  // what has not begun has none: to ask for them would be an error
  const asked = useQuery({
    ...figures(id, live?.status === "running" ? live.status : status), // of what is over, something may be sent again
    enabled: hasRun && (isKnown || isOver(status)),
  });
  return { now: isKnown ? live : asked.data, runs: asked.data?.runs ?? [], byClient: isKnown ? live.recipients : asked.data?.recipients };
}
