import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import type { components } from "../../api/types/catalog";
import { number } from "../../ui/format";
import { List } from "../../ui/List";
import { usePages } from "../../ui/usePages";
import { useProblemText } from "../../ui/useProblemText";
import { language } from "../../words";
import { RejectedRows } from "./RejectedRows";
import type { ImportView } from "./upload";

type Rejection = components["schemas"]["RejectionView"];

/** The rows that an import has rejected, or would: why, how many, each of them, and as a file to mend. */
export function Rejected({ view }: { view: ImportView }) {
  const { t } = useTranslation();
  const words = useProblemText();
  const head = ["line", "whose", "column", "reason"] as const;
  const path = { import_id: view.import_id };
  const found = usePages(["rejections", view.import_id], (cursor, signal) =>
    catalog.GET("/v1/imports/{import_id}/rejections", {
      params: { path, query: { limit: 100, cursor } },
      signal,
    }),
  );
  // Imports of older releases have no codes: they are said as the API does.
  const reason = ({ column, code, limits, reason: detail }: Rejection) =>
    code ? words({ pointer: `/${column ?? ""}`, code, detail, limits }) : detail;
  const column = (name: string | null) => (name ? t(`imports.fields.${name}`, { defaultValue: name }) : "");
  const whose = ({ cells }: Rejection) => cells.map((each) => each.value).join(", ");
  return (
    <section className="panel">
      <div className="screen-head mb-2">
        <h2 className="fs-6 me-auto mb-0">{t("imports.rejected")}</h2>
        <RejectedRows view={view} />
      </div>
      <ul>
        {view.rejection_counts.map((each) => (
          <li key={`${each.column}${each.code}`}>
            {column(each.column)}
            {each.column && ": "}
            {t([`imports.kinds.${each.code}`, `codesAt.${each.column}.${each.code}`, `codes.${each.code}`])} –{" "}
            <span className="tabular">{number(each.count, language())}</span>
          </li>
        ))}
      </ul>
      <List<Rejection>
        found={found}
        label={t("imports.rejected")}
        head={head.map((each) => t(`imports.${each}`))}
        row={(each) => (
          <tr key={`${each.row} ${each.place}`}>
            <td className="tabular" data-label={t("imports.line")}>
              {number(each.line ?? each.row, language())}
            </td>
            <td className="text-break" data-label={t("imports.whose")}>
              {whose(each)}
            </td>
            <td data-label={t("imports.column")}>{column(each.column)}</td>
            <td data-label={t("imports.reason")} data-code={each.code}>
              {reason(each)}
            </td>
          </tr>
        )}
        empty={<p>{t("imports.noneKept")}</p>}
      />
    </section>
  );
}
