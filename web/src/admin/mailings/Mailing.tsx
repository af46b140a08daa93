import "./mailings.css";

import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { Nav } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { SeriesPanel } from "../../live/series/SeriesPanel";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { useTitle } from "../../ui/useTitle";
import { mailing as mailingQuery, type Mailing as View, runs as runsQuery } from "./api";
import { Counts } from "./Counts";
import { Exports } from "./Exports";
import { Head } from "./Head";
import { History } from "./History";
import { Messages } from "./Messages";
import { Reasons } from "./Reasons";
import { Runs } from "./Runs";
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

function Shown({ mailing, problem, again }: { mailing: View; problem: unknown; again: () => void }) {
  const { t } = useTranslation();
  const { tab = "runs", run } = route.useSearch();
  const runs = useQuery(runsQuery(mailing.mailing_id));
  const newest = [...(runs.data ?? [])].sort((a, b) => b.created_at.localeCompare(a.created_at));
  const chosen = newest.find((each) => each.run_id === run) ?? newest[0];
  return (
    <>
      <Head mailing={mailing} isGoingOn={runs.data?.some((each) => each.finished_at === null) ?? true} />
      {problem !== null && <ProblemPanel error={problem} again={again} />}
      {newest[0] && <WhyLine mailing={mailing} run={newest[0]} />}
      <Counts mailing={mailing} run={chosen?.run_id} />
      {chosen && <OverTime mailing={mailing} run={chosen.run_id} />}
      <Tabs tab={tab} />
      <section aria-label={t(`tab.${tab}`)} className="py-3">
        {chosen && OF_MESSAGES.includes(tab) && <Exports run={chosen} />}
        {tab === "runs" && <Runs mailing={mailing} runs={newest} problem={runs.error} />}
        {tab === "messages" && <Messages runs={newest} run={chosen} />}
        {tab === "reasons" && <Reasons runs={newest} run={chosen} />}
        {tab === "text" && <Text mailing={mailing} />}
        {tab === "history" && <History mailingId={mailing.mailing_id} />}
      </section>
    </>
  );
}

function OverTime({ mailing, run }: { mailing: View; run: string }) {
  const { now } = useFigures(mailing, true);
  if (now === undefined) return null; // statistics have not heard of it yet: to ask them would be an error
  return <SeriesPanel mailingId={mailing.mailing_id} runId={run} changed={now} />;
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
