import { useQueryClient } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { Confirm } from "../../ui/Confirm";
import { Conflict } from "../../ui/Conflict";
import { changed, differences, plain } from "../../ui/changes";
import { leaveDeleted } from "../../ui/deleted";
import { Skeleton } from "../../ui/List";
import { useTitle } from "../../ui/useTitle";
import { AudienceForm } from "./AudienceForm";
import { type AudienceView, bodyOf, type Fields, fieldsOf, type Filter } from "./filter";
import { InUse } from "./InUse";
import "./words";

const route = getRouteApi("/audiences/$audienceId");

/** One audience: whom it selects, and how it is changed; mailings that refer to it follow. */
export function AudienceScreen() {
  const { t } = useTranslation();
  const { audienceId } = route.useParams();
  const found = $catalog.useQuery("get", "/v1/audiences/{audience_id}", {
    params: { path: { audience_id: audienceId } },
  });
  useTitle(found.data?.name ?? t("audiences.title"));
  const isGone = Problem.of(found.error).isGone;
  return (
    <>
      <p className="mb-2">
        <Link to="/audiences">{t("audiences.title")}</Link>
      </p>
      {found.isPending && <Skeleton rows={8} />}
      {isGone && <h1 className="h4">{t("audiences.gone")}</h1>}
      {found.error !== null && !isGone && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {found.data && <Known audience={found.data} />}
    </>
  );
}

function Known({ audience }: { audience: AudienceView }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const go = useNavigate();
  const [base, setBase] = useState(audience); // what the form began with
  const [isDeleting, setDeleting] = useState(false);
  const [isSaved, setSaved] = useState(false);
  const [conflict, setConflict] = useState<{ mine: Partial<Fields>; theirs: AudienceView }>();
  const path = { audience_id: audience.audience_id };
  const change = $catalog.useMutation("patch", "/v1/audiences/{audience_id}", {
    onSuccess: (now) => {
      take(now);
      setSaved(true); // with what is gone then, so that it gets the focus
    },
  });
  const { queryKey } = $catalog.queryOptions("get", "/v1/audiences/{audience_id}", { params: { path } });
  const remove = $catalog.useMutation("delete", "/v1/audiences/{audience_id}", {
    onSuccess: () => leaveDeleted(queries, () => go({ to: "/audiences", ignoreBlocker: true })),
    onError: (error) => void ifStale(error, take), // what is asked about then is what there is now
  });

  function take(now: AudienceView) {
    setSaved(false);
    queries.setQueryData(queryKey, now);
    setBase(now);
    setConflict(undefined);
  }

  function send(mine: Partial<Fields>, to: AudienceView) {
    setSaved(false);
    const header = { "If-Match": `"${to.version}"` };
    change.mutate(
      { params: { path, header }, body: bodyOf({ ...fieldsOf(to), ...mine }) },
      { onError: (error) => void ifStale(error, (theirs) => setConflict({ mine, theirs })) },
    );
  }

  async function ifStale(error: unknown, then: (now: AudienceView) => void) {
    if (Problem.of(error).status !== 412) return;
    const { data } = await catalog.GET("/v1/audiences/{audience_id}", { params: { path } });
    if (data) then(data);
  }

  const shown = (value: unknown, field: keyof Fields) =>
    field === "contact" ? t(`audiences.contacts.${plain(value) || "any"}`) : plain(value);
  const isConflict = Problem.of(change.error).status === 412;
  const refused = Problem.of(remove.error);
  const isUsed = refused.type === "AudienceInUse";
  return (
    <>
      <div className="screen-head">
        <h1 className="h4 text-break">{base.name}</h1>
        <Link className="btn btn-outline-secondary" to="/mailings/new" search={{ audience: audience.audience_id }}>
          {t("audiences.newMailing")}
        </Link>
        <Button variant="outline-danger" onClick={() => setDeleting(true)}>
          {t("audiences.delete")}
        </Button>
      </div>
      <p className="text-body-secondary">
        {t("audiences.changed")} <Time at={base.changed_at} /> · {t("audiences.followed")}
      </p>
      <AudienceForm
        key={base.version}
        name={base.name}
        initial={fieldsOf(base)}
        go={t("screen.save")}
        isBusy={change.isPending}
        error={isConflict ? null : change.error}
        onSubmit={(name, filter: Filter) => send(changed(fieldsOf({ name, filter }), fieldsOf(base)), base)}
      >
        <span role="status" data-said className="text-success-emphasis fw-semibold">
          {isSaved && t("screen.saved")}
        </span>
      </AudienceForm>
      {conflict && (
        <Conflict
          now={t("screen.nowVersion", { version: conflict.theirs.version })}
          differences={differences(fieldsOf(base), conflict.mine, fieldsOf(conflict.theirs), shown)}
          label={(field) => t(`audiences.${field}`)}
          onTheirs={() => take(conflict.theirs)}
          onMine={() => send(conflict.mine, conflict.theirs)}
          onClose={() => setConflict(undefined)}
        />
      )}
      {isDeleting && (
        <Confirm
          title={t("audiences.deleteTitle", { name: base.name })}
          go={t("audiences.deleteNow")}
          isDanger
          isBusy={remove.isPending}
          error={isUsed ? null : remove.error}
          onGo={() => remove.mutate({ params: { path, header: { "If-Match": `"${base.version}"` } } })}
          onClose={() => {
            remove.reset();
            setDeleting(false);
          }}
        >
          {isUsed ? <InUse problem={refused} /> : <p className="mb-0">{t("audiences.deleteHelp")}</p>}
        </Confirm>
      )}
    </>
  );
}
