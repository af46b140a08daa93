import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { type FieldProblem, Problem } from "../../api/problem";
import type { components } from "../../api/types/catalog";
import { clientLike, clientOf } from "../../ui/clients";
import { number } from "../../ui/format";
import { phoneOf } from "../../ui/contacts";
import { useProblemTitle } from "../../ui/useProblemText";
import { language } from "../../words";
import { useRefusal } from "./FieldHelp";
import type { Body } from "./body";
import { shownHtml } from "./shownHtml";
import { useLater } from "./useLater";

type Previewed = components["schemas"]["PreviewedMailing"];
type Message = components["schemas"]["MailingPreview"];

const DAY_MS = 86_400_000;
const SEARCH_AFTER_MS = 300; // the last key

async function preview(body: Previewed, signal: AbortSignal) {
  return (await catalog.POST("/v1/mailings/preview", { body, signal })).data!;
}

/** A message as a client would get it: any of those it is for, or one that is named. */
export function MessagePreview({ body }: { body: Body }) {
  const { t, i18n } = useTranslation();
  const words = useRefusal();
  const [typed, setTyped] = useState("");
  const wanted = useLater(typed.trim(), SEARCH_AFTER_MS);
  const phone = phoneOf(wanted);
  const byPhone = useQuery(clientOf(phone));
  const byWords = useQuery(clientLike(phone === null ? wanted : ""));
  const client = phone === null ? byWords : byPhone;
  const clientId = (wanted && client.data?.client_id) || null;
  const isClear = typed.trim() === "" || clientId !== null; // whose message it is
  const { body: text, subject, html, sender, gateway, filter, audience: saved } = body;
  const to = saved ? { audience: saved } : { filter };
  const asked = { body: text, subject, html, sender, gateway, ...to, client_id: clientId };
  const found = useQuery({
    queryKey: ["catalog", "message", asked],
    queryFn: ({ signal }) => {
      const ends_at = new Date(Date.now() + DAY_MS).toISOString();
      return preview({ ...asked, name: "-", ends_at } as Previewed, signal);
    },
    enabled: text.trim() !== "" && isClear,
    retry: false,
    placeholderData: (before) => before,
  });
  const refusal = found.error === null ? null : Problem.of(found.error);
  const titled = useProblemTitle();
  const whatIsWrong = (error: FieldProblem) => {
    const field = `bodyField.${error.pointer.split("/")[1]}`;
    return i18n.exists(field) ? `${t(field)}: ${words(error)}` : words(error);
  };
  return (
    <>
      <Form.Group controlId="preview-client" className="mb-2">
        <Form.Label className="small mb-1">{t("preview.for")}</Form.Label>
        <Form.Control
          size="sm"
          value={typed}
          autoComplete="off"
          onChange={({ target }) => setTyped(target.value)}
        />
        <p className="small mb-0" role="status">
          {wanted && client.data === null && t("preview.nobody")}
          {wanted && client.data && [client.data.full_name, client.data.phone ?? client.data.email].filter(Boolean).join(", ")}
        </p>
      </Form.Group>
      {text.trim() === "" && <p className="text-body-secondary">{t("preview.empty")}</p>}
      {refusal && (
        <p className="text-danger-emphasis">
          {refusal.errors[0] ? whatIsWrong(refusal.errors[0]) : titled(refusal)}
        </p>
      )}
      {found.data && !refusal && isClear && text.trim() !== "" && <Shown preview={found.data} />}
    </>
  );
}

function Shown({ preview: { message, missing } }: { preview: Message }) {
  const { t } = useTranslation();
  const lacking = Object.entries(missing as Record<string, number>).filter(([, count]) => count > 0);
  return (
    <div className="border rounded p-2" data-preview>
      {message.sender && <p className="small mb-1">{message.sender}</p>}
      {message.subject && <p className="fw-semibold mb-1">{message.subject}</p>}
      <p className="preview-text mb-1">{message.text}</p>
      {message.html && (
        <iframe className="w-100 border rounded" sandbox="" title={t("preview.html")} srcDoc={shownHtml(message.html)} />
      )}
      {message.sms && (
        <p className="small text-body-secondary mb-0 tabular">
          {t("preview.sms", { count: message.sms.segments })} ·{" "}
          {t("preview.characters", { count: message.sms.characters })} · {t(`alphabet.${message.sms.alphabet}`)}
        </p>
      )}
      {lacking.map(([name, count]) => (
        <p key={name} className="small text-warning-emphasis mb-0">
          <span aria-hidden="true">⚠ </span>
          {t("preview.missing", { name, count, shown: number(count, language()) })}
        </p>
      ))}
    </div>
  );
}
