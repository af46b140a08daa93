import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { dispatcher } from "../../api/client";
import { phoneOf } from "../../ui/contacts";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { ReasonText } from "../../ui/ReasonText";
import { useRefused } from "../../ui/useRefused";
import { FieldHelp } from "../form/FieldHelp";
import type { Mailing } from "./api";
import { useNeeded } from "./useNeeded";

/** What is sent: of a mailing that is saved, or as its form has it. */
export type Tested = Pick<Mailing, "gateway" | "body"> & Partial<Pick<Mailing, "subject" | "html" | "sender" | "mailing_id">>;

const FIELDS = ["to.phone", "to.email", "to"];
const LOOK_MS = 1_000;

/** Sends one message to somebody, at once, and shows what came of it. */
export function TestSend({ tested, onClose }: { tested: Tested; onClose: () => void }) {
  const { t } = useTranslation();
  const [typed, setTyped] = useState("");
  const [name, setName] = useState("");
  const contact = typed.trim();
  const needed = useNeeded(tested.gateway);
  const isMail = needed ? needed === "email" : contact.includes("@");
  const send = useMutation({
    mutationFn: async () => {
      const to = { ...(isMail ? { email: contact } : { phone: phoneOf(contact) ?? contact }), ...(name ? { full_name: name } : {}) };
      const { gateway, body, subject, html, sender, mailing_id } = tested;
      const sent = { gateway, body, subject: subject ?? null, html: html ?? null, sender: sender ?? null, mailing_id: mailing_id ?? null, to };
      return (await dispatcher.POST("/v1/test-sends", { params: {}, body: sent })).data!;
    },
  });
  const { own, others, error, correct } = useRefused(send.error, FIELDS);
  const refused = [...own.values()][0];
  return (
    <Modal show centered onHide={onClose} aria-labelledby="test-title">
      <Modal.Header closeButton closeLabel={t("close")}>
        <Modal.Title as="h2" className="h5" id="test-title">
          {t("testSend.title")}
        </Modal.Title>
      </Modal.Header>
      <Form
        onSubmit={(event) => {
          event.preventDefault();
          event.stopPropagation(); // the form that it is a test of is another one
          send.mutate();
        }}
      >
        <Modal.Body>
          <Form.Group controlId="test-contact" className="mb-3">
            <Form.Label>{t("testSend.to")}</Form.Label>
            <Form.Control
              value={typed}
              required
              autoComplete="off"
              isInvalid={refused !== undefined}
              aria-describedby="test-contact-help"
              onChange={({ target }) => {
                correct(...FIELDS);
                setTyped(target.value);
              }}
            />
            <FieldHelp id="test-contact-help" error={refused} help={t(`testSend.toHelp.${needed ?? "any"}`)} />
          </Form.Group>
          <Form.Group controlId="test-name" className="mb-3">
            <Form.Label>{t("testSend.name")}</Form.Label>
            <Form.Control value={name} autoComplete="off" onChange={({ target }) => setName(target.value)} />
          </Form.Group>
          {error !== null && (refused === undefined || others.length > 0) && <ProblemPanel error={error} />}
          {send.data && <Came runId={send.data.run_id} />}
        </Modal.Body>
        <Modal.Footer>
          <Button variant="outline-secondary" onClick={onClose}>
            {t("close")}
          </Button>
          <Button type="submit" disabled={!contact || send.isPending}>
            {t("testSend.go")}
          </Button>
        </Modal.Footer>
      </Form>
    </Modal>
  );
}

function Came({ runId }: { runId: string }) {
  const { t } = useTranslation();
  const found = useQuery({
    queryKey: ["dispatcher", "test-send", runId],
    queryFn: async () =>
      (await dispatcher.GET("/v1/test-sends/{run_id}", { params: { path: { run_id: runId } } })).data!,
    refetchInterval: (query) => (query.state.data?.is_final ? false : LOOK_MS),
  });
  if (!found.data) return <p role="status">{t("loading")}</p>;
  const last = found.data.attempts_log.at(-1);
  return (
    <p role="status" className="mb-0" data-state={found.data.status}>
      <span className={`dot dot-${found.data.status}`} aria-hidden="true" />
      {t(`state.${found.data.status}`)}
      {found.data.reason && <>: <ReasonText code={found.data.reason} /></>}
      {last?.gateway_message_id && (
        <>
          {" "}
          · {t("message.gatewayId")} <code>{last.gateway_message_id}</code>
        </>
      )}
    </p>
  );
}
