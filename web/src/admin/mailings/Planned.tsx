import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { AudienceCount } from "../form/AudienceCount";
import { audienceOf, type Mailing, schedule as scheduleQuery } from "./api";
import { DayAndTime } from "./DayAndTime";

/** What will become of a mailing that has not begun: when, to how many it would go now, and the way to change that. */
export function Planned({ mailing }: { mailing: Mailing }) {
  const { t } = useTranslation();
  const { mailing_id: id, schedule, starts_at: startsAt, time_policy: policy } = mailing;
  const recurring = useQuery({ ...scheduleQuery(id), enabled: schedule !== null });
  const begins = schedule === null ? startsAt : recurring.data?.next_fire_at;
  return (
    <section className="border rounded p-3 mb-3" aria-label={t("planned.label")} data-planned>
      {begins && (
        <p className="fw-semibold mb-2">
          {t(schedule === null ? "planned.begins" : "planned.firstRun")} <DayAndTime at={begins} />
          {policy && `, ${t(`clock.${policy.kind}`)}`}
        </p>
      )}
      <AudienceCount body={audienceOf(mailing)} />
      <Link to="/mailings/$id/edit" params={{ id }}>
        {t("planned.change")}
      </Link>
    </section>
  );
}
