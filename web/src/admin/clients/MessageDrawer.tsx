import { Offcanvas } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $dispatcher } from "../../api/client";
import type { components } from "../../api/types/dispatcher";
import { rate } from "../../ui/format";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { Skeleton } from "../parts/List";

type Attempt = components["schemas"]["AttemptView"];

/** One message with all that was tried; what a gateway answered stays text. */
export function MessageDrawer({ messageId, onClose }: { messageId: string; onClose: () => void }) {
  const { t } = useTranslation();
  const found = $dispatcher.useQuery("get", "/v1/messages/{message_id}", {
    params: { path: { message_id: messageId } },
  });
  return (
    <Offcanvas show placement="end" onHide={onClose} aria-labelledby="message-title">
      <Offcanvas.Header closeButton closeLabel={t("parts.close")}>
        <Offcanvas.Title as="h2" className="h5" id="message-title">
          {t("clients.message")}
        </Offcanvas.Title>
      </Offcanvas.Header>
      <Offcanvas.Body>
        {found.isPending && <Skeleton rows={4} />}
        {found.error !== null && (
          <ProblemPanel error={found.error} again={() => void found.refetch()} />
        )}
        {found.data && (
          <>
            <dl className="facts mb-3">
              <dt>{t("clients.status")}</dt>
              <dd>{t(`clients.states.${found.data.status}`)}</dd>
              {found.data.reason && (
                <>
                  <dt>{t("clients.reason")}</dt>
                  <dd>{found.data.reason}</dd>
                </>
              )}
              {found.data.next_attempt_at && (
                <>
                  <dt>{t("clients.next")}</dt>
                  <dd>
                    <Time at={found.data.next_attempt_at} precision="second" />
                  </dd>
                </>
              )}
            </dl>
            {found.data.attempts_log.length === 0 && <p>{t("clients.noAttempt")}</p>}
            {found.data.attempts_log.map((each, at) => (
              <AttemptPart key={at} attempt={each} />
            ))}
          </>
        )}
      </Offcanvas.Body>
    </Offcanvas>
  );
}

function AttemptPart({ attempt }: { attempt: Attempt }) {
  const { t } = useTranslation();
  return (
    <section className="mb-3">
      <h3 className="fs-6">{t("clients.attempt", { number: attempt.attempt })}</h3>
      <dl className="facts">
        <dt>{t("clients.began")}</dt>
        <dd>
          <Time at={attempt.started_at} precision="second" />
        </dd>
        <dt>{t("clients.outcome")}</dt>
        <dd>
          {attempt.outcome ? t(`clients.outcomes.${attempt.outcome}`) : t("clients.underWay")}
          {attempt.status_code !== null && ` (${attempt.status_code})`}
        </dd>
        {attempt.latency_ms !== null && (
          <>
            <dt>{t("clients.took")}</dt>
            <dd className="tabular">{t("clients.ms", { ms: rate(attempt.latency_ms, language()) })}</dd>
          </>
        )}
        {attempt.reason && (
          <>
            <dt>{t("clients.reason")}</dt>
            <dd>{attempt.reason}</dd>
          </>
        )}
        {attempt.gateway_message_id && (
          <>
            <dt>{t("clients.gatewayId")}</dt>
            <dd>{attempt.gateway_message_id}</dd>
          </>
        )}
      </dl>
      {attempt.answer && (
        <pre className="answer mt-2 mb-0" tabIndex={0} aria-label={t("clients.answer")}>
          {attempt.answer}
        </pre>
      )}
    </section>
  );
}
