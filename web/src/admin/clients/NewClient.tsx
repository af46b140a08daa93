import { Link, useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import { useTitle } from "../../ui/useTitle";
import { ClientForm } from "./ClientForm";
import { EMPTY, type Profile } from "./profile";
import "./words";

/** Registers a client; repeating it after a broken connection registers no second one. */
export function NewClient() {
  const { t } = useTranslation();
  useTitle(t("clients.new"));
  const go = useNavigate();
  const attempt = useRef({ body: "", key: "" });
  const register = $catalog.useMutation("post", "/v1/clients", {
    onSuccess: (made) => go({ to: "/clients/$clientId", params: { clientId: made.client_id }, ignoreBlocker: true }),
  });
  const submit = (body: Profile) => {
    const text = JSON.stringify(body);
    if (attempt.current.body !== text) attempt.current = { body: text, key: crypto.randomUUID() };
    register.mutate({ body, params: { header: { "Idempotency-Key": attempt.current.key } } });
  };
  return (
    <>
      <p className="mb-2">
        <Link to="/clients">{t("clients.title")}</Link>
      </p>
      <h1 className="h4">{t("clients.new")}</h1>
      <ClientForm
        initial={EMPTY}
        go={t("clients.register")}
        isBusy={register.isPending}
        error={register.error}
        onSubmit={submit}
      >
        <Link className="btn btn-outline-secondary" to="/clients">
          {t("cancel")}
        </Link>
      </ClientForm>
    </>
  );
}
