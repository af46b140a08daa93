import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog } from "../../api/client";
import { Problem } from "../../api/problem";
import { Download } from "../../ui/Download";
import { Skeleton } from "../../ui/List";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { ClientMessages } from "./ClientMessages";
import { ClientSuppressions } from "./ClientSuppressions";
import { DeleteClient } from "./DeleteClient";
import { EditClient } from "./EditClient";
import type { ClientView } from "./profile";
import { subjectData } from "./subject";
import { SuppressedNote } from "./SuppressedNote";
import "./words";

const route = getRouteApi("/clients/$clientId");

/** One client: what is known of it, what was sent to it, and what is not to be sent. */
export function ClientScreen() {
  const { t } = useTranslation();
  const { clientId } = route.useParams();
  const found = $catalog.useQuery("get", "/v1/clients/{client_id}", {
    params: { path: { client_id: clientId } },
  });
  const client = found.data;
  const name = client ? (client.full_name ?? client.phone ?? client.email ?? "") : "";
  useTitle(name || t("clients.title"));
  const isGone = Problem.of(found.error).isGone;
  return (
    <>
      <p className="mb-2">
        <Link to="/clients">{t("clients.title")}</Link>
      </p>
      {found.isPending && <Skeleton rows={8} />}
      {found.error !== null && isGone && (
        <>
          <h1 className="h4">{t("clients.gone")}</h1>
          <p>{t("clients.goneHelp")}</p>
        </>
      )}
      {found.error !== null && !isGone && (
        <ProblemPanel error={found.error} again={() => void found.refetch()} />
      )}
      {client && <Known client={client} name={name} />}
    </>
  );
}

function Known({ client, name }: { client: ClientView; name: string }) {
  const { t } = useTranslation();
  const go = useNavigate();
  const [isDeleting, setDeleting] = useState(false);
  return (
    <>
      <div className="screen-head">
        <h1 className="h4 text-break">{name}</h1>
        <Download
          label={t("clients.subject")}
          name={`client-${client.client_id}.json`}
          load={() => subjectData(client.client_id)}
        />
        <Button variant="outline-danger" onClick={() => setDeleting(true)}>
          {t("clients.delete")}
        </Button>
      </div>
      <p className="text-body-secondary">
        {t("clients.since")} <Time at={client.created_at} /> · {t("clients.changed").toLowerCase()}{" "}
        <Time at={client.changed_at} /> · {t("clients.version", { version: client.version })}
      </p>
      <SuppressedNote client={client} />
      <section className="panel">
        <h2>{t("clients.profile")}</h2>
        <EditClient client={client} />
      </section>
      <ClientSuppressions client={client} />
      <ClientMessages clientId={client.client_id} />
      {isDeleting && (
        <DeleteClient
          client={client}
          name={name}
          onDone={() => go({ to: "/clients", ignoreBlocker: true })}
          onClose={() => setDeleting(false)}
        />
      )}
    </>
  );
}
