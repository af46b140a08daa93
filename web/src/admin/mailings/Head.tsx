import { getRouteApi } from "@tanstack/react-router";
import { useContext, useEffect, useState } from "react";
import { Button, Spinner } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { StoreContext } from "../../live/hooks";
import { LinkBadge } from "../../live/LinkBadge";
import { statusOfMailing } from "../../ui/status";
import { StatusBadge } from "../../ui/StatusBadge";
import { Time } from "../../ui/Time";
import { useDuration } from "../../ui/useDuration";
import type { Mailing } from "./api";
import { TestSend } from "./TestSend";
import { useGoTo, useVerb } from "./useVerb";
import { isFinal, type Shown, verbsOf } from "./verbs";

const LOOKS: Partial<Record<Shown, string>> = { start: "success", resume: "success", run: "success" };

/** The name of a mailing, where it stands, and all that can be done with it now. */
export function Head({ mailing, isGoingOn }: { mailing: Mailing; isGoingOn: boolean }) {
  const { t } = useTranslation();
  const navigate = getRouteApi("/mailings/$id").useNavigate();
  const store = useContext(StoreContext);
  useEffect(() => store.start(), [store]);
  const verb = useVerb(() => navigate({ to: "/mailings" }));
  const goTo = useGoTo();
  const [isTesting, setTesting] = useState(false);
  const pending = verb.pending?.verb;
  const allowed = verbsOf(mailing);
  const shown: readonly Shown[] = allowed.includes("copy") ? allowed : [...allowed, "copy"];
  const press = (wanted: Shown) =>
    wanted === "edit" || wanted === "copy" ? goTo(wanted, mailing.mailing_id) : verb.ask(wanted, mailing);
  return (
    <header className="mb-3">
      <div className="d-flex flex-wrap align-items-baseline gap-3">
        <h1 className="h4 mb-1 text-break">{mailing.name}</h1>
        <StatusBadge status={statusOfMailing(mailing, isGoingOn)} />
        <span className="small text-body-secondary">{t("mailing.version", { version: mailing.version })}</span>
        <div className="ms-md-auto">
          <LinkBadge />
        </div>
      </div>
      <Facts mailing={mailing} />
      <div className="d-flex flex-wrap gap-2 mt-2" role="group" aria-label={t("mailing.verbs")}>
        {shown.map((each) => (
          <Button
            key={each}
            data-verb={each}
            size="sm"
            variant={isFinal(each) ? "outline-danger" : (LOOKS[each] ?? "outline-primary")}
            disabled={pending !== undefined}
            onClick={() => press(each)}
          >
            {pending === each && <Spinner size="sm" aria-hidden className="me-1" />}
            {t(`verb.${each}`)}
            {isFinal(each) && "…"}
          </Button>
        ))}
        <Button size="sm" variant="outline-secondary" onClick={() => setTesting(true)}>
          {t("testSend.open")}
        </Button>
      </div>
      {verb.problem && <div className="mt-2">{verb.problem}</div>}
      {verb.dialog}
      {isTesting && <TestSend tested={mailing} onClose={() => setTesting(false)} />}
    </header>
  );
}

function Facts({ mailing }: { mailing: Mailing }) {
  const { t } = useTranslation();
  const inWords = useDuration();
  const length = (Date.parse(mailing.ends_at) - Date.parse(mailing.starts_at)) / 1_000;
  return (
    <>
      <p className="mb-0">
        <Time at={mailing.starts_at} /> – <Time at={mailing.ends_at} />{" "}
        <span className="text-body-secondary">({inWords(length)})</span>
      </p>
      <p className="mb-0 text-body-secondary">
        {t("mailing.gateway", { gateway: mailing.gateway })} · {t(`priority.${mailing.priority}`)} ·{" "}
        {t(`class.${mailing.message_class}`)}
        {mailing.topic && <> · {t("mailing.topic", { topic: mailing.topic })}</>}
        {mailing.schedule && <> · {t("mailings.recurs")}</>}
      </p>
      {mailing.status === "paused" && mailing.paused_at && (
        <p className="mb-0">
          {t("mailing.pausedSince")} <Time at={mailing.paused_at} precision="second" />
          {mailing.paused_by && <>, {mailing.paused_by}</>}
        </p>
      )}
      {mailing.missed_reason && (
        <p className="mb-0 text-warning-emphasis">{t(`missed.${mailing.missed_reason}`)}</p>
      )}
    </>
  );
}
