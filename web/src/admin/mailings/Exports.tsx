import { getRouteApi } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { separatorOf } from "../../ui/csv";
import { Download } from "../../ui/Download";
import { number } from "../../ui/format";
import { useReason } from "../../ui/ReasonText";
import { language } from "../../words";
import type { Run } from "./api";
import { attempts, LIST_LIMIT, listed, TooLong } from "./exported";
import "./words";

const route = getRouteApi("/mailings/$id");

/** Files of a run's messages, of those that the list shows: a table for people, and each attempt as it is on record. */
export function Exports({ run }: { run: Run }) {
  const { t } = useTranslation();
  const reason = useReason();
  const { status, client } = route.useSearch();
  if (run.archived_at || run.planned === 0) return null;
  const name = [run.run_id.slice(0, 8), status].filter(Boolean).join("-");
  const words = {
    head: ["name", "phone", "email", "status", "reason", "attempts", "last", "id"].map((each) => t(`export.${each}`)),
    state: (state: string) => t(`state.${state}`),
    reason: (code: string) => reason(code) ?? code,
    separator: separatorOf(language()),
  };
  const list = async () => {
    try {
      return await listed(run.run_id, status, client, words);
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      throw new Problem(200, "TooLong", t("export.tooLong", { range: number(LIST_LIMIT, language()) }));
    }
  };
  return (
    <div className="d-flex flex-wrap gap-2 mb-3 no-print" role="group" aria-label={t("export.label")}>
      <Download label={t("export.list")} name={`messages-${name}.csv`} load={list} />
      {client === undefined && (
        <Download label={t("export.tries")} name={`attempts-${name}.csv`} load={() => attempts(run.run_id, status)} />
      )}
    </div>
  );
}
