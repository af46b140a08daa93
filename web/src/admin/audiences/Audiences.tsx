import { getRouteApi, Link } from "@tanstack/react-router";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { Time } from "../../ui/Time";
import { Field } from "../../ui/Field";
import { FilterWords } from "../../ui/FilterWords";
import { List } from "../../ui/List";
import { Filters, ListScreen, Nothing } from "../../ui/ListScreen";
import { usePages } from "../../ui/usePages";
import { useTyped } from "../../ui/useTyped";
import type { AudienceView } from "./filter";
import "./words";

const route = getRouteApi("/audiences");

/** The filters that are kept under names, the newest first. */
export function Audiences() {
  const { t } = useTranslation();
  const { name } = route.useSearch();
  const found = usePages(["audiences", name], (cursor, signal) =>
    catalog.GET("/v1/audiences", { params: { query: { name, limit: 50, cursor } }, signal }),
  );
  return (
    <ListScreen
      title={t("audiences.title")}
      help={t("audiences.help")}
      actions={
        <Link className="btn btn-primary" to="/audiences/new" data-shortcut="n">
          {t("audiences.new")}
        </Link>
      }
    >
      <Asked />
      <List<AudienceView>
        found={found}
        label={t("audiences.title")}
        head={["name", "selects", "changed"].map((each) => t(`audiences.${each}`))}
        row={(each) => (
          <tr key={each.audience_id}>
            <th scope="row" className="text-break">
              <Link to="/audiences/$audienceId" params={{ audienceId: each.audience_id }}>
                {each.name}
              </Link>
            </th>
            <td data-label={t("audiences.selects")}>
              <FilterWords of={each.filter} />
            </td>
            <td data-label={t("audiences.changed")}>
              <Time at={each.changed_at} />
            </td>
          </tr>
        )}
        empty={
          <Nothing
            to="/audiences"
            isFiltered={name !== undefined}
            found={t("audiences.noneFound")}
            yet={t("audiences.none")}
          />
        }
      />
    </ListScreen>
  );
}

function Asked() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const go = route.useNavigate();
  const [name, setName] = useTyped(asked.name ?? "");
  return (
    <Filters
      to="/audiences"
      isFiltered={asked.name !== undefined}
      onFind={() => void go({ search: { name: name.trim() || undefined } })}
    >
      <Field id="filter-name" label={t("audiences.name")} className="">
        <Form.Control autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
    </Filters>
  );
}
