import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import type { components } from "../../api/types/catalog";
import { Field } from "../../ui/Field";
import { Summary } from "../../ui/Summary";
import { useRefused } from "../../ui/useRefused";
import "./words";

type Body = components["schemas"]["NewSuppression"];
type Kind = "client_id" | "phone" | "email";

export const REASONS = ["requested", "unsubscribed", "complained", "bounced"] as const;

interface Props {
  known?: { client_id: string; phone: string | null; email: string | null }; // whom it is about
  onClose: () => void;
}

/** Asks whom not to write to any more, about what and why. */
export function AddSuppression({ known, onClose }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const kinds: Kind[] = known
    ? (["client_id", "phone", "email"] as const).filter((each) => known[each])
    : ["phone", "email", "client_id"];
  const [kind, setKind] = useState<Kind>(kinds[0] ?? "phone");
  const [contact, setContact] = useState("");
  const [topic, setTopic] = useState("");
  const [reason, setReason] = useState<(typeof REASONS)[number]>("requested");
  const [source, setSource] = useState("");
  const add = $catalog.useMutation("post", "/v1/suppressions", {
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["suppressions"] });
      onClose();
    },
  });
  const { own, others, error, correct } = useRefused(add.error, ["client_id", "phone", "email", "topic", "source"]);
  const typed = (field: string, set: (text: string) => void) => (event: { target: { value: string } }) => {
    correct(field);
    set(event.target.value);
  };
  const submit = () => {
    const body: Body = { reason, [kind]: known?.[kind] ?? contact.trim() };
    if (topic.trim()) body.topic = topic.trim();
    if (source.trim()) body.source = source.trim();
    add.mutate({ body });
  };
  return (
    <Modal show centered onHide={onClose} aria-labelledby="suppress-title">
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Modal.Header>
          <Modal.Title as="h2" className="h5" id="suppress-title">
            {t("suppressions.addTitle")}
          </Modal.Title>
        </Modal.Header>
        <Modal.Body>
          {error !== null && <Summary error={error} others={others} />}
          <fieldset className="mb-3">
            <legend className="fs-6">{t("suppressions.whom")}</legend>
            {kinds.map((each) => (
              <Form.Check
                key={each}
                type="radio"
                name="kind"
                id={`kind-${each}`}
                label={t(`suppressions.whoms.${each}`)}
                checked={kind === each}
                onChange={() => {
                  correct(kind);
                  setKind(each);
                }}
              />
            ))}
          </fieldset>
          {!known && (
            <Field id="contact" label={t(`suppressions.contacts.${kind}`)} problem={own.get(kind)}>
              <Form.Control
                autoComplete="off"
                value={contact}
                onChange={(event) => {
                  correct(kind);
                  setContact(event.target.value);
                }}
              />
            </Field>
          )}
          <Field id="topic" label={t("suppressions.topic")} isOptional help={t("suppressions.topicHelp")} problem={own.get("topic")}>
            <Form.Control autoComplete="off" value={topic} onChange={typed("topic", setTopic)} />
          </Field>
          <Field id="reason" label={t("suppressions.reason")}>
            <Form.Select
              value={reason}
              onChange={(event) => setReason(event.target.value as (typeof REASONS)[number])}
            >
              {REASONS.map((each) => (
                <option key={each} value={each}>
                  {t(`suppressions.reasons.${each}`)}
                </option>
              ))}
            </Form.Select>
          </Field>
          <Field id="source" label={t("suppressions.source")} isOptional help={t("suppressions.sourceHelp")} problem={own.get("source")}>
            <Form.Control autoComplete="off" value={source} onChange={typed("source", setSource)} />
          </Field>
        </Modal.Body>
        <Modal.Footer>
          <Button variant="outline-secondary" onClick={onClose}>
            {t("cancel")}
          </Button>
          <Button type="submit" disabled={add.isPending}>
            {t("suppressions.suppress")}
          </Button>
        </Modal.Footer>
      </Form>
    </Modal>
  );
}
