import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { number } from "../../ui/format";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { List } from "../../ui/List";
import { ListScreen } from "../../ui/ListScreen";
import { usePages } from "../../ui/usePages";
import type { ImportView } from "./upload";
import "./words";

/** All imports, the newest first. */
export function Imports() {
  const { t } = useTranslation();
  const found = usePages(["imports"], (cursor, signal) =>
    catalog.GET("/v1/imports", { params: { query: { limit: 50, cursor } }, signal }),
  );
  const counts = ["created", "changed", "unchanged", "rejected"] as const;
  return (
    <ListScreen
      title={t("imports.title")}
      actions={
        <Link className="btn btn-primary" to="/imports/new" data-shortcut="n">
          {t("imports.new")}
        </Link>
      }
    >
      <List<ImportView>
        found={found}
        label={t("imports.title")}
        head={["file", "began", "status", "rows", ...counts].map((each) => t(`imports.${each}`))}
        row={(each) => (
          <tr key={each.import_id}>
            <th scope="row" className="text-break">
              <Link to="/imports/$importId" params={{ importId: each.import_id }}>
                {each.file_name ?? t("imports.noName")}
              </Link>
            </th>
            <td data-label={t("imports.began")}>
              <Time at={each.started_at} />
            </td>
            <td data-label={t("imports.status")}>
              {t(`imports.statuses.${each.status}`)}
              {each.dry_run && ` (${t("imports.dry")})`}
            </td>
            <td className="tabular" data-label={t("imports.rows")}>
              {number(each.rows, language())}
            </td>
            {counts.map((name) => (
              <td key={name} className="tabular" data-label={t(`imports.${name}`)}>
                {number(each[name], language())}
              </td>
            ))}
          </tr>
        )}
        empty={
          <>
            <p>{t("imports.none")}</p>
            <Link to="/imports/new">{t("imports.new")}</Link>
          </>
        }
      />
    </ListScreen>
  );
}
