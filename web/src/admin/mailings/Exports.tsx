import { getRouteApi } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { separatorOf } from "../../ui/csv";
import { Download } from "../../ui/Download";
import { number } from "../../ui/format";
import { useReason } from "../../ui/ReasonText";
import { language } from "../../words";
import type { Mailing, Run } from "./api";
import { attempts, LIST_LIMIT, listed, TooLong } from "./exported";
import { useListedRuns } from "./useListedRuns";
import "./words";

const route = getRouteApi("/mailings/$id");

interface Props {
  mailing: Mailing;
  runs: readonly Run[];
  run: Run | undefined; // none: all of them
}

/** Files of the messages that the list shows: a table for people, and of one run each attempt as it is on record. */
export function Exports({ mailing, runs, run }: Props) {
  const { t } = useTranslation();
  const reason = useReason();
  const { status, client } = route.useSearch();
  const { listed: wanted } = useListedRuns(mailing, runs, run, status);
  const [first] = wanted;
  const isEmpty = run !== undefined && (run.archived_at !== null || run.planned === 0);
  if (first === undefined || isEmpty) return null;
  const only = wanted.length === 1 ? first : null;
  const name = [(only ?? mailing.mailing_id).slice(0, 8), status].filter(Boolean).join("-");
  const words = {
    head: ["name", "phone", "email", "status", "reason", "attempts", "last", "id"].map((each) => t(`export.${each}`)),
    state: (state: string) => t(`state.${state}`),
    reason: (code: string) => reason(code) ?? code,
    separator: separatorOf(language()),
  };
  const list = async () => {
    try {
      return await listed(wanted, status, client, words);
    } catch (error) {
      if (!(error instanceof TooLong)) throw error;
      throw new Problem(200, "TooLong", t("export.tooLong", { range: number(LIST_LIMIT, language()) }));
    }
  };
  return (
    <div className="d-flex flex-wrap gap-2 mb-3 no-print" role="group" aria-label={t("export.label")}>
      <Download label={t("export.list")} name={`messages-${name}.csv`} load={list} />
      {only !== null && client === undefined && (
        <Download label={t("export.tries")} name={`attempts-${name}.csv`} load={() => attempts(only, status)} />
      )}
    </div>
  );
}
