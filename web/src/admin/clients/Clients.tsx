import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { Time } from "../../ui/Time";
import { Field } from "../parts/Field";
import { List } from "../parts/List";
import { Tags } from "../parts/Tags";
import { usePages } from "../parts/usePages";
import { useTitle } from "../useTitle";
import type { ClientView } from "./profile";
import "./words";

const route = getRouteApi("/clients");
const PAGE = 100;

/** All clients that have what is asked for, by pages. */
export function Clients() {
  const { t } = useTranslation();
  useTitle(t("clients.title"));
  const asked = route.useSearch();
  const found = usePages(["clients", asked], (cursor, signal) => {
    const query = { ...asked, limit: PAGE, cursor };
    return catalog.GET("/v1/clients", { params: { query }, signal });
  });
  const isFiltered = Object.keys(asked).length > 0;
  return (
    <>
      <div className="screen-head">
        <h1 className="h4">{t("clients.title")}</h1>
        <Link className="btn btn-primary" to="/clients/new">
          {t("clients.new")}
        </Link>
      </div>
      <Filters key={JSON.stringify(asked)} />
      <List<ClientView>
        found={found}
        label={t("clients.title")}
        head={["who", "phone", "operator_code", "tags", "time_zone", "changed"].map((each) =>
          t(`clients.${each}`),
        )}
        row={(each) => <Row key={each.client_id} client={each} />}
        empty={
          isFiltered ? (
            <>
              <p>{t("clients.noneFound")}</p>
              <Link to="/clients">{t("parts.clear")}</Link>
            </>
          ) : (
            <p>{t("clients.none")}</p>
          )
        }
      />
    </>
  );
}

/** What is asked for stands in the address, so it can be kept, sent and gone back to. */
function Filters() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const go = route.useNavigate();
  const [draft, setDraft] = useState(asked);
  const names = ["phone", "operator_code", "tag"] as const;
  return (
    <Form
      role="search"
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        const trimmed = names.map((name) => [name, draft[name]?.trim() || undefined]);
        void go({ search: Object.fromEntries(trimmed) as typeof asked });
      }}
    >
      {names.map((name) => (
        <Field key={name} id={`filter-${name}`} label={t(`clients.${name}`)} className="">
          <Form.Control
            value={draft[name] ?? ""}
            inputMode={name === "tag" ? "text" : "numeric"}
            autoComplete="off"
            onChange={(event) => setDraft({ ...draft, [name]: event.target.value })}
          />
        </Field>
      ))}
      <div className="d-flex gap-2">
        <Button type="submit" variant="outline-primary">
          {t("parts.find")}
        </Button>
        {Object.keys(asked).length > 0 && (
          <Link className="btn btn-outline-secondary" to="/clients">
            {t("parts.clear")}
          </Link>
        )}
      </div>
    </Form>
  );
}

function Row({ client }: { client: ClientView }) {
  const { t } = useTranslation();
  return (
    <tr>
      <th scope="row">
        <Link to="/clients/$clientId" params={{ clientId: client.client_id }}>
          {client.full_name ?? client.phone ?? client.email}
        </Link>
        {client.email && client.full_name && (
          <div className="small fw-normal text-body-secondary text-break">{client.email}</div>
        )}
      </th>
      <td className="tabular" data-label={t("clients.phone")}>
        {client.phone}
      </td>
      <td className="tabular" data-label={t("clients.operator_code")}>
        {client.operator_code}
      </td>
      <td data-label={t("clients.tags")}>{client.tags.length > 0 && <Tags of={client.tags} />}</td>
      <td data-label={t("clients.time_zone")}>{client.time_zone}</td>
      <td data-label={t("clients.changed")}>
        <Time at={client.changed_at} />
      </td>
    </tr>
  );
}
