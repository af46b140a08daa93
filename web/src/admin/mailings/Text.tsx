import { useTranslation } from "react-i18next";

import { FilterWords } from "../../ui/FilterWords";
import { Scrolled } from "../../ui/Scrolled";
import type { Mailing } from "./api";
import "../form/words";

/** What the mailing says, and to whom, as it stands now. */
export function Text({ mailing }: { mailing: Mailing }) {
  const { t } = useTranslation();
  return (
    <div className="row g-4">
      <div className="col-12 col-lg-7">
        {mailing.sender && (
          <p>
            <span className="text-body-secondary">{t("form.sender")}:</span> {mailing.sender}
          </p>
        )}
        {mailing.subject && (
          <p>
            <span className="text-body-secondary">{t("form.subject")}:</span> {mailing.subject}
          </p>
        )}
        <h2 className="h6">{t("form.body")}</h2>
        <Scrolled className="body-text border rounded p-3" label={t("form.body")}>
          {mailing.body}
        </Scrolled>
        {mailing.html && (
          <details>
            <summary>{t("form.html")}</summary>
            <Scrolled className="body-text border rounded p-3" label={t("form.html")}>
              {mailing.html}
            </Scrolled>
          </details>
        )}
      </div>
      <div className="col-12 col-lg-5">
        <h2 className="h6">{t("text.for")}</h2>
        {mailing.audience_name && <p>{t("text.saved", { name: mailing.audience_name })}</p>}
        <div className="mb-3">
          <FilterWords of={mailing.filter} />
        </div>
        <dl className="facts">
          <dt>{t("form.maxAttempts")}</dt>
          <dd>{mailing.max_attempts ?? t("form.asWindow")}</dd>
          <dt>{t("form.onUnknown")}</dt>
          <dd>{mailing.on_unknown ? t(`onUnknown.${mailing.on_unknown}`) : t("form.asGateway")}</dd>
          <dt>{t("form.timePolicy")}</dt>
          <dd>{t(`clock.${mailing.time_policy?.kind ?? "none"}`)}</dd>
          <dt>{t("form.quietHours")}</dt>
          <dd>
            {mailing.quiet_hours
              ? `${mailing.quiet_hours.begins} – ${mailing.quiet_hours.ends}`
              : t("form.asPlatform")}
          </dd>
        </dl>
      </div>
    </div>
  );
}
