import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useFormContext, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { useGatewayName } from "../../ui/useGatewayName";
import { gateways } from "../mailings/api";
import { ChoiceField, Held, Part, TextField } from "./Fields";
import { useSenderHelp } from "./useSenderHelp";
import type { Values } from "./values";
import "./words";

type Text = "subject" | "body" | "html";
const VARIABLES = ["full_name", "phone", "email", "operator_code", "time_zone", "comment"] as const;

/** What the gateway is, and what is sent through it: subject, sender and HTML are of mails alone. */
export function ContentPart() {
  const { t } = useTranslation();
  const { control } = useFormContext<Values>();
  const [gateway, subject, html, sender] = useWatch({ control, name: ["gateway", "subject", "html", "sender"] });
  const known = useQuery(gateways);
  const chosen = known.data?.find((each) => each.name === gateway);
  const isMail = chosen?.contact === "email" || chosen?.contact === null;
  const hasParts = isMail || !!(subject || html || sender); // what is there can be removed
  const named = useGatewayName();
  const senderHelp = useSenderHelp(chosen);
  const options = (known.data ?? []).map((each) => [each.name, named(each)] as const);
  if (!chosen) options.push([gateway, gateway]);
  const [into, setInto] = useState<Text>("body"); // the text that had the caret last
  return (
    <Part title={t("form.content")}>
      <TextField name="name" label={t("form.name")} help={t("form.nameHelp")} />
      <Held>
        <ChoiceField
          name="gateway"
          label={t("mailings.gateway")}
          options={options}
          help={chosen ? t(`form.gatewayOf.${chosen.contact ?? "any"}`) : ""}
        />
        {chosen?.is_paused && <p className="text-warning-emphasis">{t("form.gatewayPaused")}</p>}
        {hasParts && (
          <>
            <TextField name="sender" label={t("form.sender")} help={senderHelp} />
            <TextField name="subject" label={t("form.subject")} onFocus={() => setInto("subject")} />
          </>
        )}
        <TextField name="body" label={t("form.body")} rows={6} onFocus={() => setInto("body")} />
        <Variables into={hasParts ? into : "body"} />
        {hasParts && (
          <TextField name="html" label={t("form.html")} rows={6} isCode help={t("form.htmlHelp")} onFocus={() => setInto("html")} />
        )}
      </Held>
    </Part>
  );
}

/** Puts a variable where the caret is, in the text that had it last. */
function Variables({ into }: { into: Text }) {
  const { t } = useTranslation();
  const { setValue, getValues } = useFormContext<Values>();
  const insert = (name: string) => {
    const field = document.getElementById(`field-${into}`) as HTMLInputElement | HTMLTextAreaElement | null;
    const before = getValues(into);
    const from = field?.selectionStart ?? before.length;
    const to = field?.selectionEnd ?? before.length;
    const put = `{{ ${name} }}`;
    setValue(into, before.slice(0, from) + put + before.slice(to), { shouldDirty: true });
    field?.focus();
    field?.setSelectionRange(from + put.length, from + put.length);
  };
  const label = t(`form.insertInto.${into}`);
  return (
    <div className="d-flex flex-wrap gap-1 align-items-center mb-3" role="group" aria-label={label}>
      <span className="small text-body-secondary me-1">{label}:</span>
      {VARIABLES.map((each) => (
        <Button key={each} size="sm" variant="outline-secondary" onClick={() => insert(each)}>
          {t(`variable.${each}`)}
        </Button>
      ))}
    </div>
  );
}
