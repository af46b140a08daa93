import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { Confirm } from "../../ui/Confirm";
import { leaveDeleted } from "../../ui/deleted";
import { Skeleton } from "../../ui/List";
import { useTitle } from "../../ui/useTitle";
import { CancelImport } from "./CancelImport";
import { Figures } from "./Figures";
import { Rejected } from "./Rejected";
import type { ImportView } from "./upload";
import { useBytes } from "./useBytes";
import "./words";

const route = getRouteApi("/imports/$importId");

/** One import: what came of it, and which rows were rejected why. */
export function ImportScreen() {
  const { t } = useTranslation();
  const { importId } = route.useParams();
  const found = $catalog.useQuery(
    "get",
    "/v1/imports/{import_id}",
    { params: { path: { import_id: importId } } },
    { refetchInterval: (query) => (query.state.data?.status === "running" ? 1000 : false) },
  );
  useTitle(found.data?.file_name ?? t("imports.one"));
  const isGone = Problem.of(found.error).isGone;
  return (
    <>
      <p className="mb-2">
        <Link to="/imports">{t("imports.title")}</Link>
      </p>
      {found.isPending && <Skeleton rows={6} />}
      {isGone && <h1 className="h4">{t("imports.gone")}</h1>}
      {found.error !== null && !isGone && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.data && <Known view={found.data} refresh={() => void found.refetch()} />}
    </>
  );
}

function Known({ view, refresh }: { view: ImportView; refresh: () => void }) {
  const { t } = useTranslation();
  const bytes = useBytes();
  const queries = useQueryClient();
  const go = useNavigate();
  const [isDeleting, setDeleting] = useState(false);
  const [isCancelling, setCancelling] = useState(false);
  const isRunning = view.status === "running"; // it may end while the question stands
  const params = { path: { import_id: view.import_id } };
  const remove = $catalog.useMutation("delete", "/v1/imports/{import_id}", {
    onSuccess: () => leaveDeleted(queries, () => go({ to: "/imports" })),
  });
  const cancel = $catalog.useMutation("post", "/v1/imports/{import_id}/cancel", {
    onSettled: () => {
      setCancelling(false);
      refresh();
    },
  });
  const facts: [string, React.ReactNode][] = [
    ["status", `${t(`imports.statuses.${view.status}`)}${view.dry_run ? ` (${t("imports.dry")})` : ""}`],
    ["began", <Time at={view.started_at} precision="second" />],
    ["ended", view.ended_at && <Time at={view.ended_at} precision="second" />],
    ["why", view.failure_reason],
    ["size", bytes(view.bytes)],
    ["format", [view.format, view.charset, view.delimiter].filter(Boolean).join(", ")],
    ["columns", view.columns?.map((each) => `${each.name} → ${t(`imports.fields.${each.field}`)}`).join(", ")],
    ["ignoredColumns", view.ignored_columns?.join(", ")],
  ];
  return (
    <>
      <div className="screen-head">
        <h1 className="h4 text-break">{view.file_name ?? t("imports.noName")}</h1>
        {isRunning ? (
          <Button variant="outline-danger" onClick={() => setCancelling(true)}>
            {t("imports.cancel")}
          </Button>
        ) : (
          <Button variant="outline-danger" onClick={() => setDeleting(true)}>
            {t("imports.delete")}
          </Button>
        )}
      </div>
      {cancel.error !== null && <ProblemPanel error={cancel.error} />}
      <Figures view={view} />
      <section className="panel">
        <dl className="facts">
          {facts.map(
            ([name, value]) =>
              value && (
                <div key={name} className="fact">
                  <dt>{t(`imports.${name}`)}</dt>
                  <dd>{value}</dd>
                </div>
              ),
          )}
        </dl>
      </section>
      {view.rejected > 0 && <Rejected view={view} />}
      {isCancelling && isRunning && (
        <CancelImport
          isDry={view.dry_run}
          isBusy={cancel.isPending}
          onGo={() => cancel.mutate({ params })}
          onClose={() => setCancelling(false)}
        />
      )}
      {isDeleting && (
        <Confirm
          title={t("imports.deleteTitle")}
          go={t("imports.deleteNow")}
          isDanger
          isBusy={remove.isPending}
          error={remove.error}
          onGo={() => remove.mutate({ params })}
          onClose={() => setDeleting(false)}
        >
          <p className="mb-0">{t("imports.deleteHelp")}</p>
        </Confirm>
      )}
    </>
  );
}
