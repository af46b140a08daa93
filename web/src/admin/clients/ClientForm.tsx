import { type ReactNode, useId, useState } from "react";
import { Button, Col, Form, Row } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Field } from "../../ui/Field";
import { Leaving } from "../../ui/Leaving";
import { Summary } from "../../ui/Summary";
import { TagOptions } from "../../ui/TagOptions";
import { useRefused } from "../../ui/useRefused";
import { ZoneOptions } from "../../ui/ZoneOptions";
import { PreferredTimes } from "./PreferredTimes";
import { type Draft, FIELDS, type Profile, profileFrom } from "./profile";

interface Props {
  initial: Draft;
  go: string;
  isBusy: boolean;
  error: unknown; // why it was refused
  onSubmit: (profile: Profile) => void;
  children?: ReactNode; // beside the button
}

/** The fields of a client; what the API refuses stands at its field. */
export function ClientForm({ initial, go, isBusy, error, onSubmit, children }: Props) {
  const { t } = useTranslation();
  const [draft, setDraft] = useState(initial);
  const zones = useId();
  const refused = useRefused(error, FIELDS);
  const { own, others, correct } = refused;
  const change = <K extends keyof Draft>(name: K, value: Draft[K]) => {
    correct(name, ...(name === "email" ? ["phone"] : [])); // of the two one is needed, and it is said of the phone
    setDraft({ ...draft, [name]: value });
  };
  const text = (name: Exclude<keyof Draft, "preferred_times">) => ({
    value: draft[name],
    onChange: (event: { target: { value: string } }) => change(name, event.target.value),
  });
  const field = (name: keyof Draft) => ({
    id: `client-${name}`,
    label: t(`clients.${name}`),
    problem: own.get(name),
  });
  return (
    <Form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit(profileFrom(draft));
      }}
    >
      <Leaving isDirty={JSON.stringify(draft) !== JSON.stringify(initial)} />
      {refused.error !== null && <Summary error={refused.error} others={others} />}
      <Row>
        <Col md={6}>
          <Field {...field("full_name")}>
            <Form.Control autoComplete="off" {...text("full_name")} />
          </Field>
        </Col>
        <Col md={6}>
          <Field {...field("phone")} help={t("clients.phoneHelp")}>
            <Form.Control type="tel" autoComplete="off" {...text("phone")} />
          </Field>
        </Col>
        <Col md={6}>
          <Field {...field("email")}>
            <Form.Control type="email" autoComplete="off" {...text("email")} />
          </Field>
        </Col>
        <Col md={6}>
          <Field {...field("external_id")} help={t("clients.externalHelp")}>
            <Form.Control autoComplete="off" {...text("external_id")} />
          </Field>
        </Col>
        <Col md={6}>
          <Field {...field("operator_code")} help={t("clients.codeHelp")}>
            <Form.Control inputMode="numeric" autoComplete="off" {...text("operator_code")} />
          </Field>
        </Col>
        <Col md={6}>
          <Field {...field("tags")} help={t("clients.tagsHelp")}>
            <Form.Control autoComplete="off" list={`${zones}-tags`} {...text("tags")} />
          </Field>
          <TagOptions id={`${zones}-tags`} typed={draft.tags} />
        </Col>
        <Col md={6}>
          <Field {...field("time_zone")} help={t("clients.zoneHelp")}>
            <Form.Control list={zones} autoComplete="off" {...text("time_zone")} />
          </Field>
          <ZoneOptions id={zones} />
        </Col>
        <Col xs={12}>
          <Field {...field("comment")}>
            <Form.Control as="textarea" rows={2} {...text("comment")} />
          </Field>
        </Col>
      </Row>
      <PreferredTimes
        times={draft.preferred_times}
        problem={own.get("preferred_times")}
        onChange={(times) => change("preferred_times", times)}
      />
      <div className="d-flex flex-wrap gap-2 align-items-center">
        <Button type="submit" disabled={isBusy}>
          {go}
        </Button>
        {children}
      </div>
    </Form>
  );
}
