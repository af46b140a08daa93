import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, catalog } from "../../api/client";
import { Download } from "../../ui/Download";
import { number } from "../../ui/format";
import { Time } from "../../ui/Time";
import { language } from "../../words";
import { Field } from "../../ui/Field";
import { List } from "../../ui/List";
import { Filters, ListScreen, Nothing } from "../../ui/ListScreen";
import { Tags } from "../../ui/Tags";
import { usePages } from "../../ui/usePages";
import { type ClientView, tagsOf } from "./profile";
import "./words";

const route = getRouteApi("/clients");
const PAGE = 100;
const FACETS = 8; // of each kind

/** All clients that have what is asked for, by pages. */
export function Clients() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const found = usePages(["clients", asked], (cursor, signal) => {
    const query = { ...asked, limit: PAGE, cursor };
    return catalog.GET("/v1/clients", { params: { query }, signal });
  });
  return (
    <ListScreen
      title={t("clients.title")}
      actions={
        <>
          <Download
            label={t("clients.export")}
            name="clients.csv"
            load={async () => {
              const query = { ...asked, format: "csv" as const };
              const { data } = await catalog.GET("/v1/clients/export", { params: { query }, parseAs: "blob" });
              return data as unknown as Blob;
            }}
          />
          <Link className="btn btn-outline-secondary" to="/imports/new">
            {t("clients.import")}
          </Link>
          <Link className="btn btn-primary" to="/clients/new" data-shortcut="n">
            {t("clients.new")}
          </Link>
        </>
      }
    >
      <Asked key={JSON.stringify(asked)} />
      <Facets />
      <List<ClientView>
        found={found}
        label={t("clients.title")}
        head={["who", "phone", "operator_code", "tags", "time_zone", "changed"].map((each) =>
          t(`clients.${each}`),
        )}
        row={(each) => <Row key={each.client_id} client={each} />}
        empty={
          <Nothing
            to="/clients"
            isFiltered={Object.keys(asked).length > 0}
            found={t("clients.noneFound")}
            yet={t("clients.none")}
          />
        }
      />
    </ListScreen>
  );
}

/** What is asked for stands in the address, so it can be kept, sent and gone back to. */
function Asked() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const go = route.useNavigate();
  const [q, setQ] = useState(asked.q ?? "");
  const [code, setCode] = useState(asked.operator_code ?? "");
  const [tags, setTags] = useState(asked.tag?.join(", ") ?? "");
  const submit = () => {
    const tag = tagsOf(tags);
    void go({
      search: {
        q: q.trim() || undefined,
        operator_code: code.trim() || undefined,
        tag: tag.length > 0 ? tag : undefined,
      },
    });
  };
  return (
    <Filters to="/clients" isFiltered={Object.keys(asked).length > 0} onFind={submit}>
      <Field id="filter-q" label={t("clients.q")} className="">
        <Form.Control autoComplete="off" value={q} onChange={(event) => setQ(event.target.value)} />
      </Field>
      <Field id="filter-code" label={t("clients.operator_code")} className="">
        <Form.Control
          inputMode="numeric"
          autoComplete="off"
          value={code}
          onChange={(event) => setCode(event.target.value)}
        />
      </Field>
      <Field id="filter-tags" label={t("clients.allTags")} className="">
        <Form.Control autoComplete="off" value={tags} onChange={(event) => setTags(event.target.value)} />
      </Field>
    </Filters>
  );
}

/** How many clients there are, and the tags and codes that they have most often: each narrows the list. */
function Facets() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const found = $catalog.useQuery("get", "/v1/clients/facets", { params: { query: asked } });
  if (!found.data) return null;
  const { count, is_exact, tags, operator_codes } = found.data;
  const others = tags.filter((each) => !asked.tag?.includes(each.value)).slice(0, FACETS);
  const codes = asked.operator_code ? [] : operator_codes.slice(0, FACETS);
  return (
    <div className="mb-3">
      <p className="mb-1" role="status">
        {t(is_exact ? "clients.count" : "clients.countAtLeast", { count })}
      </p>
      <div className="tags" role="group" aria-label={t("clients.narrow")}>
        {codes.map((each) => (
          <Link
            key={each.value}
            className="btn btn-sm btn-outline-secondary"
            to="/clients"
            search={{ ...asked, operator_code: each.value }}
          >
            {each.value} · {number(each.count, language())}
          </Link>
        ))}
        {others.map((each) => (
          <Link
            key={each.value}
            className="btn btn-sm btn-outline-secondary"
            to="/clients"
            search={{ ...asked, tag: [...(asked.tag ?? []), each.value] }}
          >
            {each.value} · {number(each.count, language())}
          </Link>
        ))}
      </div>
    </div>
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
