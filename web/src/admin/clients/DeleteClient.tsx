import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { $catalog, $dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import { Confirm } from "../../ui/Confirm";
import { leaveDeleted } from "../../ui/deleted";
import { phoneOf } from "../../ui/contacts";
import type { ClientView } from "./profile";

const COUNTED = 1000;

interface Props {
  client: ClientView;
  name: string;
  onDone: () => Promise<void>;
  onClose: () => void;
}

/** Asks before a client is deleted, or erased with all that is known of the person: what is cancelled and what stays. */
export function DeleteClient({ client, name, onDone, onClose }: Props) {
  const { t } = useTranslation();
  const { client_id, phone, email, version } = client;
  const [isErased, setErased] = useState(false);
  const [typed, setTyped] = useState("");
  const contact = phone ?? email ?? name;
  const isSure = typed.trim() === contact || (phone !== null && phoneOf(typed) === phone);
  const planned = $dispatcher.useQuery("get", "/v1/messages", {
    params: { query: { client_id, status: "planned", limit: COUNTED } },
  });
  const cancelled = planned.data?.items.length ?? 0;
  const isMore = planned.data?.next_cursor != null;
  const queries = useQueryClient();
  const remove = $catalog.useMutation("delete", "/v1/clients/{client_id}", {
    onSuccess: () => leaveDeleted(queries, onDone), // nothing of the person is kept, whatever screen has read it
    onError: (error) => {
      const { queryKey } = $catalog.queryOptions("get", "/v1/clients/{client_id}", { params: { path: { client_id } } });
      if (Problem.of(error).status === 412) void queries.invalidateQueries({ queryKey }); // and is asked about anew
    },
  });
  const params = {
    path: { client_id },
    query: { erase: isErased },
    header: { "If-Match": `"${version}"` },
  };
  return (
    <Confirm
      title={t("clients.deleteTitle", { name })}
      go={t(isErased ? "clients.eraseNow" : "clients.deleteNow")}
      isDanger
      isBusy={remove.isPending}
      isDisabled={isErased && !isSure}
      error={remove.error}
      onGo={() => remove.mutate({ params })}
      onClose={onClose}
    >
      <p role="status">
        {planned.data
          ? t(cancelled === 0 ? "clients.noneCancelled" : isMore ? "clients.cancelledAtLeast" : "clients.cancelled", {
              count: cancelled,
            })
          : planned.isPending && t("loading")}
      </p>
      {([false, true] as const).map((each) => (
        <Form.Check
          key={String(each)}
          type="radio"
          name="erase"
          id={`erase-${each}`}
          className="mb-2"
          checked={isErased === each}
          onChange={() => setErased(each)}
          label={
            <>
              <span className="fw-semibold">{t(each ? "clients.erase" : "clients.remove")}</span>
              <span className="d-block">{t(each ? "clients.eraseHelp" : "clients.removeHelp")}</span>
            </>
          }
        />
      ))}
      {isErased && (
        <Form.Group controlId="erase-contact">
          <Form.Label>{t("clients.eraseType", { contact })}</Form.Label>
          <Form.Control value={typed} autoComplete="off" onChange={(event) => setTyped(event.target.value)} />
        </Form.Group>
      )}
    </Confirm>
  );
}
