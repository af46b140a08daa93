import { useEffect, useMemo, useState } from "react";
import { useTranslation } from "react-i18next";

import { useLive } from "../live/hooks";
import { type Live, STATUSES } from "../live/types";
import { ProblemPanel } from "../ui/ProblemPanel";
import { Row } from "./Row";
import { usePages } from "./usePages";

const FILTERS = ["", ...STATUSES] as const;

/** Search, filter and mailings. What is searched for stands in the address. */
export function List() {
  const { t } = useTranslation();
  const [q, setQ] = useState(() => parameter("q"));
  const [status, setStatus] = useState(() => parameter("status"));
  useEffect(() => remember({ q, status }), [q, status]);
  const pages = usePages(q.trim(), status);
  const { mailings } = useLive();
  const shown = useMemo(
    () => chosen(mailings.values(), q.trim(), status, pages.oldest),
    [mailings, q, status, pages.oldest],
  );
  const isFiltered = q.trim() !== "" || status !== "";
  return (
    <>
      <div className="row g-2 mb-3 align-items-center no-print">
        <div className="col-12 col-md-4">
          <input
            type="search"
            className="form-control"
            placeholder={t("search")}
            aria-label={t("search")}
            maxLength={200}
            value={q}
            onChange={(event) => setQ(event.target.value)}
          />
        </div>
        <div className="col-12 col-md-auto d-flex flex-wrap gap-1" role="group" aria-label={t("filter")}>
          {FILTERS.map((each) => (
            <button
              key={each}
              type="button"
              className={`btn btn-sm ${each === status ? "btn-primary" : "btn-outline-secondary"}`}
              aria-pressed={each === status}
              onClick={() => setStatus(each)}
            >
              {each ? t(`status.${each}`) : t("all")}
            </button>
          ))}
        </div>
      </div>
      {pages.problem !== null && <ProblemPanel error={pages.problem} again={pages.again} />}
      {shown.length === 0 && pages.isLoading && <Skeleton />}
      {shown.length === 0 && !pages.isLoading && pages.problem === null && (
        <div className="text-center py-5">
          <p>{t(isFiltered ? "noneFound" : "none")}</p>
          {isFiltered && (
            <button
              type="button"
              className="btn btn-outline-secondary"
              onClick={() => {
                setQ("");
                setStatus("");
              }}
            >
              {t("noneFoundReset")}
            </button>
          )}
        </div>
      )}
      <ul className="list-unstyled mailings">
        {shown.map((each) => (
          <Row key={each.mailing_id} mailing={each} />
        ))}
      </ul>
      {pages.more && (
        <button type="button" className="btn btn-outline-secondary no-print" onClick={pages.more}>
          {t("more")}
        </button>
      )}
    </>
  );
}

/** Returns what is shown, the newest first: of older ones only those whose page was asked for. */
export function chosen(
  mailings: Iterable<Live>,
  q: string,
  status: string,
  oldest: string | null,
): Live[] {
  const wanted = q.toLowerCase();
  return [...mailings]
    .filter((each) => !status || each.status === status)
    .filter((each) => !wanted || (each.name ?? "").toLowerCase().includes(wanted))
    .filter((each) => oldest === null || (each.created_at ?? "9999") >= oldest)
    .sort(newestFirst);
}

function newestFirst(one: Live, other: Live): number {
  const a = one.created_at ?? "9999";
  const b = other.created_at ?? "9999";
  if (a !== b) return a < b ? 1 : -1;
  return one.mailing_id < other.mailing_id ? 1 : -1;
}

function Skeleton() {
  const { t } = useTranslation();
  return (
    <div role="status" className="skeleton">
      <span className="visually-hidden">{t("loading")}</span>
      {[0, 1, 2].map((each) => (
        <div key={each} className="skeleton-row" />
      ))}
    </div>
  );
}

function parameter(name: string): string {
  return new URLSearchParams(location.search).get(name) ?? "";
}

function remember(wanted: Record<string, string>): void {
  const asked = new URLSearchParams(Object.entries(wanted).filter(([, value]) => value));
  history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
}
