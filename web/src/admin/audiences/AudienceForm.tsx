import { type ReactNode, useState } from "react";
import { Button, Col, Form, Row } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Disclosure } from "../../ui/Disclosure";
import { Field } from "../../ui/Field";
import { Leaving } from "../../ui/Leaving";
import { Summary } from "../../ui/Summary";
import { TagOptions } from "../../ui/TagOptions";
import { useRefused } from "../../ui/useRefused";
import { Count } from "./Count";
import { type Draft, type Filter, filterFrom, listOf } from "./filter";

/** Which field of the form a place in the filter is. */
const PLACES = {
  operator_codes: "filter.operator_codes",
  tags: "filter.tags",
  all_tags: "filter.include.all_tags",
  no_tags: "filter.include.no_tags",
  time_zones: "filter.include.time_zones",
  except_tags: "filter.exclude.tags",
  include: "filter.include",
  exclude: "filter.exclude",
} as const;
type TextField = keyof typeof PLACES;
const LISTS = ["operator_codes", "tags", "all_tags", "no_tags", "time_zones", "except_tags"] as const;

const TAGS = ["tags", "all_tags", "no_tags", "except_tags"] as const;
const isTags = (field: TextField) => TAGS.some((each) => each === field);

interface Props {
  name: string;
  initial: Draft;
  go: string;
  isBusy: boolean;
  error: unknown;
  onSubmit: (name: string, filter: Filter) => void;
  children?: ReactNode;
}

/** The name and the filter of an audience, and whom it selects now. */
export function AudienceForm(props: Props) {
  const { t } = useTranslation();
  const [name, setName] = useState(props.name);
  const [draft, setDraft] = useState(props.initial);
  const [sent, setSent] = useState(props.initial);
  const { own, others, error, correct } = useRefused(props.error, ["name", ...Object.values(PLACES)], {
    listOf: (place) => sentList(sent, place),
    isEmpty: (place) => place === "name" && name.trim() === "",
  });
  const { filter, unreadable } = readable(draft);
  const text = (field: TextField) => ({
    value: draft[field],
    autoComplete: "off",
    ...(isTags(field) && { list: `audience-${field}-tags` }),
    onChange: (event: { target: { value: string } }) => {
      correct(PLACES[field]);
      setDraft({ ...draft, [field]: event.target.value });
    },
  });
  const isForExperts = [props.initial.include, props.initial.exclude, own.get("filter.include"), own.get("filter.exclude"), unreadable].some(Boolean);
  const changeName = (event: { target: { value: string } }) => {
    correct("name");
    setName(event.target.value);
  };
  const field = (each: TextField) => ({
    id: `audience-${each}`,
    label: t(`audiences.${each}`),
    isOptional: true,
    problem:
      unreadable === each
        ? { pointer: "", code: "json_object", detail: "" }
        : own.get(PLACES[each]),
  });
  return (
    <Form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        if (!filter) return;
        setSent(draft);
        props.onSubmit(name.trim(), filter);
      }}
    >
      <Leaving isDirty={name !== props.name || JSON.stringify(draft) !== JSON.stringify(props.initial)} />
      {TAGS.map((each) => (
        <TagOptions key={each} id={`audience-${each}-tags`} typed={draft[each]} />
      ))}
      {error !== null && <Summary error={error} others={others} />}
      <Row>
        <Col lg={8}>
          <Field id="audience-name" label={t("audiences.name")} problem={own.get("name")}>
            <Form.Control autoComplete="off" value={name} onChange={changeName} />
          </Field>
          <fieldset>
            <legend className="fs-6">{t("audiences.to")}</legend>
            <Row>
              {(["operator_codes", "tags", "all_tags", "no_tags", "time_zones"] as const).map((each) => (
                <Col md={6} key={each}>
                  <Field {...field(each)} help={t(`audiences.helps.${each}`)}>
                    <Form.Control {...text(each)} />
                  </Field>
                </Col>
              ))}
              <Col md={6}>
                <Field id="audience-contact" label={t("audiences.contact")}>
                  <Form.Select
                    value={draft.contact}
                    onChange={(event) =>
                      setDraft({ ...draft, contact: event.target.value as Draft["contact"] })
                    }
                  >
                    <option value="">{t("audiences.contacts.any")}</option>
                    <option value="phone">{t("audiences.contacts.phone")}</option>
                    <option value="email">{t("audiences.contacts.email")}</option>
                  </Form.Select>
                </Field>
              </Col>
            </Row>
            <Form.Check
              className="mb-3"
              id="audience-one"
              label={t("audiences.one_per_contact")}
              checked={draft.one_per_contact}
              onChange={(event) => setDraft({ ...draft, one_per_contact: event.target.checked })}
            />
          </fieldset>
          {props.initial.except_tags && (
            <fieldset>
              <legend className="fs-6">{t("audiences.except")}</legend>
              <Field {...field("except_tags")} help={t("audiences.helps.tags")}>
                <Form.Control {...text("except_tags")} />
              </Field>
            </fieldset>
          )}
          <Disclosure className="mb-3" title={t("audiences.experts")} isNeeded={isForExperts}>
            <p className="form-text">{t("audiences.helps.experts")}</p>
            <Row>
              {(["include", "exclude"] as const).map((each) => (
                <Col md={6} key={each}>
                  <Field {...field(each)}>
                    <Form.Control as="textarea" rows={3} className="font-monospace" spellCheck={false} {...text(each)} />
                  </Field>
                </Col>
              ))}
            </Row>
          </Disclosure>
        </Col>
        <Col lg={4}>{filter && <Count filter={filter} />}</Col>
      </Row>
      <div className="d-flex flex-wrap gap-2 align-items-center">
        <Button type="submit" disabled={props.isBusy || !filter}>
          {props.go}
        </Button>
        {props.children}
      </div>
    </Form>
  );
}

/** Returns the entries of a list that was sent. */
function sentList(sent: Draft, place: string): string[] {
  const field = LISTS.find((each) => PLACES[each] === place);
  return field ? listOf(sent[field]) : [];
}

/** Returns what a draft means, or the field that cannot be read. */
function readable(draft: Draft): { filter?: Filter; unreadable?: string } {
  try {
    return { filter: filterFrom(draft) };
  } catch (error) {
    if (error instanceof SyntaxError) return { unreadable: error.message };
    throw error;
  }
}
