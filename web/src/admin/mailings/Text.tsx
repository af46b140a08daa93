import { useTranslation } from "react-i18next";

import { Scrolled } from "../../ui/Scrolled";
import type { Mailing } from "./api";
import "../form/words";

/** What the mailing says, and to whom, as it stands now. */
export function Text({ mailing }: { mailing: Mailing }) {
  const { t } = useTranslation();
  const { filter } = mailing;
  const isForAll =
    filter.operator_codes.length === 0 && filter.tags.length === 0 && !filter.include && !filter.exclude;
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
        {isForAll && <p>{t("text.everybody")}</p>}
        <dl className="facts">
          {filter.operator_codes.length > 0 && (
            <>
              <dt>{t("form.operatorCodes")}</dt>
              <dd>{filter.operator_codes.join(", ")}</dd>
            </>
          )}
          {filter.tags.length > 0 && (
            <>
              <dt>{t("form.tags")}</dt>
              <dd>{filter.tags.join(", ")}</dd>
            </>
          )}
          {(["include", "exclude"] as const).map(
            (side) =>
              filter[side] && (
                <div key={side} className="fact">
                  <dt>{t(`text.${side}`)}</dt>
                  <dd>
                    <Scrolled className="body-text border rounded p-2" label={t(`text.${side}`)}>
                      {JSON.stringify(filter[side], null, 2)}
                    </Scrolled>
                  </dd>
                </div>
              ),
          )}
        </dl>
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
