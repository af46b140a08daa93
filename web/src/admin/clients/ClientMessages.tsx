import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, dispatcher } from "../../api/client";
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

/** What was and will be sent to a client, the newest run first. */
export function ClientMessages({ clientId }: { clientId: string }) {
  const { t } = useTranslation();
  const [status, setStatus] = useState<State | "">("");
  const [opened, setOpened] = useState<string>();
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
        row={(each) => <Row key={each.message_id} message={each} open={() => setOpened(each.message_id)} />}
        empty={<p>{t(status ? "clients.noSuchMessage" : "clients.noMessage")}</p>}
      />
      {opened && <MessageDrawer id={opened} onClose={() => setOpened(undefined)} />}
    </section>
  );
}

function Row({ message, open }: { message: Message; open: () => void }) {
  const { t } = useTranslation();
  return (
    <tr>
      <th scope="row">
        <Button variant="link" className="p-0 text-start" onClick={open}>
          <MailingName mailingId={message.mailing_id} />
        </Button>
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

/** The name of a mailing; of one that the catalog does not show (any more) its number. */
function MailingName({ mailingId }: { mailingId: string }) {
  const found = $catalog.useQuery(
    "get",
    "/v1/mailings/{mailing_id}",
    { params: { path: { mailing_id: mailingId } } },
    { staleTime: 60_000, retry: false },
  );
  return <>{found.data?.name ?? mailingId.slice(0, 8)}</>;
}
