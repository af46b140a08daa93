import { getRouteApi } from "@tanstack/react-router";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { wallTime } from "../../ui/format";
import { language } from "../../words";
import type { Run } from "./api";

const route = getRouteApi("/mailings/$id");

interface Props {
  runs: readonly Run[];
  run: Run | undefined; // none: all of them
  allowsAll?: boolean;
  isInline?: boolean; // its label is there for screen readers alone
}

/** Which run is looked at, all over the screen; of one run there is no choice. */
export function RunChoice({ runs, run, allowsAll = false, isInline = false }: Props) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  const nameOf = useRunName();
  if (runs.length < 2) return null;
  const id = isInline ? "run-inline" : "run";
  return (
    <Form.Group className={isInline ? "" : "col-12 col-md-4"} controlId={id}>
      <Form.Label className={isInline ? "visually-hidden" : "small mb-1"}>{t("runs.run")}</Form.Label>
      <Form.Select
        size={isInline ? "sm" : undefined}
        value={run?.run_id ?? ""}
        onChange={({ target }) =>
          void navigate({
            search: (old) => ({ ...old, run: target.value || undefined, message: undefined }),
            resetScroll: false,
          })
        }
      >
        {allowsAll && <option value="">{t("runs.all")}</option>}
        {runs.map((each) => (
          <option key={each.run_id} value={each.run_id}>
            {nameOf(each)}
          </option>
        ))}
      </Form.Select>
    </Form.Group>
  );
}

/** Returns a run by when it began, and that it sends again what another one has sent. */
export function useRunName(): (run: Run) => string {
  const { t } = useTranslation();
  return (run) => {
    const began = wallTime(new Date(run.starts_at), language(), "second");
    return run.resent_from ? `${began} · ${t("runs.resent")}` : began;
  };
}
