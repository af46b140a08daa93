import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";

import { catalog } from "../../api/client";
import type { ClientView } from "./profile";

/** Says at the top of a client's screen that mailings do not go there, and which. */
export function SuppressedNote({ client }: { client: ClientView }) {
  const { t } = useTranslation();
  const { client_id, phone, email } = client;
  const asked = { client_id, phone: phone ?? undefined, email: email ?? undefined };
  const found = useQuery({
    queryKey: ["suppressions", asked, "note"],
    queryFn: async ({ signal }) =>
      (await catalog.GET("/v1/suppressions", { params: { query: { ...asked, limit: 100 } }, signal })).data!.items,
  });
  const all = found.data ?? [];
  if (all.length === 0) return null;
  const kinds = (["client", "phone", "email"] as const).filter((kind) => all.some((each) => each.kind === kind));
  const topics = (kind: string) => {
    const own = all.filter((each) => each.kind === kind).map((each) => each.topic);
    return own.includes(null) ? t("clients.suppressed.all") : t("clients.suppressed.about", { names: own.join(", ") });
  };
  return (
    <div className="alert alert-warning py-2" role="status" data-suppressed>
      {kinds.map((kind) => (
        <p key={kind} className="mb-0">
          <span aria-hidden="true">⚠ </span>
          {t(`clients.suppressed.${kind}`, { topic: topics(kind) })}
        </p>
      ))}
    </div>
  );
}
