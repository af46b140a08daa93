import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, $dispatcher, $scheduler, $stats } from "../../api/client";
import { token } from "../../api/token";
import type { components } from "../../api/types/catalog";
import { number, rate } from "../../ui/format";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { Skeleton } from "../../ui/List";
import { useTitle } from "../../ui/useTitle";
import { pulseOf, samplesOf } from "./metrics";
import "./words";

type About = components["schemas"]["AboutView"];

const SERVICES = ["catalog", "scheduler", "dispatcher", "stats"] as const;
type Service = (typeof SERVICES)[number];
const EVERY_MS = 5000;

/** Whether the services are well, how far behind they are, and what they are set to. */
export function Operations() {
  const { t } = useTranslation();
  useTitle(t("operations.title"));
  return (
    <>
      <h1 className="h4">{t("operations.title")}</h1>
      <p className="text-body-secondary">{t("operations.help")}</p>
      <div className="services">
        {SERVICES.map((each) => (
          <Pulse key={each} service={each} />
        ))}
      </div>
      <h2 className="fs-5">{t("operations.settings")}</h2>
      <p className="text-body-secondary">{t("operations.settingsHelp")}</p>
      <CatalogAbout />
      <SchedulerAbout />
      <DispatcherAbout />
      <StatsAbout />
    </>
  );
}

async function ask(service: Service, path: string): Promise<Response> {
  const shown = token.get();
  const headers = shown ? { Authorization: `Bearer ${shown}` } : undefined;
  return fetch(`/api/${service}/${path}`, { headers });
}

/** Whether one service is ready, and what it measures of itself. */
function Pulse({ service }: { service: Service }) {
  const { t } = useTranslation();
  const ready = useQuery({
    queryKey: ["readyz", service],
    queryFn: async () => (await ask(service, "readyz")).ok,
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const pulse = useQuery({
    queryKey: ["metrics", service],
    queryFn: async () => {
      const answer = await ask(service, "metrics");
      return answer.ok ? pulseOf(samplesOf(await answer.text())) : null;
    },
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const known = ready.data !== undefined && ready.error === null;
  const state = known ? (ready.data ? "ready" : "notReady") : ready.isPending ? "asked" : "away";
  const found = pulse.data;
  const facts: [string, string, boolean][] = found
    ? [
        ["waiting", number(found.waiting, language()), false],
        ["oldest", t("operations.seconds", { seconds: rate(found.oldestS, language()) }), found.oldestS > 10],
        ["setAside", number(found.setAside, language()), found.setAside > 0],
        ["lag", number(found.lag, language()), found.lag > 100_000],
        ["deadLetters", number(found.deadLetters, language()), found.deadLetters > 0],
      ]
    : [];
  return (
    <section className={`panel${state === "ready" || state === "asked" ? "" : " panel-warning"}`}>
      <h3 className="fs-6">{t(`operations.services.${service}`)}</h3>
      <p className={`condition condition-${state === "ready" ? "good" : "open"} mb-2`} role="status">
        <span aria-hidden="true">{state === "ready" ? "✓" : state === "asked" ? "…" : "✕"}</span>{" "}
        {t(`operations.states.${state}`)}
      </p>
      <dl className="facts mb-0">
        {facts.map(([name, value, isBad]) => (
          <div key={name} className="fact">
            <dt>{t(`operations.${name}`)}</dt>
            <dd className={`tabular${isBad ? " field-problem m-0 fw-semibold" : ""}`}>{value}</dd>
          </div>
        ))}
      </dl>
      {found && found.deadLetters + found.setAside > 0 && (
        <p className="form-text mb-0">{t("operations.deadHelp")}</p>
      )}
      {pulse.data === null && <p className="form-text mb-0">{t("operations.noFigures")}</p>}
    </section>
  );
}

const CatalogAbout = () => <Settings service="catalog" found={$catalog.useQuery("get", "/v1/about")} />;
const SchedulerAbout = () => <Settings service="scheduler" found={$scheduler.useQuery("get", "/v1/about")} />;
const DispatcherAbout = () => <Settings service="dispatcher" found={$dispatcher.useQuery("get", "/v1/about")} />;
const StatsAbout = () => <Settings service="stats" found={$stats.useQuery("get", "/v1/about")} />;

interface Found {
  data?: About;
  error: unknown;
  isPending: boolean;
  refetch: () => unknown;
}

/** What one service is and is set to, shown when it is asked for. */
function Settings({ service, found }: { service: Service; found: Found }) {
  const { t } = useTranslation();
  const [isOpen, setOpen] = useState(false);
  const about = found.data;
  const id = `settings-${service}`;
  return (
    <section className="panel">
      <div className="screen-head mb-0">
        <h3 className="fs-6 me-auto mb-0">{t(`operations.services.${service}`)}</h3>
        <a href={`/api/${service}/docs`} target="_blank" rel="noreferrer">
          {t("operations.docs")}
        </a>
        <Button
          size="sm"
          variant="outline-secondary"
          aria-expanded={isOpen}
          aria-controls={id}
          aria-label={t(isOpen ? "operations.hideOf" : "operations.showOf", { service })}
          onClick={() => setOpen(!isOpen)}
        >
          {t(isOpen ? "operations.hide" : "operations.show")}
        </Button>
      </div>
      {found.isPending && <Skeleton rows={1} />}
      {found.error !== null && <ProblemPanel error={found.error} again={() => void found.refetch()} />}
      {about && (
        <p className="text-body-secondary mb-0">
          {t("operations.release", { version: about.version, tzdata: about.tzdata })} ·{" "}
          {t("operations.since")} <Time at={about.started_at} />
        </p>
      )}
      <div id={id} hidden={!isOpen}>
        {about && (
          <>
            <h4 className="fs-6 mt-3">{t("operations.limits")}</h4>
            <Pairs of={about.limits} />
            <h4 className="fs-6 mt-3">{t("operations.inForce")}</h4>
            <Pairs of={about.settings} />
          </>
        )}
      </div>
    </section>
  );
}

function Pairs({ of }: { of: Record<string, string | number | null> }) {
  const { t } = useTranslation();
  return (
    <dl className="facts">
      {Object.entries(of).map(([name, value]) => (
        <div key={name} className="fact">
          <dt>
            <code>{name}</code>
          </dt>
          <dd>{value === null || value === "" ? t("screen.none") : String(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
