import { useTranslation } from "react-i18next";

import type { components } from "../../api/types/dispatcher";
import { number, percent, rate } from "../../ui/format";
import { ReasonText } from "../../ui/ReasonText";
import { Time } from "../../ui/Time";
import { language } from "../../words";

type Replica = components["schemas"]["ReplicaView"];
export type Usage = components["schemas"]["UsageView"];

const CLASSES = ["accepted", "refused", "not_processed", "unknown"] as const;

/** How every dispatcher uses a gateway now, and what it was answered in the last minutes. */
export function Replicas({ of, together }: { of: readonly Replica[]; together: Usage }) {
  const { t } = useTranslation();
  const head = ["replica", "in_flight", "free", "answers", "p50", "p95", "lastFailure"] as const;
  return (
    <section className="panel">
      <h2>{t("gateways.replicas")}</h2>
      <p className="text-body-secondary">{t("gateways.replicasHelp")}</p>
      {of.length === 0 && <p className="mb-0">{t("gateways.noReplica")}</p>}
      {of.length > 0 && (
        <table className="table stacking align-middle mb-0" aria-label={t("gateways.replicas")}>
          <thead>
            <tr>
              {head.map((each) => (
                <th key={each} scope="col">
                  {t(`gateways.${each}`)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {of.map((each) => (
              <tr key={each.replica_id} data-replica={each.replica}>
                <th scope="row" className="fw-normal text-break">
                  {each.replica}
                  <span className={`d-block small${each.is_stale ? " field-problem m-0" : ""}`}>
                    {t(each.is_stale ? "gateways.stale" : "gateways.since")}{" "}
                    <Time at={each.is_stale ? each.reported_at : each.started_at} precision="second" />
                  </span>
                </th>
                <Cells of={each} />
              </tr>
            ))}
          </tbody>
          {of.length > 1 && (
            <tfoot>
              <tr>
                <th scope="row">{t("gateways.together")}</th>
                <Cells of={together} />
              </tr>
            </tfoot>
          )}
        </table>
      )}
    </section>
  );
}

function Cells({ of }: { of: Usage }) {
  const { t } = useTranslation();
  const took = useTook();
  return (
    <>
      <td className="tabular" data-label={t("gateways.in_flight")}>
        {number(of.in_flight, language())}
      </td>
      <td className="tabular" data-label={t("gateways.free")}>
        {number(of.free, language())}
      </td>
      <td data-label={t("gateways.answers")}>
        <Answers of={of.answers} />
      </td>
      <td className="tabular" data-label={t("gateways.p50")}>
        {took(of.p50_s)}
      </td>
      <td className="tabular" data-label={t("gateways.p95")}>
        {took(of.p95_s)}
      </td>
      <td data-label={t("gateways.lastFailure")}>
        {of.last_failure && (
          <>
            <ReasonText code={of.last_failure.reason} />
            {saysMore(of.last_failure) && ` (${of.last_failure.status_code})`}{" "}
            <Time at={of.last_failure.at} precision="second" />
          </>
        )}
      </td>
    </>
  );
}

/** Returns whether a failure's status is not in its reason already. */
function saysMore({ reason, status_code: status }: NonNullable<Usage["last_failure"]>): boolean {
  return status !== null && !reason.endsWith(`_${status}`);
}

/** Answers by what came of them; nothing where there were none. */
export function Answers({ of }: { of: Usage["answers"] }) {
  const { t } = useTranslation();
  const all = CLASSES.reduce((sum, each) => sum + of[each], 0);
  return (
    <>
      {CLASSES.filter((each) => of[each] > 0).map((each) => (
        <span key={each} className={`d-block tabular${each === "accepted" ? "" : " field-problem m-0"}`}>
          {t(`gateways.outcomes.${each}`)}: {number(of[each], language())} ({percent(of[each], all, language())})
        </span>
      ))}
    </>
  );
}

/** Returns a time that something took in words; none where it is not known. */
export function useTook(): (seconds: number | null) => string {
  const { t } = useTranslation();
  return (seconds) => (seconds === null ? "" : t("gateways.ms", { ms: rate(seconds * 1000, language()) }));
}
