import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { number } from "../../ui/format";
import { useDuration } from "../../ui/useDuration";
import { language } from "../../words";
import { type Fault, faultsOf } from "./health";
import type { Service } from "./services";
import { usePulse } from "./usePulse";

/** Whether one service is ready, what waits in it, and how old that is. */
export function Pulse({ service }: { service: Service }) {
  const { t } = useTranslation();
  const inWords = useDuration();
  const pulse = usePulse(service);
  const { state, outbox, measured } = pulse;
  const faults = faultsOf(pulse);
  const isWell = state === "ready" || state === "asked";
  const fact = (name: Name, value: string) => <Fact name={name} value={value} isBad={faults.some((each) => each === name)} />;
  const count = (name: Name, value: number) => fact(name, number(value, language()));
  return (
    <section className={`panel${isWell ? "" : " panel-warning"}`}>
      <h3 className="fs-6">{t(`operations.services.${service}`)}</h3>
      <p className={`condition condition-${state === "ready" ? "good" : "open"} mb-2`}>
        <span aria-hidden="true">{state === "ready" ? "✓" : state === "asked" ? "…" : "✕"}</span>{" "}
        {t(`operations.states.${state}`)}
      </p>
      <dl className="facts mb-0">
        {outbox && (
          <>
            {count("waiting", outbox.transactions)}
            {fact("oldest", outbox.age_s === null ? t("screen.none") : inWords(outbox.age_s))}
            {count("setAside", outbox.refused + outbox.held)}
          </>
        )}
        {measured && (
          <>
            {count("lag", measured.lag)}
            {count("deadLetters", measured.deadLetters)}
          </>
        )}
      </dl>
      {faults.includes("deadLetters") && <Aside service={service} kind="letters" />}
      {faults.includes("setAside") && <Aside service={service} kind="refused" />}
      {measured === null && <p className="form-text mb-0">{t("operations.noFigures")}</p>}
    </section>
  );
}

type Name = "waiting" | Exclude<Fault, "notReady" | "away">;

function Fact({ name, value, isBad }: { name: Name; value: string; isBad: boolean }) {
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
