import { useEffect, useRef } from "react";
import { useTranslation } from "react-i18next";

import { type FieldProblem, Problem } from "../api/problem";
import { useProblemText, useProblemTitle } from "./useProblemText";

interface Props {
  error: unknown;
  others: readonly FieldProblem[]; // what belongs to no field
}

/** Why a form was refused, above it; it gets the focus, so that nobody misses it. */
export function Summary({ error, others }: Props) {
  const { t } = useTranslation();
  const said = useProblemText();
  const titled = useProblemTitle();
  const box = useRef<HTMLDivElement>(null);
  const problem = Problem.of(error);
  useEffect(() => box.current?.focus(), [error]);
  return (
    <div className="alert alert-danger" role="alert" tabIndex={-1} ref={box}>
      <p className="fw-semibold mb-0">{titled(problem)}</p>
      {others.map((each) => (
        <p key={`${each.pointer}${each.code}`} className="mb-0">
          {each.pointer && <code className="me-2">{each.pointer}</code>}
          {said(each)}
        </p>
      ))}
      {problem.traceId && problem.errors.length === 0 && (
        <p className="small mb-0">{t("trace", { trace: problem.traceId })}</p>
      )}
    </div>
  );
}
