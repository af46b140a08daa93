import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { scheduler } from "../../api/client";
import type { components } from "../../api/types/scheduler";
import { preferences } from "../../ui/preferences";
import { language } from "../../words";
import type { Mailing, Recurrence } from "./api";
import { DayAndTime } from "./DayAndTime";

type Occurrence = components["schemas"]["OccurrenceView"];
type Policy = Mailing["time_policy"];
const LOOKED_AT = 200; // occurrences: of those to come, who plans wants to know what clocks do to each
const REMARKED = 2; // of the later ones

/** A schedule in words, and when it comes next, with what clocks do to it. */
export function Occurrences({
  schedule,
  startsAt,
  endsAt,
  limit,
  policy,
}: {
  schedule: Recurrence;
  startsAt: string | null;
  endsAt: string;
  limit: number;
  policy: Policy | undefined; // by which each client gets it; none: all at once
}) {
  const { t } = useTranslation();
  const clock = policy?.kind;
  // what is over is of no interest: it is asked from now on, to the minute, so that the answer is kept a while
  const now = `${new Date().toISOString().slice(0, 16)}:00Z`;
  const from = startsAt !== null && startsAt > now ? startsAt : now;
  const found = useQuery({
    queryKey: ["scheduler", "preview", schedule, from, endsAt, policy],
    queryFn: async () => {
      const body = { schedule, starts_at: from, ends_at: endsAt, time_policy: policy, limit: LOOKED_AT };
      const sent = body as components["schemas"]["PreviewedSchedule"];
      return (await scheduler.POST("/v1/schedule-previews", { body: sent })).data!;
    },
    retry: false,
    placeholderData: (before) => before,
  });
  if (found.error !== null) return <p className="text-body-secondary mb-0">{t("occurrences.failed")}</p>;
  if (!found.data) return <p role="status">{t("loading")}</p>;
  const { words, occurrences, remarks, is_whole: isWhole, tzdata } = found.data;
  const next = occurrences.slice(0, limit);
  const later = occurrences.slice(limit).filter((each) => each.remark !== null);
  return (
    <div data-occurrences={occurrences.length}>
      <p className="mb-1">
        {words[language()].join(" ")}
        {clock && ` ${t("occurrences.each", { what: t(`clock.${clock}`) })}`}
      </p>
      {occurrences.length === 0 ? (
        <p className="mb-0">{t("occurrences.none")}</p>
      ) : (
        <ol className="list-unstyled mb-1">
          {next.map((each) => (
            <One key={each.nominal} occurrence={each} before={clock && t("occurrences.begins")} />
          ))}
          {!(isWhole && next.length === occurrences.length) && <li aria-hidden="true">…</li>}
          {later.slice(0, REMARKED).map((each) => (
            <One key={each.nominal} occurrence={each} before={t("occurrences.later")} />
          ))}
        </ol>
      )}
      {isWhole && occurrences.length === 1 && (
        <p className="text-warning-emphasis mb-1" data-remark="single">
          <span aria-hidden="true">⚠ </span>
          {t("occurrences.single")}
        </p>
      )}
      {remarks.map(({ code, detail }) => (
        <p key={code} className="text-warning-emphasis mb-1" data-remark={code}>
          <span aria-hidden="true">⚠ </span>
          {code === "overlap" ? t("occurrences.overlap") : detail}
        </p>
      ))}
      <p className="small text-body-secondary mb-0">{t("occurrences.tzdata", { tzdata })}</p>
    </div>
  );
}

/** Whether the local time by which a run is known is the one that is shown: `2026-03-01T09:00[Europe/Moscow]`. */
function isAsShown(at: string, nominal: string): boolean {
  const [wall, zone] = nominal.replace("]", "").split("[");
  const timeZone = preferences.zone() ?? new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const shown = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "short" }); // as ISO 8601
  return zone === timeZone && shown.format(new Date(at)) === wall?.replace("T", " ");
}

function One({ occurrence, before }: { occurrence: Occurrence; before: string | undefined }) {
  const { t } = useTranslation();
  const { at, nominal, remark } = occurrence;
  return (
    <li data-remark={remark}>
      {before && `${before} `}
      <DayAndTime at={at} />
      {!isAsShown(at, nominal) && <span className="text-body-secondary small"> ({nominal.replace("T", " ")})</span>}
      {remark && (
        <span className="text-warning-emphasis">
          {" "}
          <span aria-hidden="true">⚠ </span>
          {t(`occurrences.${remark}`)}
        </span>
      )}
    </li>
  );
}
