import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { $catalog, catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import { Conflict } from "../../ui/Conflict";
import { changed, differences } from "../../ui/changes";
import { ClientForm } from "./ClientForm";
import { type ClientView, draftOf, type Profile, profileOf, shown } from "./profile";

/** Changes what differs from the version that was read; of two at once the second is asked. */
export function EditClient({ client }: { client: ClientView }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [base, setBase] = useState(client); // what the form began with
  const [conflict, setConflict] = useState<{ wanted: Partial<Profile>; theirs: ClientView }>();
  const [isSaved, setSaved] = useState(false);
  const path = { client_id: client.client_id };
  const change = $catalog.useMutation("patch", "/v1/clients/{client_id}", { onSuccess: take });

  function take(now: ClientView) {
    const { queryKey } = $catalog.queryOptions("get", "/v1/clients/{client_id}", { params: { path } });
    queries.setQueryData(queryKey, now);
    setBase(now);
    setConflict(undefined);
  }

  function send(wanted: Partial<Profile>, version: number) {
    setSaved(false);
    if (Object.keys(wanted).length === 0) return setSaved(true);
    const header = { "If-Match": `"${version}"` };
    change.mutate(
      { params: { path, header }, body: wanted },
      { onSuccess: () => setSaved(true), onError: (error) => void refused(error, wanted) },
    );
  }

  async function refused(error: unknown, wanted: Partial<Profile>) {
    if (Problem.of(error).status !== 412) return;
    const { data } = await catalog.GET("/v1/clients/{client_id}", { params: { path } });
    if (data) setConflict({ wanted, theirs: data });
  }

  const isConflict = Problem.of(change.error).status === 412;
  return (
    <>
      <ClientForm
        key={base.version}
        initial={draftOf(profileOf(base))}
        go={t("screen.save")}
        isBusy={change.isPending}
        error={isConflict ? null : change.error}
        onSubmit={(mine) => send(changed(mine, profileOf(base)), base.version)}
      >
        <span role="status" data-said className="text-success-emphasis fw-semibold">
          {isSaved && t("screen.saved")}
        </span>
      </ClientForm>
      {conflict && (
        <Conflict
          now={t("screen.nowVersion", { version: conflict.theirs.version })}
          differences={differences(profileOf(base), conflict.wanted, profileOf(conflict.theirs), (value) =>
            shown(value, (day) => t(`clients.days.${day}`)),
          )}
          label={(field) => t(`clients.${field}`)}
          onTheirs={() => take(conflict.theirs)}
          onMine={() => send(conflict.wanted, conflict.theirs.version)}
          onClose={() => setConflict(undefined)}
        />
      )}
    </>
  );
}
