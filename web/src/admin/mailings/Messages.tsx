import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { type Client, clientOf, useClients } from "../../ui/clients";
import { number } from "../../ui/format";
import { MessageDrawer } from "../../ui/MessageDrawer";
import { wholeContact } from "../../ui/contacts";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { ReasonText } from "../../ui/ReasonText";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { type Mailing, type Message, messagesPage, type MessageState, type Run } from "./api";
import { RunChoice } from "./RunChoice";
import { noRun } from "./runs";
import { MESSAGE_STATES } from "./search";
import { useListedRuns } from "./useListedRuns";
import { useNeeded } from "./useNeeded";

const route = getRouteApi("/mailings/$id");
const REFRESHED_MS = 5_000;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const PAGE = 50;
const ASKED = 20; // runs at most for one page: of a client each has one message, or none

interface Props {
  mailing: Mailing;
  runs: readonly Run[];
  run: Run | undefined; // none: all of them
}

interface Place {
  run: string;
  cursor?: string | undefined;
}

/** The messages of all runs or of one, by their state, as the counts have them; one opens beside them with all its attempts. */
export function Messages({ mailing, runs, run }: Props) {
  const { t } = useTranslation();
  const { status, client, message } = route.useSearch();
  const navigate = route.useNavigate();
  const { asked, isKnown, isNobody } = useAsked(client);
  const { listed: wanted, isArchived } = useListedRuns(mailing, runs, run, status);
  const found = useInfiniteQuery({
    queryKey: ["dispatcher", "messages", ...wanted, status ?? "", asked ?? ""],
    queryFn: ({ pageParam }) => pageOf(wanted, pageParam ?? { run: wanted[0]! }, status, asked),
    initialPageParam: undefined as Place | undefined,
    getNextPageParam: (page) => page.next ?? undefined,
    enabled: wanted.length > 0 && isKnown,
    placeholderData: keepPreviousData,
    refetchInterval: (run ? [run] : runs).some((each) => each.open > 0) ? REFRESHED_MS : false,
  });
  if (runs.length === 0) return <p>{t(noRun(mailing.status))}</p>;
  const shown = wanted.length > 0 ? (found.data?.pages.flatMap((page) => page.items) ?? []) : [];
  const isNone = wanted.length === 0 || (found.data !== undefined && shown.length === 0 && !found.hasNextPage);
  return (
    <>
      <Filters runs={runs} run={run} />
      {isArchived && <p className="fw-semibold">{t(run ? "messages.archived" : "messages.someArchived")}</p>}
      {found.error !== null && <ProblemPanel error={found.error} again={() => void found.refetch()} />}
      {isNobody && <p>{t("messages.nobody")}</p>}
      {found.isFetching && found.data === undefined && !isNobody && <p role="status">{t("loading")}</p>}
      {isNone && !isNobody && <p>{t("messages.none")}</p>}
      {shown.length > 0 && <Table messages={shown} gateway={mailing.gateway} />}
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

/** Returns the messages of several runs from a place on, and where the next page begins; null: there is none. */
async function pageOf(runs: readonly string[], from: Place, status: MessageState | undefined, client: string | undefined) {
  const items: Message[] = [];
  let place: Place | null = from;
  for (let asked = 0; place !== null && items.length < PAGE && asked < ASKED; asked++) {
    const page = await messagesPage(place.run, status, client, place.cursor);
    items.push(...page.items);
    const following: string | undefined = runs[runs.indexOf(place.run) + 1];
    if (page.next_cursor) place = { run: place.run, cursor: page.next_cursor };
    else place = following ? { run: following } : null;
  }
  return { items, next: place };
}

/** The client that an address speaks of: by its identifier, or by a contact. */
function useAsked(client: string | undefined) {
  const contact = client && !UUID.test(client) ? wholeContact(client) : null;
  const found = useQuery(clientOf(contact));
  if (contact !== null) {
    return { asked: found.data?.client_id, isKnown: !!found.data, isNobody: found.data === null };
  }
  return { asked: client && UUID.test(client) ? client : undefined, isKnown: true, isNobody: false };
}

function Filters({ runs, run }: { runs: readonly Run[]; run: Run | undefined }) {
  const { t } = useTranslation();
  const { status, client } = route.useSearch();
  const navigate = route.useNavigate();
  const [typed, setTyped] = useState(client ?? "");
  const isWrong = typed !== "" && !UUID.test(typed.trim()) && wholeContact(typed.trim()) === null;
  return (
    <Form className="row g-2 mb-3" onSubmit={(event) => event.preventDefault()}>
      <RunChoice runs={runs} run={run} allowsAll />
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
            const next = UUID.test(text) ? text : (wholeContact(text) ?? "");
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

function Table({ messages, gateway }: { messages: readonly Message[]; gateway: string }) {
  const { t } = useTranslation();
  const contact = useNeeded(gateway) ?? "phone";
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
                  {clients.get(each.client_id)?.[contact] ?? t("messages.toClient")}
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
