import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Confirm } from "../../ui/Confirm";
import { Field } from "../../ui/Field";
import { Summary } from "../../ui/Summary";
import { useRefused } from "../../ui/useRefused";
import { Time } from "../../ui/Time";
import { of, type Service } from "./services";
import type { Item, Kind } from "./SetAside";

type Choice = "replay" | "discard";

interface Props {
  service: Service;
  kind: Kind;
  item: Item | null; // null: all of the service
  onDone: () => void;
  onClose: () => void;
}

/** What was set aside, and the decision about it, with a reason that goes into the service's log. */
export function Decide({ service, kind, item, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const [reason, setReason] = useState("");
  const [by, setBy] = useState("");
  const [isGivenUp, setGivenUp] = useState(false); // and not asked about yet
  const decide = useMutation({
    mutationFn: async (choice: Choice) => {
      const whom = item?.key ? { key: item.key } : {};
      const body = { reason: reason.trim(), ...(by.trim() ? { by: by.trim() } : {}), ...whom };
      if (kind === "letters") return of(service).POST(`/v1/dead-letters/${choice}`, { body });
      return of(service).POST(`/v1/outbox/unpublished/${choice}`, { body });
    },
    onSuccess: onDone,
    onError: () => setGivenUp(false),
  });
  const { own, others, error, correct } = useRefused(decide.error, ["reason", "by"]);
  const typed = (field: string, set: (text: string) => void) => (event: { target: { value: string } }) => {
    correct(field);
    set(event.target.value);
  };
  const isDisabled = !reason.trim() || decide.isPending;
  if (isGivenUp) {
    return (
      <Confirm
        title={t("setAside.discardTitle")}
        go={t("setAside.discard")}
        isDanger
        isBusy={decide.isPending}
        onGo={() => decide.mutate("discard")}
        onClose={() => setGivenUp(false)}
      >
        <p>{t(item?.key ? "setAside.discardOfMailing" : "setAside.discardOfService", { service: t(`operations.services.${service}`) })}</p>
        <p className="mb-0">{t("setAside.discardHelp")}</p>
      </Confirm>
    );
  }
  return (
    <Modal show centered onHide={onClose} aria-labelledby="decide-title">
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (!isDisabled) decide.mutate("replay");
        }}
      >
        <Modal.Header closeButton closeLabel={t("close")}>
          <Modal.Title as="h2" className="h5" id="decide-title">
            {t("setAside.decideTitle")}
          </Modal.Title>
        </Modal.Header>
        <Modal.Body>
          {error !== null && <Summary error={error} others={others} />}
          {item ? <Facts of={item} /> : <p>{t("setAside.all", { service: t(`operations.services.${service}`) })}</p>}
          <p>{t(item?.key ? "setAside.ofMailing" : "setAside.ofService")}</p>
          <p>{t("setAside.choice")}</p>
          <Field id="decide-reason" label={t("setAside.why")} help={t("setAside.whyHelp")} problem={own.get("reason")}>
            <Form.Control value={reason} maxLength={500} onChange={typed("reason", setReason)} />
          </Field>
          <Field id="decide-by" label={t("setAside.who")} isOptional problem={own.get("by")}>
            <Form.Control value={by} maxLength={100} onChange={typed("by", setBy)} />
          </Field>
        </Modal.Body>
        <Modal.Footer>
          <Button variant="outline-danger" disabled={isDisabled} onClick={() => setGivenUp(true)}>
            {t("setAside.discard")}…
          </Button>
          <Button type="submit" disabled={isDisabled}>
            {t("setAside.replay")}
          </Button>
        </Modal.Footer>
      </Form>
    </Modal>
  );
}

function Facts({ of: item }: { of: Item }) {
  const { t } = useTranslation();
  return (
    <dl className="facts mb-3">
      {item.facts.map(([name, value]) => (
        <div key={name} className="fact">
          <dt>{t(`setAside.${name}`)}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <dt>{t("setAside.at")}</dt>
      <dd>
        <Time at={item.at} precision="second" />
      </dd>
      <dt>{t("setAside.reason")}</dt>
      <dd>{item.reason}</dd>
    </dl>
  );
}
