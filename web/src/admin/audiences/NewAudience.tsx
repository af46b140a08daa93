import { Link, useNavigate } from "@tanstack/react-router";
import { useRef } from "react";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import { useTitle } from "../../ui/useTitle";
import { AudienceForm } from "./AudienceForm";
import { EMPTY, type Filter } from "./filter";
import "./words";

/** Saves a filter under a name; repeating it after a broken connection saves no second one. */
export function NewAudience() {
  const { t } = useTranslation();
  useTitle(t("audiences.new"));
  const go = useNavigate();
  const attempt = useRef({ body: "", key: "" });
  const save = $catalog.useMutation("post", "/v1/audiences", {
    onSuccess: (made) => go({ to: "/audiences/$audienceId", params: { audienceId: made.audience_id }, ignoreBlocker: true }),
  });
  const submit = (name: string, filter: Filter) => {
    const body = { name, filter };
    const text = JSON.stringify(body);
    if (attempt.current.body !== text) attempt.current = { body: text, key: crypto.randomUUID() };
    save.mutate({ body, params: { header: { "Idempotency-Key": attempt.current.key } } });
  };
  return (
    <>
      <p className="mb-2">
        <Link to="/audiences">{t("audiences.title")}</Link>
      </p>
      <h1 className="h4">{t("audiences.new")}</h1>
      <AudienceForm
        name=""
        initial={EMPTY}
        go={t("screen.save")}
        isBusy={save.isPending}
        error={save.error}
        onSubmit={submit}
      >
        <Link className="btn btn-outline-secondary" to="/audiences">
          {t("cancel")}
        </Link>
      </AudienceForm>
    </>
  );
}
