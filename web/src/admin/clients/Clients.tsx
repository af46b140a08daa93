import { getRouteApi, Link } from "@tanstack/react-router";
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
import { TagOptions } from "../../ui/TagOptions";
import { Tags } from "../../ui/Tags";
import { UnknownTags } from "../../ui/UnknownTags";
import { usePages } from "../../ui/usePages";
import { useTyped } from "../../ui/useTyped";
import { type ClientView, tagsOf } from "./profile";
import { type Suppressed, useSuppressed } from "./useSuppressed";
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
  const suppressed = useSuppressed(found.data?.pages ?? []);
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
      <Asked />
      <Facets />
      <List<ClientView>
        found={found}
        label={t("clients.title")}
        head={["who", "phone", "operator_code", "tags", "time_zone", "changed"].map((each) =>
          t(`clients.${each}`),
        )}
        row={(each) => <Row key={each.client_id} client={each} suppressed={suppressed.get(each.client_id) ?? []} />}
        empty={
          <Nothing
            to="/clients"
            isFiltered={Object.keys(asked).length > 0}
            found={t("clients.noneFound")}
            yet={t("clients.none")}
          >
            <UnknownTags tags={asked.tag ?? []} offer={(meant, tag) => <Instead of={tag} meant={meant} />} />
          </Nothing>
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
  const [typed, setTyped] = useTyped({
    q: asked.q ?? "",
    code: asked.operator_code ?? "",
    tags: asked.tag?.join(", ") ?? "",
  });
  const text = (name: keyof typeof typed) => ({
    autoComplete: "off",
    value: typed[name],
    onChange: (event: { target: { value: string } }) => setTyped({ ...typed, [name]: event.target.value }),
  });
  const submit = () => {
    const { q, code } = typed;
    const tag = tagsOf(typed.tags);
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
        <Form.Control {...text("q")} />
      </Field>
      <Field id="filter-code" label={t("clients.operator_code")} className="">
        <Form.Control inputMode="numeric" {...text("code")} />
      </Field>
      <Field id="filter-tags" label={t("clients.allTags")} className="">
        <Form.Control list="filter-tags-known" {...text("tags")} />
      </Field>
      <TagOptions id="filter-tags-known" typed={typed.tags} />
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
      <Narrow label={t("clients.tags")} of={others} to={(tag) => ({ ...asked, tag: [...(asked.tag ?? []), tag] })} />
      <Narrow label={t("clients.codes")} of={codes} to={(operator_code) => ({ ...asked, operator_code })} />
    </div>
  );
}

interface Narrowing {
  label: string;
  of: readonly { value: string; count: number }[];
  to: (value: string) => { q?: string; operator_code?: string; tag?: string[] };
}

/** What is common among those that are shown, under its name. */
function Narrow({ label, of, to }: Narrowing) {
  const { t } = useTranslation();
  if (of.length === 0) return null;
  return (
    <div className="d-flex flex-wrap gap-1 mb-1" role="group" aria-label={`${t("clients.narrow")}: ${label}`}>
      <span className="small text-body-secondary align-self-center">{label}:</span>
      {of.map((each) => (
        <Link key={each.value} className="btn btn-sm btn-outline-secondary" to="/clients" search={to(each.value)}>
          {each.value} · {number(each.count, language())}
        </Link>
      ))}
    </div>
  );
}

/** The same question with a tag that there is. */
function Instead({ of, meant }: { of: string; meant: string }) {
  const asked = route.useSearch();
  const tag = (asked.tag ?? []).map((each) => (each === of ? meant : each));
  return (
    <Link to="/clients" search={{ ...asked, tag }}>
      {meant}
    </Link>
  );
}

function Row({ client, suppressed }: { client: ClientView; suppressed: readonly Suppressed[] }) {
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
        {suppressed.map((each) => (
          <div key={each.kind} className="small fw-normal text-warning-emphasis" data-suppressed={each.kind}>
            <span aria-hidden="true">⚠ </span>
            {t(`clients.marked.${each.kind}`)}
            {!each.is_whole && ` (${t("clients.marked.some")})`}
          </div>
        ))}
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
