import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, $dispatcher, $scheduler, $stats } from "../../api/client";
import type { components } from "../../api/types/catalog";
import { Skeleton } from "../../ui/List";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { Health } from "./Health";
import { Pulse } from "./Pulse";
import { type Service, SERVICES } from "./services";
import "./words";

type About = components["schemas"]["AboutView"];

/** Whether the services are well, how far behind they are, and what they are set to. */
export function Operations() {
  const { t } = useTranslation();
  useTitle(t("operations.title"));
  return (
    <>
      <h1 className="h4">{t("operations.title")}</h1>
      <Health />
      <p className="text-body-secondary">{t("operations.help")}</p>
      <div className="services">
        {SERVICES.map((each) => (
          <Pulse key={each} service={each} />
        ))}
      </div>
      <p>
        <Link to="/operations/set-aside">{t("setAside.title")}</Link>
      </p>
      <h2 className="fs-5">{t("operations.settings")}</h2>
      <p className="text-body-secondary">{t("operations.settingsHelp")}</p>
      <CatalogAbout />
      <SchedulerAbout />
      <DispatcherAbout />
      <StatsAbout />
    </>
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
