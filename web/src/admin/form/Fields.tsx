import { type ReactNode, useContext } from "react";
import { Form } from "react-bootstrap";
import { get, type Path, useFormContext } from "react-hook-form";
import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../../api/problem";
import { Disclosure } from "../../ui/Disclosure";
import { FieldHelp } from "./FieldHelp";
import { type Fixed, FixedContext } from "./fixed";
import type { Values } from "./values";

export type Name = Path<Values>;

/** How a field's label, control and help belong together; `error` is what was refused of it. */
export function useField(name: Name, onTyped?: (value: string) => void) {
  const { register, formState } = useFormContext<Values>();
  const refused: Refused | undefined = get(formState.errors, name);
  const error = refusalOf(refused, name);
  const id = `field-${name.replaceAll(".", "-")}`;
  return { id, helpId: `${id}-help`, error, own: register(name, onTyped && { onChange: (event: Typed) => onTyped(event.target.value) }) };
}

interface Typed {
  target: { value: string };
}

/** A refusal as the form keeps it with its field. */
interface Refused {
  type?: string;
  message?: string;
  types?: { limits?: readonly string[]; entries?: readonly string[] };
}

function refusalOf(found: Refused | undefined, name: Name): FieldProblem | undefined {
  if (!found?.type) return undefined;
  const limits = (found.types?.limits ?? []).map(Number);
  const entries = found.types?.entries;
  return { pointer: `/${name}`, code: found.type, detail: found.message ?? "", limits, ...(entries && { entries }) };
}

interface Props {
  name: Name;
  label: string;
  help?: string;
  className?: string;
}

export function TextField({
  name,
  label,
  help,
  className = "mb-3",
  type = "text",
  rows,
  list,
  inputMode,
  placeholder,
  isCode = false,
  onFocus,
  onTyped,
}: Props & {
  type?: "text" | "time" | "datetime-local";
  rows?: number;
  list?: string;
  inputMode?: "numeric";
  placeholder?: string;
  isCode?: boolean;
  onFocus?: () => void;
  onTyped?: (value: string) => void;
}) {
  const { id, helpId, error, own } = useField(name, onTyped);
  return (
    <Form.Group controlId={id} className={className}>
      <Form.Label>{label}</Form.Label>
      <Form.Control
        {...own}
        onFocus={onFocus}
        {...(rows ? { as: "textarea" as const, rows } : { type })}
        {...(list ? { list } : {})}
        {...(inputMode ? { inputMode } : {})}
        className={isCode ? "font-monospace" : ""}
        placeholder={placeholder}
        autoComplete="off"
        isInvalid={error !== undefined}
        aria-describedby={error || help ? helpId : undefined}
      />
      <FieldHelp id={helpId} error={error} help={help} />
    </Form.Group>
  );
}

export function ChoiceField({
  name,
  label,
  help,
  className = "mb-3",
  options,
}: Props & { options: readonly (readonly [string, string])[] }) {
  const { id, helpId, error, own } = useField(name);
  return (
    <Form.Group controlId={id} className={className}>
      <Form.Label>{label}</Form.Label>
      <Form.Select {...own} isInvalid={error !== undefined} aria-describedby={error || help ? helpId : undefined}>
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </Form.Select>
      <FieldHelp id={helpId} error={error} help={help} />
    </Form.Group>
  );
}

export function CheckField({ name, label, help, className = "mb-3" }: Props) {
  const { id, helpId, error, own } = useField(name);
  return (
    <div className={className}>
      <Form.Check {...own} id={id} label={label} isInvalid={error !== undefined} aria-describedby={error || help ? helpId : undefined} />
      <FieldHelp id={helpId} error={error} help={help} />
    </div>
  );
}

/** A part of the form under a heading of its own. */
export function Part({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset className="form-part mb-4">
      <legend className="h5">{title}</legend>
      {children}
    </fieldset>
  );
}

/** Fields that cannot be changed once so much is fixed, with the reason. */
export function Held({ once = ["most"], children }: { once?: readonly Fixed[]; children: ReactNode }) {
  const { t } = useTranslation();
  const fixed = useContext(FixedContext);
  const isHeld = once.includes(fixed);
  return (
    <fieldset disabled={isHeld} className={isHeld ? "held" : undefined}>
      {isHeld && <p className="small fw-semibold mb-2">{t(`fixed.${fixed}`)}</p>}
      {children}
    </fieldset>
  );
}

/** A part that most leave as it is: it is closed until it is wanted, or something in it was refused. */
export function More({ title, names, children }: { title: string; names: readonly string[]; children: ReactNode }) {
  const { t } = useTranslation();
  const { formState } = useFormContext<Values>();
  const isRefused = names.some((name) => get(formState.errors, name) !== undefined);
  return (
    <Disclosure
      className="form-part mb-4"
      titleClass="h5"
      isNeeded={isRefused}
      title={
        <>
          {title}
          {isRefused && <span className="text-danger-emphasis small"> – {t("form.lookHere")}</span>}
        </>
      }
    >
      {children}
    </Disclosure>
  );
}
