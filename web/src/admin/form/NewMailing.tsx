import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { useForm, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import type { Problem } from "../../api/problem";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { mailing as mailingQuery, type Mailing, MAILINGS } from "../mailings/api";
import { useTitle } from "../../ui/useTitle";
import { bodyOf, startsAtOnce } from "./body";
import { draft } from "./draft";
import { MailingForm } from "./MailingForm";
import { focusRefused, refuse } from "./refuse";
import { useWallClock } from "./useWallClock";
import { freshValues, type Values, valuesOf } from "./values";

const route = getRouteApi("/mailings/new");

/** A new mailing, from nothing, to a saved audience, or as a copy. */
export function NewMailing() {
  const { t } = useTranslation();
  const { copy, audience = "" } = route.useSearch();
  useTitle(t("mailings.new"));
  const found = useQuery({ ...mailingQuery(copy ?? ""), enabled: copy !== undefined, refetchInterval: false });
  if (copy === undefined) {
    const which = audience ? `audience.${audience}` : "new";
    return <Create initial={{ ...freshValues(new Date()), audience }} draftOf={which} key={which} />;
  }
  if (found.data) {
    const initial = copied(found.data, t("form.copyOf", { name: found.data.name }));
    return <Create initial={initial} draftOf={`copy.${copy}`} key={copy} />;
  }
  if (found.error !== null) return <ProblemPanel error={found.error} again={() => void found.refetch()} />;
  return <p role="status">{t("loading")}</p>;
}

/** What a mailing says and to whom, in a window from now on: its own is likely to be over. */
function copied(mailing: Mailing, name: string): Values {
  const fresh = freshValues(new Date());
  const length = Date.parse(mailing.ends_at) - Date.parse(mailing.starts_at);
  const { startsAt, endsAt } = freshValues(new Date(Date.now() + length - 86_400_000));
  const later = Date.parse(mailing.ends_at) > Date.now() && mailing.schedule !== null;
  const own = valuesOf(mailing);
  return { ...own, name: name.slice(0, 200), begin: "now", startsAt: fresh.startsAt, endsAt: later ? own.endsAt : endsAt || startsAt };
}

function Create({ initial, draftOf }: { initial: Values; draftOf: string }) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const [begun] = useState(initial);
  const form = useForm<Values>({ defaultValues: begun });
  const values = useWatch({ control: form.control }) as Values;
  const now = useWallClock(5_000);
  const key = useRef("");
  const [problem, setProblem] = useState<Problem | null>(null);
  useEffect(() => {
    key.current = ""; // another mailing from now on; the same one tried again stays one
  }, [values]);
  const create = useMutation({
    mutationFn: async (given: Values) => {
      key.current ||= crypto.randomUUID();
      const header = { "Idempotency-Key": key.current };
      return (await catalog.POST("/v1/mailings", { params: { header }, body: bodyOf(given) })).data!;
    },
    onSuccess: ({ mailing_id: id }) => {
      draft.forget(draftOf);
      void queries.invalidateQueries({ queryKey: MAILINGS });
      void navigate({ to: "/mailings/$id", params: { id }, ignoreBlocker: true });
    },
    onError: refused,
  });
  const check = useMutation({
    mutationFn: (given: Values) => catalog.POST("/v1/mailings/preview", { body: { ...bodyOf(given), values: { tags: [] } } }),
    onError: refused,
  });

  function refused(error: unknown) {
    setProblem(refuse(error, form));
    focusRefused();
  }

  const isNow = startsAtOnce(values, now);
  return (
    <>
      <h1 className="h4 mb-3">{t("mailings.new")}</h1>
      <MailingForm
        form={form}
        draftOf={draftOf}
        before={begun}
        isNew
        isBusy={create.isPending || check.isPending}
        isSaved={create.isSuccess}
        problem={problem}
        go={t(isNow ? "form.startNow" : "form.plan")}
        startsAtOnce={isNow}
        onCheck={(given) => {
          setProblem(null);
          return check.mutateAsync(given).then(
            () => true,
            () => false,
          );
        }}
        onGo={(given) => {
          setProblem(null);
          create.mutate(given);
        }}
        onLeave={() => void navigate({ to: "/mailings" })}
      />
    </>
  );
}
