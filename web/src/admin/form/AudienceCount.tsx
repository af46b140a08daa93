import { type QueryClient, queryOptions, useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import type { components } from "../../api/types/dispatcher";
import { number } from "../../ui/format";
import { useProblemTitle } from "../../ui/useProblemText";
import { language } from "../../words";
import { audience } from "./audiences";
import { useRefusal } from "./FieldHelp";

interface Audience {
  gateway: string;
  filter?: unknown;
  audience?: string | null | undefined; // a saved one
}

const COUNTED_EVERY_MS = 30_000; // of a million clients it takes a second of the dispatcher

/** How many clients a filter selects now, and how many of them can be written to by a gateway. */
const countOf = (filter: unknown, gateway: string) =>
  queryOptions({
    queryKey: ["dispatcher", "audience", filter, gateway],
    enabled: filter !== undefined,
    queryFn: async ({ signal }) => {
      const asked = { filter, gateway } as components["schemas"]["PreviewedAudience"];
      const params = { query: { limit: 1 } };
      return (await dispatcher.POST("/v1/audience-previews", { params, body: asked, signal })).data!;
    },
    refetchInterval: ({ state }) => (state.error ? false : COUNTED_EVERY_MS), // clients are imported meanwhile
    retry: false,
  });

/** Whether it is known that nobody would get a message now. */
export function isForNobody(queries: QueryClient, body: Audience): boolean {
  const saved = body.audience ? queries.getQueryData(audience(body.audience).queryKey) : undefined;
  const filter: unknown = body.audience ? saved?.filter : body.filter;
  const counted = queries.getQueryData(countOf(filter, body.gateway).queryKey);
  return counted?.is_whole === true && counted.messages === 0;
}

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
