import { getRouteApi } from "@tanstack/react-router";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Field } from "../../ui/Field";
import { Filters, ListScreen, Nothing } from "../../ui/ListScreen";
import { useTyped } from "../../ui/useTyped";
import { AddSuppression, REASONS } from "./AddSuppression";
import { contactOf } from "./contact";
import { SuppressionList } from "./SuppressionList";
import "./words";

const route = getRouteApi("/suppressions");

/** Whom not to write to, and why. */
export function Suppressions() {
  const { t } = useTranslation();
  const { whom, ...asked } = route.useSearch();
  const [isAdding, setAdding] = useState(false);
  const contact = contactOf(whom);
  const isFiltered = whom !== undefined || Object.keys(asked).length > 0;
  return (
    <ListScreen
      title={t("suppressions.title")}
      help={t("suppressions.help")}
      actions={<Button data-shortcut="n" onClick={() => setAdding(true)}>{t("suppressions.add")}</Button>}
    >
      <Asked />
      <SuppressionList
        asked={{ ...asked, ...contact }}
        contacts={contact}
        empty={
          <Nothing
            to="/suppressions"
            isFiltered={isFiltered}
            found={t(whom !== undefined && Object.keys(asked).length === 0 ? "suppressions.notSuppressed" : "suppressions.noneFound")}
            yet={t("suppressions.none")}
          />
        }
      />
      {isAdding && <AddSuppression onClose={() => setAdding(false)} />}
    </ListScreen>
  );
}

function Asked() {
  const { t } = useTranslation();
  const asked = route.useSearch();
  const go = route.useNavigate();
  const [draft, setDraft] = useTyped(asked);
  const text = (name: "whom" | "topic") => ({
    value: draft[name] ?? "",
    onChange: (event: { target: { value: string } }) =>
      setDraft({ ...draft, [name]: event.target.value }),
  });
  return (
    <Filters
      to="/suppressions"
      isFiltered={Object.keys(asked).length > 0}
      onFind={() => {
        const { whom, topic, reason } = draft;
        void go({
          search: {
            whom: whom?.trim() || undefined,
            topic: topic?.trim() || undefined,
            reason: reason || undefined,
          },
        });
      }}
    >
      <Field id="filter-whom" label={t("suppressions.whomLabel")} className="">
        <Form.Control autoComplete="off" {...text("whom")} />
      </Field>
      <Field id="filter-topic" label={t("suppressions.topic")} className="">
        <Form.Control autoComplete="off" {...text("topic")} />
      </Field>
      <Field id="filter-reason" label={t("suppressions.reason")} className="">
        <Form.Select
          value={draft.reason ?? ""}
          onChange={(event) => setDraft({ ...draft, reason: event.target.value })}
        >
          <option value="">{t("screen.any")}</option>
          {REASONS.map((each) => (
            <option key={each} value={each}>
              {t(`suppressions.reasons.${each}`)}
            </option>
          ))}
        </Form.Select>
      </Field>
    </Filters>
  );
}
