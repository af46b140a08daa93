import "./mailings.css";

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef } from "react";
import { Nav } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { useLive } from "../../live/hooks";
import { SeriesPanel } from "../../live/series/SeriesPanel";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { asItIsNow } from "../../ui/status";
import { useTitle } from "../../ui/useTitle";
import { mailing as mailingQuery, type Mailing as View, type Run, runs as runsQuery, WHY } from "./api";
import { Counts } from "./Counts";
import { Exports } from "./Exports";
import { Failing, useFailing } from "./Failing";
import { Head } from "./Head";
import { History } from "./History";
import { Messages } from "./Messages";
import { Planned } from "./Planned";
import { Reasons } from "./Reasons";
import { RunChoice } from "./RunChoice";
import { Runs } from "./Runs";
import { mainOf, newestFirst, noRun } from "./runs";
import { type Tab, TABS } from "./search";
import { Text } from "./Text";
import { useFigures } from "./useFigures";
import { WhyLine } from "./WhyLine";

const route = getRouteApi("/mailings/$id");
const OF_MESSAGES: readonly Tab[] = ["runs", "messages", "reasons"];

/** One mailing: what it is, what can be done with it, and what became of its messages. */
export function Mailing() {
  const { t } = useTranslation();
  const { id } = route.useParams();
  const found = useQuery(mailingQuery(id));
  useTitle(found.data?.name ?? t("nav.mailings"));
  if (found.data === undefined) {
    if (found.error === null) return <p role="status">{t("loading")}</p>;
    const { isGone } = Problem.of(found.error);
    return (
      <>
        <h1 className="h4">{t(isGone ? "mailing.gone" : "mailing.failed")}</h1>
        {isGone ? (
          <p>{t("mailing.goneHelp")}</p>
        ) : (
          <ProblemPanel error={found.error} again={() => void found.refetch()} />
        )}
        <Link to="/mailings">{t("notFound.back")}</Link>
      </>
    );
  }
  return <Shown mailing={found.data} problem={found.error} again={() => void found.refetch()} />;
}

function Shown({ mailing: found, problem, again }: { mailing: View; problem: unknown; again: () => void }) {
  const { t } = useTranslation();
  const { tab = "runs", run } = route.useSearch();
  const mailing = useAsItIsNow(found);
  const runs = useQuery(runsQuery(mailing.mailing_id));
  const newest = newestFirst(runs.data ?? []);
  const chosen = newest.find((each) => each.run_id === run); // none: all of them
  const meant = chosen ?? mainOf(newest);
  const failing = useFailing(mailing, meant);
  return (
    <>
      <Head mailing={mailing} isGoingOn={runs.data?.some((each) => each.finished_at === null) ?? true} />
      {problem !== null && <ProblemPanel error={problem} again={again} />}
      {failing && <Failing mailing={mailing} failing={failing} />}
      {meant && <WhyLine mailing={mailing} run={meant} isFailing={failing !== null} />}
      {mailing.status === "created" && newest.length === 0 ? (
        <Planned mailing={mailing} />
      ) : (
        <Counts mailing={mailing} run={chosen} hasRun={newest.length > 0} />
      )}
      {meant && <OverTime mailing={mailing} runs={newest} run={meant} />}
      <Tabs tab={tab} />
      <section aria-label={t(`tab.${tab}`)} className="py-3">
        {OF_MESSAGES.includes(tab) && runs.isPending && <p role="status">{t("loading")}</p>}
        {OF_MESSAGES.includes(tab) && !runs.isPending && (
          <>
            <Exports mailing={mailing} runs={newest} run={chosen} />
            {tab === "runs" && <Runs mailing={mailing} runs={newest} problem={runs.error} />}
            {tab === "messages" && <Messages mailing={mailing} runs={newest} run={chosen} />}
            {tab === "reasons" && (meant ? <Reasons runs={newest} run={meant} /> : <p>{t(noRun(mailing.status))}</p>)}
          </>
        )}
        {tab === "text" && <Text mailing={mailing} />}
        {tab === "history" && <History mailingId={mailing.mailing_id} />}
      </section>
    </>
  );
}

/** A mailing as it is now; what is asked for from time to time is asked for as soon as live figures say that something has changed. */
function useAsItIsNow(mailing: View): View {
  const queries = useQueryClient();
  const { mailing_id: id } = mailing;
  const live = useLive().mailings.get(id);
  const state = live && `${live.status} ${live.run.number}`;
  const seen = useRef(state);
  useEffect(() => {
    const isNew = seen.current !== undefined && seen.current !== state;
    seen.current = state;
    if (!isNew) return;
    for (const { queryKey } of [mailingQuery(id), runsQuery(id), { queryKey: WHY }]) void queries.invalidateQueries({ queryKey });
  }, [queries, id, state]);
  return asItIsNow(mailing, live);
}

function OverTime({ mailing, runs, run }: { mailing: View; runs: readonly Run[]; run: Run }) {
  const { now } = useFigures(mailing, true);
  if (now === undefined) return null; // statistics have not heard of it yet: to ask them would be an error
  return (
    <SeriesPanel
      mailingId={mailing.mailing_id}
      runId={run.run_id}
      changed={now}
      of={<RunChoice runs={runs} run={run} isInline />}
    />
  );
}

function Tabs({ tab }: { tab: Tab }) {
  const { t } = useTranslation();
  return (
    <Nav as="nav" variant="tabs" aria-label={t("tab.label")}>
      {TABS.map((each) => (
        <Nav.Item key={each}>
          <Link
            from="/mailings/$id"
            to="."
            search={(old) => ({ tab: each, run: old.run })}
            className={`nav-link${each === tab ? " active" : ""}`}
            aria-current={each === tab ? "page" : undefined}
            resetScroll={false}
          >
            {t(`tab.${each}`)}
          </Link>
        </Nav.Item>
      ))}
    </Nav>
  );
}
