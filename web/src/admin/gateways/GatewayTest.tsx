import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $dispatcher } from "../../api/client";
import { rate } from "../../ui/format";
import { language } from "../../words";
import { Field } from "../../ui/Field";
import { ReasonText } from "../../ui/ReasonText";
import { Scrolled } from "../../ui/Scrolled";
import { Summary } from "../../ui/Summary";
import { useRefused } from "../../ui/useRefused";
import type { GatewayView } from "./limits";

/** Sends one real message now, and shows what the gateway answered. */
export function GatewayTest({ gateway }: { gateway: GatewayView }) {
  const { t } = useTranslation();
  const [to, setTo] = useState("");
  const [subject, setSubject] = useState("");
  const [text, setText] = useState("");
  const test = $dispatcher.useMutation("post", "/v1/gateways/{name}/test");
  const { own, others, error, correct } = useRefused(test.error, ["phone", "email", "subject", "text"]);
  const typed = (field: string, set: (text: string) => void) => (event: { target: { value: string } }) => {
    correct(field);
    set(event.target.value);
  };
  const { contact, kind } = gateway;
  const submit = () => {
    const body = {
      ...(contact ? { [contact]: to.trim() } : {}),
      ...(kind === "smtp" ? { subject: subject.trim() || null } : {}),
      text: text || t("gateways.testText"),
    };
    test.mutate({ params: { path: { name: gateway.name } }, body });
  };
  return (
    <section className="panel">
      <h2>{t("gateways.test")}</h2>
      <p className="text-body-secondary">{t("gateways.testHelp")}</p>
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        {error !== null && <Summary error={error} others={others} />}
        <div className="filters">
          {contact && (
            <Field id="test-to" label={t(`gateways.contacts.${contact}`)} problem={own.get(contact)} className="">
              <Form.Control autoComplete="off" value={to} onChange={typed(contact, setTo)} />
            </Field>
          )}
          {kind === "smtp" && (
            <Field id="test-subject" label={t("gateways.subject")} problem={own.get("subject")} className="">
              <Form.Control autoComplete="off" value={subject} onChange={typed("subject", setSubject)} />
            </Field>
          )}
          <Field id="test-text" label={t("gateways.text")} problem={own.get("text")} className="">
            <Form.Control
              autoComplete="off"
              placeholder={t("gateways.testText")}
              value={text}
              onChange={typed("text", setText)}
            />
          </Field>
          <div>
            <Button type="submit" variant="outline-primary" disabled={test.isPending}>
              {t("gateways.send")}
            </Button>
          </div>
        </div>
      </Form>
      <div role="status">
        {test.data && (
          <>
            <dl className="facts">
              <dt>{t("gateways.outcome")}</dt>
              <dd>
                {t(`gateways.outcomes.${test.data.outcome}`)}
                {test.data.status_code !== null && ` (${test.data.status_code})`}
              </dd>
              <dt>{t("gateways.reason")}</dt>
              <dd>
                <ReasonText code={test.data.reason} />
              </dd>
              <dt>{t("gateways.took")}</dt>
              <dd className="tabular">
                {t("gateways.ms", { ms: rate(test.data.duration_s * 1000, language()) })}
              </dd>
            </dl>
            {test.data.answer && (
              <Scrolled className="answer mt-2 mb-0" label={t("gateways.answer")}>
                {test.data.answer}
              </Scrolled>
            )}
          </>
        )}
      </div>
    </section>
  );
}
