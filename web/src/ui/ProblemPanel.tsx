import { useTranslation } from "react-i18next";

import { Problem } from "../api/problem";
import { useProblemText, useProblemTitle } from "./useProblemText";

/** Why a panel has nothing to show, with the number that finds it in the logs, and a way on. */
export function ProblemPanel({ error, again }: { error: unknown; again?: () => void }) {
  const { t } = useTranslation();
  const said = useProblemText();
  const titled = useProblemTitle();
  const problem = Problem.of(error);
  return (
    <div className="alert alert-danger" role="alert">
      <p className="fw-semibold mb-1">{titled(problem)}</p>
      {problem.errors.map((each) => (
        <p key={`${each.pointer}${each.code}${each.detail}`} className="mb-1">
          {each.pointer && <code className="me-2">{each.pointer}</code>}
          {said(each)}
        </p>
      ))}
      {problem.status === 0 && <p className="mb-1">{t("problem.networkHelp")}</p>}
      {problem.traceId && <p className="small mb-1">{t("trace", { trace: problem.traceId })}</p>}
      {again && (
        <button type="button" className="btn btn-sm btn-outline-danger" onClick={again}>
          {t("again")}
        </button>
      )}
    </div>
  );
}
