import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { type Client, clientOf, useClients } from "../../ui/clients";
import { number } from "../../ui/format";
import { MessageDrawer } from "../../ui/MessageDrawer";
import { phoneOf } from "../../ui/phone";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { ReasonText } from "../../ui/ReasonText";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { type Message, messagesPage, type Run } from "./api";
import { RunChoice } from "./RunChoice";
import { MESSAGE_STATES } from "./search";

const route = getRouteApi("/mailings/$id");
const REFRESHED_MS = 5_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** The messages of a run, by their state; one opens beside them with all its attempts. */
export function Messages({ runs, run }: { runs: readonly Run[]; run: Run | undefined }) {
  const { t } = useTranslation();
  const { status, client, message } = route.useSearch();
  const navigate = route.useNavigate();
  const { asked, isKnown, isNobody } = useAsked(client);
  const found = useInfiniteQuery({
    queryKey: ["dispatcher", "messages", run?.run_id, status ?? "", asked ?? ""],
    queryFn: ({ pageParam }) => messagesPage(run!.run_id, status, asked, pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page) => page.next_cursor ?? undefined,
    enabled: run !== undefined && isKnown,
    refetchInterval: run && run.open > 0 ? REFRESHED_MS : false,
  });
  if (!run) return <p>{t("runs.none")}</p>;
  const all = found.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <>
      <Filters runs={runs} run={run} />
      {run.archived_at && <p className="fw-semibold">{t("messages.archived")}</p>}
      {found.error !== null && <ProblemPanel error={found.error} again={() => void found.refetch()} />}
      {isNobody && <p>{t("messages.nobody")}</p>}
      {found.isPending && !isNobody && <p role="status">{t("loading")}</p>}
      {found.data && all.length === 0 && !found.hasNextPage && <p>{t("messages.none")}</p>}
      {all.length > 0 && <Table messages={all} />}
      {found.hasNextPage && (
        <Button
          variant="outline-secondary"
          disabled={found.isFetchingNextPage}
          onClick={() => void found.fetchNextPage()}
        >
          {t("screen.more")}
        </Button>
      )}
      {message && (
        <MessageDrawer
          id={message}
          onClose={() => void navigate({ search: (old) => ({ ...old, message: undefined }), resetScroll: false })}
        />
      )}
    </>
  );
}

/** The client that an address speaks of: by its identifier, or by its phone. */
function useAsked(client: string | undefined) {
  const phone = client && !UUID.test(client) ? phoneOf(client) : null;
  const found = useQuery(clientOf(phone));
  if (phone !== null) {
    return { asked: found.data?.client_id, isKnown: !!found.data, isNobody: found.data === null };
  }
  return { asked: client && UUID.test(client) ? client : undefined, isKnown: true, isNobody: false };
}

function Filters({ runs, run }: { runs: readonly Run[]; run: Run }) {
  const { t } = useTranslation();
  const { status, client } = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(client ?? "");
  const isWrong = typed !== "" && !UUID.test(typed.trim()) && phoneOf(typed) === null;
  return (
    <Form className="row g-2 mb-3" onSubmit={(event) => event.preventDefault()}>
      <RunChoice runs={runs} run={run} />
      <Form.Group className="col-12 col-md-3" controlId="message-status">
        <Form.Label className="small mb-1">{t("mailings.status")}</Form.Label>
        <Form.Select
          value={status ?? ""}
          onChange={({ target }) => {
            const chosen = MESSAGE_STATES.find((each) => each === target.value);
            void navigate({ search: (old) => ({ ...old, status: chosen }), resetScroll: false });
          }}
        >
          <option value="">{t("mailings.any")}</option>
          {MESSAGE_STATES.map((each) => (
            <option key={each} value={each}>
              {t(`state.${each}`)}
            </option>
          ))}
        </Form.Select>
      </Form.Group>
      <Form.Group className="col-12 col-md-5" controlId="message-client">
        <Form.Label className="small mb-1">{t("messages.byClient")}</Form.Label>
        <Form.Control
          value={typed}
          isInvalid={isWrong}
          placeholder="+7 (916) 123-45-67"
          aria-describedby={isWrong ? "message-client-wrong" : undefined}
          onChange={({ target }) => {
            setTyped(target.value);
            const text = target.value.trim();
            const next = UUID.test(text) ? text : (phoneOf(text) ?? "");
            if (text !== "" && next === "") return;
            void navigate({ search: (old) => ({ ...old, client: next || undefined }), replace: true, resetScroll: false });
          }}
        />
        <Form.Control.Feedback type="invalid" id="message-client-wrong">
          {t("messages.notAnId")}
        </Form.Control.Feedback>
      </Form.Group>
    </Form>
  );
}

function Table({ messages }: { messages: readonly Message[] }) {
  const { t } = useTranslation();
  const clients = useClients(messages.map((each) => each.client_id));
  return (
    <div className="table-responsive">
      <table className="table table-hover align-middle tabular cards-table">
        <thead>
          <tr>
            <th scope="col">{t("messages.client")}</th>
            <th scope="col">{t("mailings.status")}</th>
            <th scope="col" className="text-end">
              {t("messages.attempts")}
            </th>
            <th scope="col">{t("messages.last")}</th>
            <th scope="col">{t("messages.reason")}</th>
          </tr>
        </thead>
        <tbody>
          {messages.map((each) => (
            <tr key={each.message_id} data-message={each.message_id}>
              <th scope="row" className="fw-normal who">
                <Link
                  from="/mailings/$id"
                  to="."
                  search={(old) => ({ ...old, message: each.message_id })}
                  resetScroll={false}
                >
                  <Who id={each.client_id} client={clients.get(each.client_id)} />
                </Link>
                <Link className="small" to="/clients/$clientId" params={{ clientId: each.client_id }}>
                  {clients.get(each.client_id)?.phone ?? t("messages.toClient")}
                </Link>
              </th>
              <td>
                <span className={`dot dot-${each.status}`} aria-hidden="true" />
                {t(`state.${each.status}`)}
              </td>
              <td className="text-end">{number(each.attempts, language())}</td>
              <td>{each.last_attempt_at ? <Time at={each.last_attempt_at} precision="second" /> : "–"}</td>
              <td className="text-break">{each.reason && <ReasonText code={each.reason} />}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** A client by what people call it; one without a name, or that is deleted, by its identifier. */
function Who({ id, client }: { id: string; client: Client | undefined }) {
  const name = client?.full_name ?? client?.email;
  return name ? <span title={id}>{name}</span> : <code className="text-break">{id}</code>;
}
