import "./mailings.css";

import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useContext, useEffect, useRef, useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { StoreContext } from "../../live/hooks";
import { LinkBadge } from "../../live/LinkBadge";
import type { LivePage } from "../../live/types";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { useGatewayName } from "../../ui/useGatewayName";
import { useTitle } from "../../ui/useTitle";
import { gateways, MAILINGS, mailingsPage } from "./api";
import { Bulk } from "./Bulk";
import { Legend } from "../../live/Legend";
import { MailingTable } from "./MailingTable";
import { STATUSES } from "./search";
import { useVerb } from "./useVerb";

const route = getRouteApi("/mailings");
const LIST_MS = 3_000;
const SEARCH_AFTER_MS = 200; // after the last key

/** All mailings, newest first: what can be done with each, and with several at once. */
export function Mailings() {
  const { t } = useTranslation();
  useTitle(t("nav.mailings"));
  const asked = route.useSearch();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const verb = useVerb();
  const found = useInfiniteQuery({
    queryKey: [...MAILINGS, "list", asked],
    queryFn: ({ pageParam }) => mailingsPage(asked, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: LIST_MS,
  });
  useFigures(found.data?.pages.length ?? 0);
  const shown = found.data?.pages.flatMap((page) => page.items) ?? [];
  const marked = shown.filter((each) => chosen.has(each.mailing_id));
  return (
    <>
      <div className="d-flex flex-wrap align-items-center gap-3 mb-3">
        <h1 className="h4 mb-0">{t("nav.mailings")}</h1>
        <LinkBadge />
        <Link to="/mailings/new" className="btn btn-primary ms-auto" data-shortcut="n">
          {t("mailings.new")}
        </Link>
      </div>
      <Filters />
      {verb.problem}
      {found.error !== null && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.isPending && <p role="status">{t("loading")}</p>}
      {found.data && shown.length === 0 && <Empty isFiltered={Object.values(asked).some(Boolean)} />}
      {shown.length > 0 && (
        <>
          <Legend />
          <MailingTable mailings={shown} chosen={chosen} onChoose={setChosen} verb={verb} />
        </>
      )}
      {found.hasNextPage && (
        <Button
          variant="outline-secondary"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("screen.more")}
        </Button>
      )}
      <Bulk chosen={marked} onDone={() => setChosen(new Set())} />
      {verb.dialog}
    </>
  );
}

function Empty({ isFiltered }: { isFiltered: boolean }) {
  const { t } = useTranslation();
  if (!isFiltered) {
    return (
      <p>
        {t("mailings.empty")} <Link to="/mailings/new">{t("mailings.first")}</Link>
      </p>
    );
  }
  return (
    <p>
      {t("mailings.none")} <Link to="/mailings">{t("mailings.all")}</Link>
    </p>
  );
}

/** The filters; they stand in the address, so a link or the back button has them too. */
function Filters() {
  const { t } = useTranslation();
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const known = useQuery(gateways);
  const named = useGatewayName();
  const [q, setQ] = useState(search.q ?? "");
  const shown = useRef(search.q ?? "");
  useEffect(() => {
    if ((search.q ?? "") !== shown.current) setQ((shown.current = search.q ?? ""));
  }, [search.q]);
  useEffect(() => {
    const timer = setTimeout(() => {
      if (q === shown.current || location.pathname !== "/mailings") return; // or on the way to another screen
      shown.current = q;
      void navigate({ search: (old) => ({ ...old, q: q || undefined }), replace: true });
    }, SEARCH_AFTER_MS);
    return () => clearTimeout(timer);
  }, [q, navigate]);
  return (
    <Form role="search" className="row g-2 mb-3" onSubmit={(event) => event.preventDefault()}>
      <Form.Group className="col-12 col-md" controlId="filter-q">
        <Form.Label className="small mb-1">{t("mailings.search")}</Form.Label>
        <Form.Control type="search" value={q} onChange={(event) => setQ(event.target.value)} />
      </Form.Group>
      <Form.Group className="col-6 col-md-3" controlId="filter-status">
        <Form.Label className="small mb-1">{t("mailings.status")}</Form.Label>
        <Form.Select
          value={search.status ?? ""}
          onChange={({ target }) => {
            const status = STATUSES.find((each) => each === target.value);
            void navigate({ search: (old) => ({ ...old, status }) });
          }}
        >
          <option value="">{t("mailings.any")}</option>
          {STATUSES.map((each) => (
            <option key={each} value={each}>
              {each === "running" ? `${t("status.running")}, ${t("status.between")}` : t(`status.${each}`)}
            </option>
          ))}
        </Form.Select>
      </Form.Group>
      <Form.Group className="col-6 col-md-3" controlId="filter-gateway">
        <Form.Label className="small mb-1">{t("mailings.gateway")}</Form.Label>
        <Form.Select
          value={search.gateway ?? ""}
          onChange={({ target }) => {
            const gateway = target.value || undefined;
            void navigate({ search: (old) => ({ ...old, gateway }) });
          }}
        >
          <option value="">{t("mailings.any")}</option>
          {known.data?.map((each) => (
            <option key={each.name} value={each.name}>
              {named(each)}
            </option>
          ))}
        </Form.Select>
      </Form.Group>
    </Form>
  );
}

/** Takes the figures of mailings that the stream does not tell of, as they are over. */
function useFigures(pages: number): void {
  const store = useContext(StoreContext);
  useEffect(() => store.start(), [store]);
  useEffect(() => {
    const own = new AbortController();
    const load = async () => {
      let cursor: string | null = null;
      for (let page = 0; page < pages; page += 1) {
        const query: string = cursor ? `?cursor=${encodeURIComponent(cursor)}` : "";
        const answer = await fetch(`/public/v1/mailings${query}`, { signal: own.signal });
        if (!answer.ok) return;
        const found = (await answer.json()) as LivePage;
        store.take(found);
        cursor = found.next_cursor;
        if (!cursor) return;
      }
    };
    load().catch(() => undefined); // the list is there without figures too
    return () => own.abort();
  }, [pages, store]);
}
