import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { useLive } from "../../live/hooks";
import { Confirm } from "../../ui/Confirm";
import { useProblemTitle } from "../../ui/useProblemText";
import { carryOut, type Mailing, MAILINGS, type Verb } from "./api";
import { BULK, isFinal, thatAllow } from "./verbs";

interface Result {
  id: string;
  name: string;
  problem: Problem | null;
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
      const { mailing_id: id, name, version } = each;
      const problem = await carryOut(verb, id, version).then(() => null, (error: unknown) => Problem.of(error));
      setResults((before) => [...before, { id, name, problem }]);
    }
    setBusy(false);
    setAsked(null);
    void queries.invalidateQueries({ queryKey: MAILINGS });
  };
  const open = chosen
    .map((each) => live.mailings.get(each.mailing_id)?.by_status)
    .reduce((sum, each) => sum + (each ? each.planned + each.retry : 0), 0);
  return (
    <section className="border rounded p-2 mb-3" aria-label={t("bulk.label")}>
      <div className="d-flex flex-wrap align-items-center gap-2">
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
        <Button size="sm" variant="link" onClick={onDone}>
          {t("bulk.clear")}
        </Button>
      </div>
      {results.length > 0 && (
        <ul className="list-unstyled mb-0 mt-2" role="status">
          {results.map(({ id, name, problem }) => (
            <li key={id} className={problem ? "text-danger-emphasis" : undefined}>
              <span aria-hidden="true">{problem ? "✕" : "✓"}</span> {name}:{" "}
              {problem ? titled(problem) : t("bulk.done")}
            </li>
          ))}
        </ul>
      )}
      {asked && (
        <Confirm
          title={t("bulk.stopTitle", { count: thatAllow(asked, chosen).length })}
          go={t(`verb.${asked}`)}
          isDanger
          isBusy={isBusy}
          onGo={() => void doAll(asked)}
          onClose={() => setAsked(null)}
        >
          <p>{t("consequence.open", { count: open })}</p>
          <p className="mb-0">{t("bulk.stopHelp")}</p>
        </Confirm>
      )}
    </section>
  );
}
