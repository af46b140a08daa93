import { cloneElement, type ReactElement } from "react";
import { Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../api/problem";
import { useProblemText } from "./useProblemText";

interface ControlProps {
  id?: string;
  isInvalid?: boolean;
  "aria-describedby"?: string;
}

interface Props {
  id: string;
  label: string;
  help?: string;
  isOptional?: boolean;
  problem?: FieldProblem;
  className?: string;
  children: ReactElement<ControlProps>; // the control
}

/** A control with its name, what to write into it, and why that was refused. */
export function Field({ id, label, help, isOptional, problem, className, children }: Props) {
  const { t } = useTranslation();
  const said = useProblemText();
  const describedBy = [help && `${id}-help`, problem && `${id}-problem`].filter(Boolean).join(" ");
  return (
    <div className={className ?? "mb-3"}>
      <Form.Label htmlFor={id}>
        {label}
        {isOptional && <span className="text-body-secondary"> {t("screen.optional")}</span>}
      </Form.Label>
      {cloneElement(children, {
        id,
        isInvalid: problem !== undefined,
        "aria-describedby": describedBy || undefined,
      })}
      {problem && (
        <p className="field-problem text-break" id={`${id}-problem`}>
          {said(problem)}
        </p>
      )}
      {help && (
        <Form.Text id={`${id}-help`} as="p" className="mb-0">
          {help}
        </Form.Text>
      )}
    </div>
  );
}
