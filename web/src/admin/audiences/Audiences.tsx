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
import type { AudienceView } from "./filter";
import "./words";

const route = getRouteApi("/audiences");

/** The filters that are kept under names, the newest first. */
export function Audiences() {
  const { t } = useTranslation();
  useTitle(t("audiences.title"));
  const { name } = route.useSearch();
  const found = usePages(["audiences", name], (cursor, signal) =>
    catalog.GET("/v1/audiences", { params: { query: { name, limit: 50, cursor } }, signal }),
  );
  return (
    <>
      <div className="screen-head">
        <h1 className="h4">{t("audiences.title")}</h1>
        <Link className="btn btn-primary" to="/audiences/new">
          {t("audiences.new")}
        </Link>
      </div>
      <p className="text-body-secondary">{t("audiences.help")}</p>
      <Filters key={name} />
      <List<AudienceView>
        found={found}
        label={t("audiences.title")}
        head={["name", "operator_codes", "tags", "further", "changed"].map((each) => t(`audiences.${each}`))}
        row={(each) => (
          <tr key={each.audience_id}>
            <th scope="row" className="text-break">
              <Link to="/audiences/$audienceId" params={{ audienceId: each.audience_id }}>
                {each.name}
              </Link>
            </th>
            <td data-label={t("audiences.operator_codes")}>
              {each.filter.operator_codes.length > 0 && <Tags of={each.filter.operator_codes} />}
            </td>
            <td data-label={t("audiences.tags")}>
              {each.filter.tags.length > 0 && <Tags of={each.filter.tags} />}
            </td>
            <td data-label={t("audiences.further")}>
              {(each.filter.include || each.filter.exclude) && t("audiences.hasFurther")}
            </td>
            <td data-label={t("audiences.changed")}>
              <Time at={each.changed_at} />
            </td>
          </tr>
        )}
        empty={
          name ? (
            <>
              <p>{t("audiences.noneFound")}</p>
              <Link to="/audiences">{t("parts.clear")}</Link>
            </>
          ) : (
            <p>{t("audiences.none")}</p>
          )
        }
      />
    </>
  );
}

function Filters() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const go = route.useNavigate();
  const [name, setName] = useState(asked.name ?? "");
  return (
    <Form
      role="search"
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        void go({ search: { name: name.trim() || undefined } });
      }}
    >
      <Field id="filter-name" label={t("audiences.name")} className="">
        <Form.Control autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
      </Field>
      <div className="d-flex gap-2">
        <Button type="submit" variant="outline-primary">
          {t("parts.find")}
        </Button>
        {asked.name && (
          <Link className="btn btn-outline-secondary" to="/audiences">
            {t("parts.clear")}
          </Link>
        )}
      </div>
    </Form>
  );
}
