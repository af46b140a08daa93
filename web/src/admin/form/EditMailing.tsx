import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useState } from "react";
import { useForm } from "react-hook-form";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import type { components } from "../../api/types/catalog";
import { changed, differences } from "../../ui/changes";
import { Confirm } from "../../ui/Confirm";
import { Conflict } from "../../ui/Conflict";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { shown } from "../../ui/shown";
import { change, figures, isOver, mailing as mailingQuery, type Mailing, MAILINGS, runs as runsQuery } from "../mailings/api";
import { useTitle } from "../../ui/useTitle";
import { type Body, bodyOf, type Changes } from "./body";
import { draft } from "./draft";
import { fixedOf } from "./fixed";
import { HeldBack, heldBack } from "./HeldBack";
import { MailingForm } from "./MailingForm";
import { focusRefused, refuse } from "./refuse";
import { type Values, valuesOf } from "./values";

const route = getRouteApi("/mailings/$id/edit");
type Saved = components["schemas"]["ChangedMailing"];

interface Wanted {
  values: Values;
  version: number;
  without: readonly string[]; // what cannot change any more
}

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
  const [late, setLate] = useState<Wanted | null>(null);
  const begun = useQuery({ ...runsQuery(id), enabled: seen.status === "paused", refetchInterval: false });
  const changesOf = (values: Values) => changed(bodyOf(values), bodyOf(before)) as Changes;
  const newest = () => queries.fetchQuery({ ...mailingQuery(id), staleTime: 0 });
  const save = useMutation({
    mutationFn: async ({ values, version, without }: Wanted) => {
      const body = rest(changesOf(values), without);
      if (Object.keys(body).length === 0) return null;
      try {
        return await change(id, version, body);
      } catch (error) {
        if (Problem.of(error).status !== 412) throw error;
        const now = await newest();
        // a run has begun, or somebody paused it: its fields are what they were, so nothing is to be chosen
        const isSame = Object.keys(changed(bodyOf(valuesOf(now)), bodyOf(before))).length === 0;
        if (!isSame || isOver(now.status)) throw error;
        return await change(id, now.version, body);
      }
    },
    onSuccess: async (done) => {
      setTheirs(null);
      draft.forget(kept);
      void queries.invalidateQueries({ queryKey: MAILINGS });
      const remarks = await thatHold(done?.remarks ?? [], async () => (await queries.fetchQuery(figures(id, seen.status))).by_status.expired);
      if (done && (remarks.length > 0 || done.unknown_phones?.length)) setSaved({ ...done, remarks });
      else void navigate({ to: "/mailings/$id", params: { id }, ignoreBlocker: true });
    },
    onError: async (error, wanted) => {
      const refused = Problem.of(error);
      if (refused.status === 412) {
        setTheirs(await newest());
        return;
      }
      setTheirs(null);
      const fields = heldBack(refused);
      setLate(fields.length > 0 ? { ...wanted, without: fields } : null);
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
        fixed={fixedOf(seen, (begun.data ?? []).length > 0)}
        onGo={(values) => {
          setProblem(null);
          setLate(null);
          save.mutate({ values, version: seen.version, without: [] });
        }}
        onLeave={() => void navigate({ to: "/mailings/$id", params: { id } })}
      >
        {late && (
          <HeldBack
            fields={late.without}
            onRest={Object.keys(rest(changesOf(late.values), late.without)).length > 0 ? () => save.mutate(late) : null}
          />
        )}
        {seen.status === "running" && <p className="alert alert-info">{t(seen.schedule ? "form.runningRecurs" : "form.running")}</p>}
      </MailingForm>
      {theirs && isOver(theirs.status) && (
        <Confirm
          title={t(`form.over.${theirs.status}`)}
          go={t("form.toMailing")}
          onGo={() => {
            draft.forget(kept);
            void navigate({ to: "/mailings/$id", params: { id }, ignoreBlocker: true });
          }}
          onClose={() => setTheirs(null)}
        >
          <p className="mb-0">{t("form.overHelp")}</p>
        </Confirm>
      )}
      {theirs && !isOver(theirs.status) && (
        <Conflict
          now={t("form.changedTo", { version: theirs.version, status: t(`status.${theirs.status}`) })}
          differences={differences<Body>(bodyOf(before), changesOf(form.getValues()) as Partial<Body>, bodyOf(valuesOf(theirs)), shown)}
          label={(field) => t(`bodyField.${field}`)}
          onTheirs={() => {
            draft.forget(kept);
            onSeen(theirs);
          }}
          onMine={() => save.mutate({ values: form.getValues(), version: theirs.version, without: [] })}
          onClose={() => setTheirs(null)}
        />
      )}
    </>
  );
}

/** Returns the changes without the fields that are named. */
function rest(changes: Changes, without: readonly string[]): Changes {
  return Object.fromEntries(Object.entries(changes).filter(([name]) => !without.includes(name)));
}

type Remark = NonNullable<Saved["remarks"]>[number];

/** Returns the remarks without the one about what has expired, where nothing has. */
async function thatHold(remarks: readonly Remark[], expired: () => Promise<number>): Promise<Remark[]> {
  if (!remarks.some((each) => each.code === "not_expired")) return [...remarks];
  const isNone = await expired().then((count) => count === 0, () => false);
  return remarks.filter((each) => !isNone || each.code !== "not_expired");
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
