import { Link } from "@tanstack/react-router";
import { Offcanvas } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $dispatcher } from "../api/client";
import type { components } from "../api/types/dispatcher";
import { language } from "../words";
import { bounded } from "./bounded";
import { useClients } from "./clients";
import { number } from "./format";
import { Skeleton } from "./List";
import { ProblemPanel } from "./ProblemPanel";
import { ReasonText } from "./ReasonText";
import { Scrolled } from "./Scrolled";
import { Time } from "./Time";

type Attempt = components["schemas"]["AttemptView"];
type Message = components["schemas"]["MessageWithAttempts"];

/** A message with each of its attempts, and what the gateway said, as text. */
export function MessageDrawer({ id, onClose }: { id: string; onClose: () => void }) {
  const { t } = useTranslation();
  const found = $dispatcher.useQuery("get", "/v1/messages/{message_id}", {
    params: { path: { message_id: id } },
  });
  return (
    <Offcanvas show placement="end" onHide={onClose} aria-labelledby="message-title" className="message-drawer">
      <Offcanvas.Header closeButton closeLabel={t("close")}>
        <Offcanvas.Title as="h2" className="h5" id="message-title">
          {t("message.title")}
        </Offcanvas.Title>
      </Offcanvas.Header>
      <Offcanvas.Body>
        {found.error !== null && <ProblemPanel error={found.error} again={() => void found.refetch()} />}
        {found.isPending && <Skeleton rows={4} />}
        {found.data && (
          <>
            <dl className="facts">
              <dt>{t("message.id")}</dt>
              <dd>
                <code className="text-break">{found.data.message_id}</code>
              </dd>
              <dt>{t("messages.client")}</dt>
              <dd>
                <Who id={found.data.client_id} />
              </dd>
              <dt>{t("mailings.status")}</dt>
              <dd>
                <span className={`dot dot-${found.data.status}`} aria-hidden="true" />
                {t(`state.${found.data.status}`)}
                {found.data.reason && <>: <ReasonText code={found.data.reason} /></>}
              </dd>
              {found.data.next_attempt_at && (
                <>
                  <dt>{t("message.next")}</dt>
                  <dd>
                    <Time at={found.data.next_attempt_at} precision="second" />
                  </dd>
                </>
              )}
            </dl>
            <h3 className="h6 mt-4">{t("message.attempts")}</h3>
            {found.data.attempts_log.length === 0 && <NotTried message={found.data} />}
            <ol className="list-unstyled">
              {found.data.attempts_log.map((each) => (
                <AttemptItem key={each.attempt} attempt={each} />
              ))}
            </ol>
          </>
        )}
      </Offcanvas.Body>
    </Offcanvas>
  );
}

/** Whom it is for, by name and phone; a client that is deleted has none of them any more. */
function Who({ id }: { id: string }) {
  const client = useClients([id]).get(id);
  const said = [client?.full_name, client?.phone, client?.email].filter(Boolean).join(" · ");
  return (
    <Link to="/clients/$clientId" params={{ clientId: id }} title={id}>
      {said || <code className="text-break">{id}</code>}
    </Link>
  );
}

/** That nothing was tried: yet, or for which reason it never will be. */
function NotTried({ message: { status, reason } }: { message: Message }) {
  const { t } = useTranslation();
  const isOpen = status === "planned" || status === "retry";
  if (isOpen) return <p>{t("message.noAttempts")}</p>;
  return (
    <p>
      {t("message.neverTried")}
      {reason && <>: <ReasonText code={reason} /></>}
    </p>
  );
}

function AttemptItem({ attempt }: { attempt: Attempt }) {
  const { t } = useTranslation();
  const answer = attempt.answer ? bounded(attempt.answer) : null; // an empty one says nothing
  return (
    <li className="border rounded p-2 mb-2" data-attempt={attempt.attempt}>
      <p className="mb-1 fw-semibold">
        #{number(attempt.attempt, language())} · {t(`attemptKind.${attempt.kind}`)}
        {attempt.outcome && <> · {t(`outcome.${attempt.outcome}`)}</>}
        {attempt.status_code !== null && <> · {attempt.status_code}</>}
      </p>
      <p className="mb-1">
        <Time at={attempt.started_at} precision="second" />
        {attempt.latency_ms !== null && (
          <> · {t("message.took", { ms: number(Math.round(attempt.latency_ms), language()) })}</>
        )}
      </p>
      {attempt.reason && (
        <p className="mb-1">
          <ReasonText code={attempt.reason} />
        </p>
      )}
      {attempt.gateway_message_id && (
        <p className="mb-1">
          {t("message.gatewayId")} <code className="text-break">{attempt.gateway_message_id}</code>
        </p>
      )}
      {answer && (
        <>
          <Scrolled className="answer border rounded p-2 mb-0" label={t("message.answer")}>
            {answer.text}
          </Scrolled>
          {answer.isCut && <p className="small mb-0">{t("message.cut")}</p>}
        </>
      )}
    </li>
  );
}
