import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import { Confirm } from "../../ui/Confirm";
import { Skeleton } from "../../ui/List";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { ReasonText } from "../../ui/ReasonText";
import { Scrolled } from "../../ui/Scrolled";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { ConditionBadge } from "./ConditionBadge";
import { Limits } from "./Limits";
import { conditionOf, type GatewayView } from "./limits";
import { GatewayTest } from "./GatewayTest";
import { Replicas } from "./Replicas";
import "./words";

const route = getRouteApi("/gateways/$name");

/** One gateway: whether it sends, why not, and how fast it may. */
export function GatewayScreen() {
  const { t } = useTranslation();
  const { name } = route.useParams();
  useTitle(name);
  const found = $dispatcher.useQuery(
    "get",
    "/v1/gateways/{name}",
    { params: { path: { name } } },
    { refetchInterval: 3000 },
  );
  const isGone = Problem.of(found.error).isGone;
  return (
    <>
      <p className="mb-2">
        <Link to="/gateways">{t("gateways.title")}</Link>
      </p>
      {found.isPending && <Skeleton rows={6} />}
      {isGone && <h1 className="h4">{t("gateways.gone")}</h1>}
      {found.error !== null && !isGone && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.data && <Known gateway={found.data} />}
    </>
  );
}

function Known({ gateway }: { gateway: GatewayView }) {
  const { t } = useTranslation();
  const condition = conditionOf(gateway, new Date());
  return (
    <>
      <div className="screen-head">
        <h1 className="h4 text-break">{gateway.name}</h1>
        <Switch gateway={gateway} />
      </div>
      <section className={condition === "good" ? "panel" : "panel panel-warning"}>
        <p className="mb-2">
          <ConditionBadge gateway={gateway} /> – {t(`gateways.brief.${condition}`)}
        </p>
        {condition !== "good" && <p>{t(`gateways.meanwhile.${condition}`)}</p>}
        <dl className="facts">
          {gateway.problem && (
            <>
              <dt>{t("gateways.problem")}</dt>
              <dd>
                <Problems of={gateway} />
              </dd>
            </>
          )}
          {gateway.breaker_reason && (
            <>
              <dt>{t("gateways.why")}</dt>
              <dd>
                <ReasonText code={gateway.breaker_reason} />
              </dd>
            </>
          )}
          {gateway.next_probe_at && (
            <>
              <dt>{t("gateways.probe")}</dt>
              <dd>
                <Time at={gateway.next_probe_at} precision="second" />
              </dd>
            </>
          )}
          {gateway.waits_until && (
            <>
              <dt>{t("gateways.waits")}</dt>
              <dd>
                <Time at={gateway.waits_until} precision="second" />
              </dd>
            </>
          )}
          <dt>{t("gateways.kind")}</dt>
          <dd>{gateway.kind}</dd>
          <dt>{t("gateways.needs")}</dt>
          <dd>{t(`gateways.contacts.${gateway.contact ?? "none"}`)}</dd>
          <dt>{t("gateways.repeats")}</dt>
          <dd>{t(gateway.idempotent ? "gateways.recognises" : "gateways.doesNotRecognise")}</dd>
          <dt>{t("gateways.changed")}</dt>
          <dd>
            <Time at={gateway.changed_at} /> · {t("gateways.version", { version: gateway.version })}
          </dd>
        </dl>
      </section>
      <Replicas of={gateway.replicas} together={gateway.together} />
      <Limits gateway={gateway} />
      <GatewayTest gateway={gateway} />
      <section className="panel">
        <h2>{t("gateways.description")}</h2>
        <Scrolled className="answer mb-0" label={t("gateways.description")}>
          {JSON.stringify(gateway.description, null, 2)}
        </Scrolled>
      </section>
    </>
  );
}

/** What keeps which senders from using it. */
function Problems({ of }: { of: GatewayView }) {
  const { t } = useTranslation();
  return (
    <ul className="list-unstyled mb-0">
      {of.problems.map(({ replica, problem }, place) => (
        <li key={place} data-problem={replica}>
          {t("gateways.onReplica", { replica: replica ?? t("gateways.someReplica"), problem })}
        </li>
      ))}
    </ul>
  );
}

/** Pause or resume, whichever is possible; a pause asks, as it holds up all mailings of the gateway. */
function Switch({ gateway }: { gateway: GatewayView }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [isAsking, setAsking] = useState(false);
  const params = {
    path: { name: gateway.name },
    header: { "If-Match": `"${gateway.version}"` },
  };
  const done = {
    onSettled: () => queries.invalidateQueries({ queryKey: ["get", "/v1/gateways/{name}"] }),
    onSuccess: () => setAsking(false),
  };
  const pause = $dispatcher.useMutation("post", "/v1/gateways/{name}/pause", done);
  const resume = $dispatcher.useMutation("post", "/v1/gateways/{name}/resume", done);
  return (
    <>
      {gateway.is_paused ? (
        <Button disabled={resume.isPending} onClick={() => resume.mutate({ params })}>
          {t("gateways.resume")}
        </Button>
      ) : (
        <Button variant="outline-primary" onClick={() => setAsking(true)}>
          {t("gateways.pause")}
        </Button>
      )}
      {resume.error !== null && <ProblemPanel error={resume.error} />}
      {isAsking && (
        <Confirm
          title={t("gateways.pauseTitle", { name: gateway.name })}
          go={t("gateways.pauseNow")}
          isBusy={pause.isPending}
          error={pause.error}
          onGo={() => pause.mutate({ params })}
          onClose={() => {
            pause.reset();
            setAsking(false);
          }}
        >
          <p className="mb-0">{t("gateways.pauseHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
