import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { useLive } from "../../live/hooks";
import { Confirm } from "../../ui/Confirm";
import { useProblemTitle } from "../../ui/useProblemText";
import { type Mailing, MAILINGS, type Verb } from "./api";
import { type Outcome, outcomeOf } from "./outcome";
import { BULK, isFinal, thatAllow } from "./verbs";

interface Result extends Outcome {
  id: string;
  name: string;
}

/** One verb for all that are chosen, in turn, with a line for what came of each. */
export function Bulk({ chosen, onDone }: { chosen: readonly Mailing[]; onDone: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const titled = useProblemTitle();
  const live = useLive();
  const [asked, setAsked] = useState<Verb | null>(null);
  const [isBusy, setBusy] = useState(false);
  const [results, setResults] = useState<readonly Result[]>([]);
  const doAll = async (verb: Verb) => {
    setBusy(true);
    setResults([]);
    for (const each of thatAllow(verb, chosen)) {
      const result = { id: each.mailing_id, name: each.name, ...(await outcomeOf(queries, verb, each)) };
      setResults((before) => [...before, result]);
    }
    setBusy(false);
    setAsked(null);
    void queries.invalidateQueries({ queryKey: MAILINGS });
  };
  if (chosen.length === 0 && results.length === 0) return null;
  const open = thatAllow("stop", chosen)
    .map((each) => live.mailings.get(each.mailing_id)?.by_status)
    .reduce((sum, each) => sum + (each ? each.planned + each.retry : 0), 0);
  return (
    <section className="bulk border rounded p-2 mb-3" aria-label={t("bulk.label")}>
      <div className="d-flex flex-wrap align-items-center gap-2">
        {chosen.length > 0 && (
          <>
            <strong role="status">{t("bulk.chosen", { count: chosen.length })}</strong>
            {BULK.map((verb) => {
              const { length } = thatAllow(verb, chosen);
              return (
                <Button
                  key={verb}
                  size="sm"
                  variant={isFinal(verb) ? "outline-danger" : "outline-primary"}
                  disabled={isBusy || length === 0}
                  onClick={() => (isFinal(verb) ? setAsked(verb) : void doAll(verb))}
                >
                  {t(`verb.${verb}`)} ({length})
                </Button>
              );
            })}
          </>
        )}
        <Button
          size="sm"
          variant="link"
          onClick={() => {
            setResults([]);
            onDone();
          }}
        >
          {t(chosen.length > 0 ? "bulk.clear" : "close")}
        </Button>
      </div>
      {results.length > 0 && (
        <div role="status" data-said>
          <ul className="list-unstyled mb-0 mt-2">
            {results.map(({ id, name, problem, status }) => (
              <li key={id} className={problem ? "text-danger-emphasis" : undefined}>
                <span aria-hidden="true">{problem ? "✕" : "✓"}</span>{" "}
                <Link to="/mailings/$id" params={{ id }}>
                  {name}
                </Link>
                :{" "}
                {status ? t("bulk.isNow", { status: t(`status.${status}`) }) : problem ? titled(problem) : t("bulk.done")}
              </li>
            ))}
          </ul>
        </div>
      )}
      {asked && (
        <Confirm
          title={t("bulk.stopTitle", { count: thatAllow(asked, chosen).length })}
          go={t(`verb.${asked}`)}
          isDanger
          isBusy={isBusy}
          isDisabled={thatAllow(asked, chosen).length === 0}
          onGo={() => void doAll(asked)}
          onClose={() => setAsked(null)}
        >
          <p>{t("bulk.open", { count: open })}</p>
          <p className="mb-0">{t("bulk.stopHelp")}</p>
        </Confirm>
      )}
    </section>
  );
}
