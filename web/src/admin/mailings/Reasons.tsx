import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { ReasonText } from "../../ui/ReasonText";
import { language } from "../../words";
import { reasons as reasonsQuery, type Run } from "./api";
import { RunChoice } from "./RunChoice";

/** What became of messages and why, grouped, with an example of each. */
export function Reasons({ runs, run }: { runs: readonly Run[]; run: Run }) {
  const { t } = useTranslation();
  const found = useQuery(reasonsQuery(run.run_id));
  if (found.error !== null) {
    return <ProblemPanel error={found.error} again={() => void found.refetch()} />;
  }
  if (!found.data) return <p role="status">{t("loading")}</p>;
  return (
    <>
      <div className="row mb-3">
        <RunChoice runs={runs} run={run} />
      </div>
      {found.data.items.length === 0 ? (
        <p>{t("messages.none")}</p>
      ) : (
        <div className="table-responsive">
          <table className="table align-middle tabular stacking">
            <thead>
              <tr>
                <th scope="col">{t("mailings.status")}</th>
                <th scope="col">{t("messages.reason")}</th>
                <th scope="col">{t("reasons.code")}</th>
                <th scope="col" className="text-end">
                  {t("runs.messages")}
                </th>
                <th scope="col">{t("reasons.example")}</th>
              </tr>
            </thead>
            <tbody>
              {found.data.items.map((each) => (
                <tr key={`${each.status}|${each.reason}|${each.status_code}`}>
                  <td>
                    <span className={`dot dot-${each.status}`} aria-hidden="true" />
                    {t(`state.${each.status}`)}
                  </td>
                  <td className="text-break">{each.reason ? <ReasonText code={each.reason} /> : "–"}</td>
                  <td data-label={t("reasons.code")}>{each.status_code ?? ""}</td>
                  <td className="text-sm-end" data-label={t("runs.messages")}>{number(each.count, language())}</td>
                  <td>
                    <Link
                      from="/mailings/$id"
                      to="."
                      search={{
                        tab: "messages",
                        run: run.run_id,
                        status: each.status,
                        message: each.example_message_id,
                      }}
                    >
                      {t("reasons.look")}
                    </Link>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
