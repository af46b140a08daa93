import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import type { components } from "../../api/types/catalog";
import { changed, differences } from "../../ui/changes";
import { Conflict } from "../../ui/Conflict";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { mailing as mailingQuery, type Mailing, MAILINGS, tag } from "../mailings/api";
import { useTitle } from "../../ui/useTitle";
import { type Body, bodyOf, type Changes } from "./body";
import { draft } from "./draft";
import { MailingForm } from "./MailingForm";
import { focusRefused, refuse } from "./refuse";
import { type Values, valuesOf } from "./values";

const route = getRouteApi("/mailings/$id/edit");
type Saved = components["schemas"]["ChangedMailing"];

/** Changes a mailing: only what was changed is sent, for the version that was seen. */
export function EditMailing() {
  const { t } = useTranslation();
  const { id } = route.useParams();
  // once: what others change while it is edited is a conflict, and no field moves by itself
  const found = useQuery({ ...mailingQuery(id), refetchInterval: false, staleTime: Infinity, gcTime: 0, refetchOnWindowFocus: false, refetchOnMount: "always" });
  useTitle(found.data ? t("form.editTitle", { name: found.data.name }) : t("nav.mailings"));
  const [seen, setSeen] = useState<Mailing | null>(null);
  if (found.data && !found.isFetching && seen === null) setSeen(found.data);
  if (seen) return <Edit seen={seen} onSeen={setSeen} key={seen.version} />;
  if (found.error !== null) return <ProblemPanel error={found.error} again={() => void found.refetch()} />;
  return <p role="status">{t("loading")}</p>;
}

function Edit({ seen, onSeen }: { seen: Mailing; onSeen: (mailing: Mailing) => void }) {
  const { t } = useTranslation();
  const { id } = route.useParams();
  const navigate = route.useNavigate();
  const queries = useQueryClient();
  const [before] = useState(() => valuesOf(seen));
  const form = useForm<Values>({ defaultValues: before });
  const kept = `${id}.${seen.version}`;
  const [problem, setProblem] = useState<Problem | null>(null);
  const [theirs, setTheirs] = useState<Mailing | null>(null);
  const [saved, setSaved] = useState<Saved | null>(null);
  const changesOf = (values: Values) => changed(bodyOf(values), bodyOf(before)) as Changes;
  const save = useMutation({
    mutationFn: async ({ values, version }: { values: Values; version: number }) => {
      const body = changesOf(values);
      if (Object.keys(body).length === 0) return null;
      const params = { path: { mailing_id: id }, header: { "If-Match": tag(version) } };
      return (await catalog.PATCH("/v1/mailings/{mailing_id}", { params, body })).data!;
    },
    onSuccess: (done) => {
      setTheirs(null);
      draft.forget(kept);
      void queries.invalidateQueries({ queryKey: MAILINGS });
      if (done?.remarks?.length || done?.unknown_phones?.length) setSaved(done);
      else void navigate({ to: "/mailings/$id", params: { id }, ignoreBlocker: true });
    },
    onError: async (error) => {
      if (Problem.of(error).status === 412) {
        setTheirs(await queries.fetchQuery({ ...mailingQuery(id), staleTime: 0 }));
        return;
      }
      setTheirs(null);
      setProblem(refuse(error, form));
      focusRefused();
    },
  });
  if (saved) return <Remarks saved={saved} />;
  return (
    <>
      <h1 className="h4 mb-3">{t("form.editTitle", { name: seen.name })}</h1>
      <MailingForm
        form={form}
        draftOf={kept}
        before={before}
        isNew={false}
        isBusy={save.isPending}
        isSaved={save.isSuccess}
        problem={problem}
        go={t("form.save")}
        onGo={(values) => {
          setProblem(null);
          save.mutate({ values, version: seen.version });
        }}
        onLeave={() => void navigate({ to: "/mailings/$id", params: { id } })}
      >
        {seen.status === "running" && <p className="alert alert-info">{t("form.running")}</p>}
      </MailingForm>
      {theirs && (
        <Conflict
          now={t("form.changedTo", { version: theirs.version, status: t(`status.${theirs.status}`) })}
          differences={differences<Body>(bodyOf(before), changesOf(form.getValues()) as Partial<Body>, bodyOf(valuesOf(theirs)))}
          label={(field) => t(`bodyField.${field}`)}
          onTheirs={() => {
            draft.forget(kept);
            onSeen(theirs);
          }}
          onMine={() => save.mutate({ values: form.getValues(), version: theirs.version })}
          onClose={() => setTheirs(null)}
        />
      )}
    </>
  );
}

/** What was saved does not hold for all: that is said before one goes on. */
function Remarks({ saved }: { saved: Saved }) {
  const { t } = useTranslation();
  return (
    <>
      <h1 className="h4">{t("form.saved")}</h1>
      <ul>
        {saved.remarks?.map((each) => (
          <li key={each.code}>{t(`remark.${each.code}`)}</li>
        ))}
        {saved.unknown_phones && saved.unknown_phones.length > 0 && (
          <li>{t("form.unknownPhones", { count: saved.unknown_phones.length })}</li>
        )}
      </ul>
      <Link to="/mailings/$id" params={{ id: saved.mailing_id }} className="btn btn-primary">
        {t("form.toMailing")}
      </Link>
    </>
  );
}
