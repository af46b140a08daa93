import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import { useClients } from "../../ui/clients";
import { number } from "../../ui/format";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { useProblemText } from "../../ui/useProblemText";
import { tagsIn } from "../../ui/tags";
import { UnknownTags } from "../../ui/UnknownTags";
import { useGatewayName } from "../../ui/useGatewayName";
import { language } from "../../words";
import { Field } from "../../ui/Field";
import type { Filter } from "./filter";

const AFTER_MS = 300; // the last key
const SHOWN = 5;

/** Why nobody is counted: what is wrong in the form is said as the form says it, and asking again helps nobody. */
function NotCounted({ error, again }: { error: unknown; again: () => void }) {
  const said = useProblemText();
  const { errors } = Problem.of(error);
  if (!errors[0]) return <ProblemPanel error={error} again={again} />;
  return (
    <p className="field-problem" role="status">
      {said(errors[0])}
    </p>
  );
}

/** Whom a filter selects now, and who of them would get nothing; asked anew as it is written. */
export function Count({ filter }: { filter: Filter }) {
  const { t, i18n } = useTranslation();
  const [gateway, setGateway] = useState("http");
  const text = useLater(JSON.stringify(filter), AFTER_MS);
  const named = useGatewayName();
  const gateways = $catalog.useQuery("get", "/v1/gateways");
  const found = useQuery({
    queryKey: ["audience-preview", text, gateway],
    queryFn: async ({ signal }) => {
      const body = { filter: JSON.parse(text) as Filter, gateway };
      const params = { query: { limit: SHOWN } };
      return (await dispatcher.POST("/v1/audience-previews", { body, params, signal })).data ?? null;
    },
    placeholderData: keepPreviousData,
    retry: false,
  });
  const counted = found.error === null ? found.data : null;
  const clients = useClients(counted?.clients.map((each) => each.client_id) ?? []);
  return (
    <section className="panel" aria-label={t("audiences.now")}>
      <h2>{t("audiences.now")}</h2>
      <Field id="count-gateway" label={t("audiences.gateway")}>
        <Form.Select value={gateway} onChange={(event) => setGateway(event.target.value)}>
          {gateways.data?.items.map((each) => (
            <option key={each.name} value={each.name}>
              {named(each)}
            </option>
          )) ?? <option>{gateway}</option>}
        </Form.Select>
      </Field>
      {found.error !== null && <NotCounted error={found.error} again={() => void found.refetch()} />}
      <div role="status">
        {counted && (
          <>
            {counted.selected === 0 && <UnknownTags tags={tagsIn(filter)} />}
            <p className="fs-5 mb-1 tabular">
              {t(counted.is_whole ? "audiences.messages" : "audiences.messagesAtLeast", {
                count: counted.messages,
              })}
            </p>
            <p className="text-body-secondary mb-2">
              {t("audiences.selected", { selected: number(counted.selected, language()) })}
            </p>
          </>
        )}
      </div>
      {counted && counted.left_out.length > 0 && (
        <ul className="mb-2">
          {counted.left_out.map(({ reason, clients }) => (
            <li key={reason}>
              {i18n.exists(`audiences.reasons.${reason}`) ? t(`audiences.reasons.${reason}`) : reason} –{" "}
              <span className="tabular">{number(clients, language())}</span>
            </li>
          ))}
        </ul>
      )}
      {counted && counted.clients.length > 0 && (
        <>
          <h3 className="fs-6">{t("audiences.some")}</h3>
          <ul className="mb-0">
            {counted.clients.map((each) => (
              <li key={each.client_id} className="tabular">
                {[clients.get(each.client_id)?.full_name, each.contact ?? each.client_id.slice(0, 8), each.time_zone]
                  .filter(Boolean)
                  .join(" · ")}
              </li>
            ))}
          </ul>
        </>
      )}
    </section>
  );
}

/** Returns a value as it has been for a while. */
function useLater<Value>(value: Value, afterMs: number): Value {
  const [kept, setKept] = useState(value);
  useEffect(() => {
    const waits = setTimeout(() => setKept(value), afterMs);
    return () => clearTimeout(waits);
  }, [value, afterMs]);
  return kept;
}
