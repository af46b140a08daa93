import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import type { components } from "../../api/types/dispatcher";
import { List } from "../../ui/List";
import { MessageDrawer } from "../../ui/MessageDrawer";
import { ReasonText } from "../../ui/ReasonText";
import { Time } from "../../ui/Time";
import { usePages } from "../../ui/usePages";

type Message = components["schemas"]["MessageView"];
type State = components["schemas"]["State"];

const STATES: readonly State[] = [
  "planned",
  "retry",
  "delivered",
  "failed",
  "expired",
  "cancelled",
  "undetermined",
  "suppressed",
];

const route = getRouteApi("/clients/$clientId");

/** What was and will be sent to a client, the newest run first. */
export function ClientMessages({ clientId }: { clientId: string }) {
  const { t } = useTranslation();
  const [status, setStatus] = useState<State | "">("");
  const { message: opened } = route.useSearch();
  const go = route.useNavigate();
  const found = usePages(["messages", clientId, status], (cursor, signal) => {
    const query = { client_id: clientId, status: status || undefined, limit: 50, cursor };
    return dispatcher.GET("/v1/messages", { params: { query }, signal });
  });
  return (
    <section className="panel">
      <h2>{t("clients.messages")}</h2>
      <Form.Select
        className="w-auto mb-3"
        aria-label={t("clients.status")}
        value={status}
        onChange={(event) => setStatus(event.target.value as State | "")}
      >
        <option value="">{t("clients.allStatuses")}</option>
        {STATES.map((each) => (
          <option key={each} value={each}>
            {t(`state.${each}`)}
          </option>
        ))}
      </Form.Select>
      <List<Message>
        found={found}
        label={t("clients.messages")}
        head={["mailing", "status", "attempts", "last", "reason"].map((each) => t(`clients.${each}`))}
        row={(each) => <Row key={each.message_id} message={each} />}
        empty={<p>{t(status ? "clients.noSuchMessage" : "clients.noMessage")}</p>}
      />
      {opened && <MessageDrawer id={opened} onClose={() => void go({ search: {}, resetScroll: false })} />}
    </section>
  );
}

function Row({ message }: { message: Message }) {
  const { t } = useTranslation();
  return (
    <tr>
      <th scope="row">
        <Link from="/clients/$clientId" to="." search={{ message: message.message_id }} resetScroll={false}>
          <MailingName mailingId={message.mailing_id} />
        </Link>
      </th>
      <td data-label={t("clients.status")}>{t(`state.${message.status}`)}</td>
      <td className="tabular" data-label={t("clients.attempts")}>
        {message.attempts}
      </td>
      <td data-label={t("clients.last")}>
        {message.last_attempt_at && <Time at={message.last_attempt_at} precision="second" />}
      </td>
      <td data-label={t("clients.reason")}>{message.reason && <ReasonText code={message.reason} />}</td>
    </tr>
  );
}

/** The name of a mailing; of one that was deleted its number. */
function MailingName({ mailingId }: { mailingId: string }) {
  const { t } = useTranslation();
  const found = $catalog.useQuery(
    "get",
    "/v1/mailings/{mailing_id}",
    { params: { path: { mailing_id: mailingId } } },
    { staleTime: 60_000, retry: false },
  );
  const id = mailingId.slice(0, 8);
  return <>{found.data?.name ?? (Problem.of(found.error).isGone ? t("clients.deletedMailing", { id }) : id)}</>;
}
