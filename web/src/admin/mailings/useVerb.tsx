import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { Confirm } from "../../ui/Confirm";
import { leaveDeleted } from "../../ui/deleted";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Recipients } from "../form/Recipients";
import { audienceOf, carryOut, isOver, mailing as mailingQuery, type Mailing, MAILINGS, runs, type Verb } from "./api";
import { useFigures } from "./useFigures";
import { asksFirst, isFinal, sends, verbsOf } from "./verbs";

const Postpone = lazy(() => import("./Postpone"));

interface Asked {
  verb: Verb;
  mailing: Mailing; // as it was seen
  isAgain: boolean; // somebody has changed it meanwhile
}

const stay = () => Promise.resolve();

/** Carries out verbs: those that send or are final are asked about; where a mailing was changed meanwhile, it is asked again. */
export function useVerb(onDeleted: () => Promise<void> = stay) {
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Asked | null>(null);
  const [postponed, setPostponed] = useState<Mailing | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const act = useMutation({
    mutationFn: ({ verb, mailing }: Asked) => carryOut(verb, mailing.mailing_id, mailing.version),
    onSuccess: async (_, { verb }) => {
      setAsked(null);
      setProblem(null);
      if (verb === "delete") await leaveDeleted(queries, onDeleted);
    },
    onError: async (error, { verb, mailing }) => {
      const found = Problem.of(error);
      if (found.status !== 412) {
        setAsked(null);
        setProblem(found);
        return;
      }
      const now = await queries.fetchQuery({ ...mailingQuery(mailing.mailing_id), staleTime: 0 });
      const makesSense = verbsOf(now).includes(verb);
      if (makesSense && verb === "pause") {
        // it takes nothing away, and each moment counts: the platform itself has begun a run, most often
        await carryOut(verb, now.mailing_id, now.version).then(() => setProblem(null), (again) => setProblem(Problem.of(again)));
        return;
      }
      setAsked(makesSense ? { verb, mailing: now, isAgain: true } : null);
      setProblem(makesSense ? null : found);
    },
    onSettled: (_, __, { verb }) => {
      if (verb !== "delete") void queries.invalidateQueries({ queryKey: MAILINGS });
      else void queries.invalidateQueries({ queryKey: [...MAILINGS, "list"] });
      void queries.invalidateQueries({ queryKey: ["dispatcher"] });
    },
  });
  const ask = (verb: Verb | "postpone", mailing: Mailing) => {
    setProblem(null);
    if (verb === "postpone") {
      setPostponed(mailing);
      return;
    }
    const wanted = { verb, mailing, isAgain: false };
    if (asksFirst(verb)) setAsked(wanted);
    else act.mutate(wanted);
  };
  const dialog = (
    <>
      {asked && <AskAgain asked={asked} isBusy={act.isPending} onGo={() => act.mutate(asked)} onClose={() => setAsked(null)} />}
      {postponed && (
        <Suspense>
          <Postpone mailing={postponed} onClose={() => setPostponed(null)} />
        </Suspense>
      )}
    </>
  );
  return {
    ask,
    pending: act.isPending ? act.variables : null,
    dialog,
    problem: problem && <ProblemPanel error={problem} />,
  };
}

function AskAgain({
  asked,
  isBusy,
  onGo,
  onClose,
}: {
  asked: Asked;
  isBusy: boolean;
  onGo: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const { verb, mailing, isAgain } = asked;
  const { now: known } = useFigures(mailing, mailing.status !== "created");
  const [typed, setTyped] = useState("");
  const isSure = verb !== "delete" || mailing.status !== "running";
  const overlap = useOverlap(asked);
  return (
    <Confirm
      title={t(`verbTitle.${verb}`, { name: mailing.name })}
      go={t(`verb.${verb}`)}
      isDanger={isFinal(verb)}
      isBusy={isBusy}
      isDisabled={overlap === "skip" || (!isSure && typed.trim() !== mailing.name)}
      onGo={onGo}
      onClose={onClose}
    >
      {isAgain && (
        <p className="fw-semibold">
          {t("changedMeanwhile", { version: mailing.version, status: t(`status.${mailing.status}`) })}
        </p>
      )}
      {overlap && <p className="fw-semibold">{t(`besides.${overlap}`)}</p>}
      {sends(verb) && overlap !== "skip" && <Recipients body={audienceOf(mailing)} byClocks={mailing.time_policy !== null} />}
      {!isOver(mailing.status) && isFinal(verb) && (
        <p className="mb-2">
          {mailing.status === "created" && t("consequence.neverBegins")}
          {mailing.status !== "created" &&
            (known
              ? t("consequence.open", { count: known.by_status.planned + known.by_status.retry })
              : t("consequence.unknown"))}
        </p>
      )}
      {isFinal(verb) && mailing.schedule && !isOver(mailing.status) && <p className="mb-2">{t("consequence.recurs")}</p>}
      {verb === "delete" && <p className="mb-2">{t("consequence.delete")}</p>}
      {!isSure && (
        <Form.Group controlId="typed-name">
          <Form.Label>{t("consequence.typeName", { name: mailing.name })}</Form.Label>
          <Form.Control value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
        </Form.Group>
      )}
    </Confirm>
  );
}

/** What a run by hand does beside one that is going on; null: there is none. */
function useOverlap({ verb, mailing }: Asked) {
  const found = useQuery({ ...runs(mailing.mailing_id), enabled: verb === "run" && mailing.status === "running" });
  const isGoing = verb === "run" && (found.data ?? []).some((each) => each.finished_at === null);
  return isGoing ? (mailing.schedule?.overlap ?? "skip") : null;
}

/** Where verbs lead that are screens of their own. */
export function useGoTo() {
  const navigate = useNavigate();
  return (verb: "edit" | "copy", id: string) =>
    verb === "edit"
      ? void navigate({ to: "/mailings/$id/edit", params: { id } })
      : void navigate({ to: "/mailings/new", search: { copy: id } });
}
