import { useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { type ReactNode, useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, catalog } from "../../api/client";
import { Time } from "../../ui/Time";
import { Confirm } from "../../ui/Confirm";
import { List } from "../../ui/List";
import { usePages } from "../../ui/usePages";
import { clientsOf, named, type Shown } from "./clients";
import "./words";

export type Asked = {
  topic?: string;
  reason?: string;
  client_id?: string;
  phone?: string;
  email?: string;
};

interface Props {
  asked: Asked;
  contacts?: { phone?: string | undefined; email?: string | undefined }; // whose hashes those of the list are
  empty: ReactNode;
}

/** What is not wanted any more, the newest first, each with the way to write again. */
export function SuppressionList({ asked, contacts, empty }: Props) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [lifted, setLifted] = useState<Shown>();
  const found = usePages(["suppressions", asked], async (cursor, signal) => {
    const query = { ...asked, limit: 100, cursor };
    const { data } = await catalog.GET("/v1/suppressions", { params: { query }, signal });
    return data ? { data: { ...data, items: await withNames(data.items, signal) } } : {};
  });
  const lift = $catalog.useMutation("delete", "/v1/suppressions/{subject}", {
    onSuccess: () => {
      setLifted(undefined);
      void queries.invalidateQueries({ queryKey: ["suppressions"] });
    },
  });
  const contactOf = ({ kind }: Shown) => (kind === "phone" || kind === "email" ? contacts?.[kind] : undefined);
  const topicOf = (each: Shown) => each.topic ?? t("suppressions.allTopics");
  return (
    <>
      <List<Shown>
        found={found}
        label={t("suppressions.title")}
        head={["kind", "topic", "reason", "source", "since", "actions"].map((each) =>
          t(`suppressions.${each}`),
        )}
        row={(each) => (
          <tr key={`${each.subject} ${each.topic ?? ""}`}>
            <th scope="row" className="fw-normal">
              {each.name ? (
                <Link to="/clients/$clientId" params={{ clientId: each.subject }}>
                  {each.name}
                </Link>
              ) : (
                <>
                  {t(`suppressions.${contactOf(each) ? "ofClient" : "kinds"}.${each.kind}`)}{" "}
                  {contactOf(each) ?? <code className="small text-break">{each.subject}</code>}
                </>
              )}
            </th>
            <td data-label={t("suppressions.topic")}>{topicOf(each)}</td>
            <td data-label={t("suppressions.reason")}>{t(`suppressions.reasons.${each.reason}`)}</td>
            <td data-label={t("suppressions.source")}>{each.source}</td>
            <td data-label={t("suppressions.since")}>
              <Time at={each.since} />
            </td>
            <td>
              <Button
                size="sm"
                variant="outline-secondary"
                aria-label={t("suppressions.liftThis", { topic: topicOf(each) })}
                onClick={() => setLifted(each)}
              >
                {t("suppressions.lift")}
              </Button>
            </td>
          </tr>
        )}
        empty={empty}
      />
      {lifted && (
        <Confirm
          title={t("suppressions.liftTitle")}
          go={t("suppressions.lift")}
          isBusy={lift.isPending}
          error={lift.error}
          onGo={() =>
            lift.mutate({
              params: {
                path: { subject: lifted.subject },
                query: { topic: lifted.topic ?? undefined },
              },
            })
          }
          onClose={() => {
            lift.reset();
            setLifted(undefined);
          }}
        >
          <p>{lifted.topic === null ? t("suppressions.liftAll") : t("suppressions.liftHelp", { topic: lifted.topic })}</p>
          {["unsubscribed", "complained"].includes(lifted.reason) && (
            <p className="mb-0 fw-semibold">
              {t(`suppressions.asked.${lifted.reason as "unsubscribed" | "complained"}`)}
            </p>
          )}
        </Confirm>
      )}
    </>
  );
}

/** Returns a page of suppressions with the names of its clients. */
async function withNames(page: readonly Shown[], signal: AbortSignal): Promise<Shown[]> {
  const ids = clientsOf(page);
  if (ids.length === 0) return [...page];
  const query = { ids, limit: 100 };
  const { data } = await catalog.GET("/v1/clients", { params: { query }, signal });
  return named(page, data?.items ?? []);
}
