import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $dispatcher, dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import type { components } from "../../api/types/dispatcher";
import { Conflict } from "../../ui/Conflict";
import { changed, differences } from "../../ui/changes";
import { Field } from "../../ui/Field";
import { Leaving } from "../../ui/Leaving";
import { Summary } from "../../ui/Summary";
import { useRefused } from "../../ui/useRefused";
import { defaultOf, described, type Draft, draftOf, type GatewayView, NUMBERS } from "./limits";

type Description = components["schemas"]["HttpDescription"];

/** How fast a gateway may be used; dispatchers take a change over within a second. */
export function Limits({ gateway }: { gateway: GatewayView }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [base, setBase] = useState(gateway); // what the form began with
  const [draft, setDraft] = useState(() => draftOf(gateway));
  const [theirs, setTheirs] = useState<GatewayView>();
  const path = { name: gateway.name };
  const put = $dispatcher.useMutation("put", "/v1/gateways/{name}", {
    onSuccess: take,
    onError: async (error) => {
      if (Problem.of(error).status !== 412) return;
      const { data } = await dispatcher.GET("/v1/gateways/{name}", { params: { path } });
      if (data) setTheirs(data);
    },
  });

  function take(now: GatewayView) {
    const { queryKey } = $dispatcher.queryOptions("get", "/v1/gateways/{name}", { params: { path } });
    queries.setQueryData(queryKey, now);
    setBase(now);
    setDraft(draftOf(now));
    setTheirs(undefined);
  }

  function send(of: GatewayView, wanted: Draft) {
    const header = { "If-Match": `"${of.version}"` };
    put.mutate({ params: { path, header }, body: described(of, wanted) as unknown as Description });
  }

  const mine = changed(draft, draftOf(base));
  const isConflict = Problem.of(put.error).status === 412;
  const refused = put.error !== null && !isConflict;
  const { own, others, error, correct } = useRefused(refused ? put.error : null, NUMBERS);
  return (
    <section className="panel">
      <h2>{t("gateways.limits")}</h2>
      <p className="text-body-secondary">{t("gateways.limitsHelp")}</p>
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          send(base, draft);
        }}
      >
        <Leaving isDirty={Object.keys(mine).length > 0} />
        {error !== null && <Summary error={error} others={others} />}
        <div className="filters">
          {NUMBERS.map((name) => (
            <Field key={name} id={`limit-${name}`} label={t(`gateways.limit.${name}`)} problem={own.get(name)} className="">
              <Form.Control
                inputMode="decimal"
                autoComplete="off"
                placeholder={String(defaultOf(gateway.kind, name) ?? t("gateways.unlimited"))}
                value={draft[name]}
                onChange={(event) => {
                  correct(name);
                  setDraft({ ...draft, [name]: event.target.value });
                }}
              />
            </Field>
          ))}
        </div>
        <Form.Check
          className="mb-3"
          id="limit-resends"
          label={t("gateways.resends")}
          checked={draft.resends_unknown}
          onChange={(event) => setDraft({ ...draft, resends_unknown: event.target.checked })}
        />
        <Button type="submit" disabled={put.isPending || Object.keys(mine).length === 0}>
          {t("screen.save")}
        </Button>
        <span role="status" data-said className="ms-2 text-body-secondary">
          {put.isSuccess && Object.keys(mine).length === 0 && t("gateways.saved")}
        </span>
      </Form>
      {theirs && (
        <Conflict
          now={t("screen.nowVersion", { version: theirs.version })}
          differences={differences(draftOf(base), mine, draftOf(theirs), (value) =>
            typeof value === "boolean" ? t(value ? "gateways.yes" : "gateways.no") : String(value),
          )}
          label={(name) => t(name === "resends_unknown" ? "gateways.resends" : `gateways.limit.${name}`)}
          onTheirs={() => take(theirs)}
          onMine={() => send(theirs, { ...draftOf(theirs), ...mine })}
          onClose={() => setTheirs(undefined)}
        />
      )}
    </section>
  );
}
