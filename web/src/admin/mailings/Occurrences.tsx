import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { scheduler } from "../../api/client";
import type { components } from "../../api/types/scheduler";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import type { Mailing, Recurrence } from "./api";

type Clock = NonNullable<Mailing["time_policy"]>["kind"];

/** A schedule in words, and when it comes next, with what clocks do to it. */
export function Occurrences({
  schedule,
  startsAt,
  endsAt,
  limit,
  clock,
}: {
  schedule: Recurrence;
  startsAt: string | null;
  endsAt: string;
  limit: number;
  clock: Clock | undefined; // by which each client gets it; none: all at once
}) {
  const { t } = useTranslation();
  // what is over is of no interest: it is asked from now on, to the minute, so that the answer is kept a while
  const now = `${new Date().toISOString().slice(0, 16)}:00Z`;
  const from = startsAt !== null && startsAt > now ? startsAt : now;
  const found = useQuery({
    queryKey: ["scheduler", "preview", schedule, from, endsAt, limit],
    queryFn: async () => {
      const body = { schedule, starts_at: from, ends_at: endsAt, limit };
      const sent = body as components["schemas"]["PreviewedSchedule"];
      return (await scheduler.POST("/v1/schedule-previews", { body: sent })).data!;
    },
    retry: false,
    placeholderData: (before) => before,
  });
  if (found.error !== null) return <p className="text-body-secondary mb-0">{t("occurrences.failed")}</p>;
  if (!found.data) return <p role="status">{t("loading")}</p>;
  const { words, occurrences, is_whole: isWhole, tzdata } = found.data;
  return (
    <div data-occurrences={occurrences.length}>
      <p className="mb-1">{[words[language()].join("; "), ...(clock ? [t(`clock.${clock}`)] : [])].join(", ")}</p>
      {occurrences.length === 0 ? (
        <p className="mb-0">{t("occurrences.none")}</p>
      ) : (
        <ol className="list-unstyled mb-1">
          {occurrences.map((each) => (
            <li key={each.nominal}>
              {clock && `${t("occurrences.begins")} `}
              <Time at={each.at} /> <span className="text-body-secondary small">({each.nominal.replace("T", " ")})</span>
              {each.remark && (
                <span className="text-warning-emphasis">
                  {" "}
                  <span aria-hidden="true">⚠ </span>
                  {t(`occurrences.${each.remark}`)}
                </span>
              )}
            </li>
          ))}
          {!isWhole && <li aria-hidden="true">…</li>}
        </ol>
      )}
      <p className="small text-body-secondary mb-0">{t("occurrences.tzdata", { tzdata })}</p>
    </div>
  );
}
