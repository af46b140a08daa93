import { useTranslation } from "react-i18next";

import { $catalog, $dispatcher } from "../../api/client";
import { Confirm } from "../parts/Confirm";
import type { ClientView } from "./profile";

const COUNTED = 1000;

interface Props {
  client: ClientView;
  name: string;
  onDone: () => void;
  onCancel: () => void;
}

/** Asks before a client is deleted, with what is cancelled by it. */
export function DeleteClient({ client, name, onDone, onCancel }: Props) {
  const { t } = useTranslation();
  const { client_id } = client;
  const planned = $dispatcher.useQuery("get", "/v1/messages", {
    params: { query: { client_id, status: "planned", limit: COUNTED } },
  });
  const cancelled = planned.data?.items.length ?? 0;
  const remove = $catalog.useMutation("delete", "/v1/clients/{client_id}", { onSuccess: onDone });
  const header = { "If-Match": `"${client.version}"` };
  return (
    <Confirm
      title={t("clients.deleteTitle", { name })}
      go={t("clients.deleteNow")}
      isDangerous
      isBusy={remove.isPending}
      error={remove.error}
      onGo={() => remove.mutate({ params: { path: { client_id }, header } })}
      onCancel={onCancel}
    >
      <p>{t("clients.deleteHelp")}</p>
      <p className="mb-0" role="status">
        {planned.data
          ? t(cancelled > 0 ? "clients.cancelled" : "clients.noneCancelled", { count: cancelled })
          : planned.isPending && t("loading")}
      </p>
    </Confirm>
  );
}
