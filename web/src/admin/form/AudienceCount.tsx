import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import { number } from "../../ui/format";
import { useProblemTitle } from "../../ui/useProblemText";
import { tagsIn } from "../../ui/tags";
import { UnknownTags } from "../../ui/UnknownTags";
import { language } from "../../words";
import { audience } from "./audiences";
import { type Audience, countOf } from "./counting";
import { useRefusal } from "./FieldHelp";
import "./words";

/** To how many it would go now, and who is left out. What else is wrong with the form does not matter for that. */
export function AudienceCount({ body }: { body: Audience }) {
  const { t } = useTranslation();
  const words = useRefusal();
  const titled = useProblemTitle();
  const { gateway } = body;
  const saved = useQuery(audience(body.audience ?? ""));
  const filter = body.audience ? saved.data?.filter : body.filter;
  const found = useQuery({ ...countOf(filter, gateway), placeholderData: (before) => before });
  if (found.error !== null) {
    const problem = Problem.of(found.error);
    const [first] = problem.errors;
    return <p className="text-danger-emphasis mb-2">{first ? words(first) : titled(problem)}</p>;
  }
  if (!found.data) return <p role="status">{t("loading")}</p>;
  const { selected, is_whole: isWhole, messages, left_out: leftOut } = found.data;
  const isNobody = isWhole && messages === 0;
  return (
    <div data-clients={selected}>
      <p className={`fs-5 mb-1 ${isNobody ? "text-warning-emphasis" : ""}`} role="status">
        {isNobody && <span aria-hidden="true">⚠ </span>}
        {t(isWhole ? "preview.clients" : "preview.clientsMore", { count: selected })}
      </p>
      {selected === 0 && <UnknownTags tags={tagsIn(filter)} />}
      {leftOut.length > 0 && (
        <>
          <p className="mb-1">{t("preview.messages", { count: messages })}</p>
          <ul className="mb-1 ps-3">
            {leftOut.map((each) => (
              <li key={each.reason} className="text-warning-emphasis" data-left-out={each.reason}>
                <LeftOut reason={each.reason} /> {number(each.clients, language())}
              </li>
            ))}
          </ul>
        </>
      )}
    </div>
  );
}

function LeftOut({ reason }: { reason: string }) {
  const { t, i18n } = useTranslation();
  const known = `leftOut.${reason}`;
  return <>{i18n.exists(known) ? t(known) : reason}:</>;
}
