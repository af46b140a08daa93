import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { dispatcher } from "../../api/client";
import { Problem } from "../../api/problem";
import { ProblemPanel } from "../../ui/ProblemPanel";
import type { Run } from "./api";

const RESENDABLE = ["failed", "expired", "undetermined", "cancelled"] as const;
type Resendable = (typeof RESENDABLE)[number];
const HOURS = [1, 6, 24, 72] as const;
const NOBODY = { clients: 0, unreachable: 0 };

/** Returns how many would get it: those who lack the contact that the gateway needs would fail. */
const reachedOf = ({ clients, unreachable }: typeof NOBODY) => clients - unreachable;

/** Sends again what did not arrive: counted first, then sent to exactly those. */
export function Resend({ run, onClose }: { run: Run; onClose: () => void }) {
  const { t } = useTranslation();
  const queries = useQueryClient();
  const [statuses, setStatuses] = useState<readonly Resendable[]>(["failed", "expired"]);
  const [hours, setHours] = useState<number>(24);
  const [key] = useState(() => crypto.randomUUID()); // pressed twice, it is one resend
  const path = { run_id: run.run_id };
  const count = useQuery({
    queryKey: ["dispatcher", "resend", run.run_id, statuses],
    queryFn: async () => {
      const body = { statuses: [...statuses], reasons: [], dry_run: true };
      return (await dispatcher.POST("/v1/runs/{run_id}/resend", { params: { path }, body })).data!;
    },
    enabled: statuses.length > 0,
    retry: false,
  });
  const send = useMutation({
    mutationFn: async () => {
      const ends_at = new Date(Date.now() + hours * 3_600_000).toISOString();
      const body = { statuses: [...statuses], reasons: [], ends_at, dry_run: false };
      const header = { "Idempotency-Key": key };
      return (await dispatcher.POST("/v1/runs/{run_id}/resend", { params: { path, header }, body })).data!;
    },
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["dispatcher"] }),
  });
  const refusal = count.error === null ? null : Problem.of(count.error);
  const counted = statuses.length === 0 || refusal ? NOBODY : count.data;
  const clients = counted && reachedOf(counted);
  const change = (status: Resendable) =>
    setStatuses(statuses.includes(status) ? statuses.filter((each) => each !== status) : [...statuses, status]);
  const asking = (
    <>
      <Modal.Body>
        <fieldset className="mb-3">
          <legend className="fs-6">{t("resend.which")}</legend>
          {RESENDABLE.map((each) => (
            <Form.Check
              key={each}
              id={`resend-${each}`}
              label={t(`state.${each}`)}
              checked={statuses.includes(each)}
              onChange={() => change(each)}
            />
          ))}
        </fieldset>
        {statuses.includes("undetermined") && (
          <p className="text-warning-emphasis">{t("resend.undetermined")}</p>
        )}
        <Form.Group controlId="resend-hours" className="mb-3">
          <Form.Label>{t("resend.within")}</Form.Label>
          <Form.Select value={hours} onChange={({ target }) => setHours(Number(target.value))}>
            {HOURS.map((each) => (
              <option key={each} value={each}>
                {t("duration.hours", { count: each })}
              </option>
            ))}
          </Form.Select>
        </Form.Group>
        <p role="status" className="fw-semibold mb-0" data-resend={clients}>
          {clients === undefined ? t("loading") : t("resend.count", { count: clients })}
        </p>
        {counted && counted.unreachable > 0 && (
          <p className="text-warning-emphasis mt-2 mb-0">{t("resend.unreachable", { count: counted.unreachable })}</p>
        )}
        {refusal && <ProblemPanel error={refusal} />}
        {send.error !== null && <ProblemPanel error={send.error} />}
      </Modal.Body>
      <Modal.Footer>
        <Button variant="outline-secondary" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button disabled={!clients || send.isPending} onClick={() => send.mutate()}>
          {t("resend.go")}
        </Button>
      </Modal.Footer>
    </>
  );
  return (
    <Modal show centered onHide={onClose} aria-labelledby="resend-title">
      <Modal.Header closeButton closeLabel={t("close")}>
        <Modal.Title as="h2" className="h5" id="resend-title">
          {t("resend.title")}
        </Modal.Title>
      </Modal.Header>
      {send.data ? <Sent clients={reachedOf(send.data)} onClose={onClose} /> : asking}
    </Modal>
  );
}

/** What was begun, once it is. */
function Sent({ clients, onClose }: { clients: number; onClose: () => void }) {
  const { t } = useTranslation();
  return (
    <>
      <Modal.Body>
        <p role="status" className="mb-0" data-resent={clients}>
          {t("resend.sent", { count: clients })}
        </p>
      </Modal.Body>
      <Modal.Footer>
        <Button onClick={onClose}>{t("close")}</Button>
      </Modal.Footer>
    </>
  );
}
