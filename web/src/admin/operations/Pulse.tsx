import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { token } from "../../api/token";
import { number } from "../../ui/format";
import { useDuration } from "../../ui/useDuration";
import { language } from "../../words";
import { pulseOf, samplesOf } from "./metrics";
import { of, type Service } from "./services";

const EVERY_MS = 5000;
const OLD_S = 10; // an event that waits longer to be published
const FAR_BEHIND = 100_000; // records

async function ask(service: Service, path: string): Promise<Response> {
  const shown = token.get();
  const headers = shown ? { Authorization: `Bearer ${shown}` } : undefined;
  return fetch(`/api/${service}/${path}`, { headers });
}

/** Whether one service is ready, what waits in it, and how old that is. */
export function Pulse({ service }: { service: Service }) {
  const { t } = useTranslation();
  const ready = useQuery({
    queryKey: ["readyz", service],
    queryFn: async () => (await ask(service, "readyz")).ok,
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const known = ready.data !== undefined && ready.error === null;
  const state = known ? (ready.data ? "ready" : "notReady") : ready.isPending ? "asked" : "away";
  const isWell = state === "ready" || state === "asked";
  return (
    <section className={`panel${isWell ? "" : " panel-warning"}`}>
      <h3 className="fs-6">{t(`operations.services.${service}`)}</h3>
      <p className={`condition condition-${state === "ready" ? "good" : "open"} mb-2`} role="status">
        <span aria-hidden="true">{state === "ready" ? "✓" : state === "asked" ? "…" : "✕"}</span>{" "}
        {t(`operations.states.${state}`)}
      </p>
      <Figures service={service} />
    </section>
  );
}

function Figures({ service }: { service: Service }) {
  const { t } = useTranslation();
  const inWords = useDuration();
  const outbox = useQuery({
    queryKey: ["outbox", service],
    queryFn: async () => (await of(service).GET("/v1/outbox")).data!,
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const measured = useQuery({
    queryKey: ["metrics", service],
    queryFn: async () => {
      const answer = await ask(service, "metrics");
      return answer.ok ? pulseOf(samplesOf(await answer.text())) : null;
    },
    refetchInterval: EVERY_MS,
    retry: false,
  });
  const waits = outbox.data;
  const letters = measured.data?.deadLetters ?? 0;
  return (
    <>
      <dl className="facts mb-0">
        {waits && (
          <>
            <Fact name="waiting" value={number(waits.transactions, language())} />
            <Fact
              name="oldest"
              value={waits.age_s === null ? t("screen.none") : inWords(waits.age_s)}
              isBad={(waits.age_s ?? 0) > OLD_S}
            />
            <Fact name="setAside" value={number(waits.refused + waits.held, language())} isBad={waits.refused > 0} />
          </>
        )}
        {measured.data && (
          <>
            <Fact name="lag" value={number(measured.data.lag, language())} isBad={measured.data.lag > FAR_BEHIND} />
            <Fact name="deadLetters" value={number(letters, language())} isBad={letters > 0} />
          </>
        )}
      </dl>
      {letters > 0 && <Aside service={service} kind="letters" />}
      {waits && waits.refused > 0 && <Aside service={service} kind="refused" />}
      {measured.data === null && <p className="form-text mb-0">{t("operations.noFigures")}</p>}
    </>
  );
}

function Fact({ name, value, isBad = false }: { name: string; value: string; isBad?: boolean }) {
  const { t } = useTranslation();
  return (
    <div className="fact">
      <dt>{t(`operations.${name}`)}</dt>
      <dd className={`tabular${isBad ? " field-problem m-0 fw-semibold" : ""}`}>{value}</dd>
    </div>
  );
}

function Aside({ service, kind }: { service: Service; kind: "letters" | "refused" }) {
  const { t } = useTranslation();
  return (
    <p className="mb-0 mt-2">
      <Link to="/operations/set-aside" search={{ service, kind }}>
        {t(`operations.toDecide.${kind}`)}
      </Link>
    </p>
  );
}
