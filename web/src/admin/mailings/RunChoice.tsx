import { getRouteApi } from "@tanstack/react-router";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { wallTime } from "../../ui/format";
import { language } from "../../words";
import type { Run } from "./api";

const route = getRouteApi("/mailings/$id");

/** Which run is looked at; of one run there is no choice. */
export function RunChoice({ runs, run }: { runs: readonly Run[]; run: Run }) {
  const { t } = useTranslation();
  const navigate = route.useNavigate();
  if (runs.length < 2) return null;
  return (
    <Form.Group className="col-12 col-md-4" controlId="run">
      <Form.Label className="small mb-1">{t("runs.run")}</Form.Label>
      <Form.Select
        value={run.run_id}
        onChange={({ target }) =>
          void navigate({
            search: (old) => ({ ...old, run: target.value, message: undefined }),
            resetScroll: false,
          })
        }
      >
        {runs.map((each) => (
          <option key={each.run_id} value={each.run_id}>
            {wallTime(new Date(each.starts_at), language(), "second")}
            {each.resent_from ? ` · ${t("runs.resent")}` : ""}
          </option>
        ))}
      </Form.Select>
    </Form.Group>
  );
}
