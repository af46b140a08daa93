import "./form.css";

import { useQueryClient } from "@tanstack/react-query";
import { type KeyboardEvent, type ReactNode, useEffect, useMemo, useRef, useState } from "react";
import { Button, Form } from "react-bootstrap";
import { FormProvider, type UseFormReturn, useWatch } from "react-hook-form";
import { useTranslation } from "react-i18next";

import type { Problem } from "../../api/problem";
import { changed } from "../../ui/changes";
import { Confirm } from "../../ui/Confirm";
import { ProblemPanel } from "../../ui/ProblemPanel";
import { Occurrences } from "../mailings/Occurrences";
import { type Tested, TestSend } from "../mailings/TestSend";
import { AudienceCount } from "./AudienceCount";
import { AudiencePart } from "./AudiencePart";
import { type Body, bodyOf } from "./body";
import { ContentPart } from "./ContentPart";
import { isForNobody } from "./counting";
import { DeliveryPart, TimePart } from "./DeliveryPart";
import { Held } from "./Fields";
import { type Fixed, FixedContext } from "./fixed";
import { KeptDraft } from "./KeptDraft";
import { MessagePreview } from "./PreviewPanel";
import { Recipients } from "./Recipients";
import { useLater } from "./useLater";
import type { Values } from "./values";
import { WhenPart } from "./WhenPart";

interface Props {
  form: UseFormReturn<Values>;
  draftOf: string; // what a draft of it is kept by
  before: Values; // what the form began with
  isNew: boolean;
  fixed?: Fixed;
  isBusy: boolean;
  isSaved: boolean;
  problem: Problem | null; // what has no field of its own
  go: string;
  startsAtOnce?: boolean; // when it is saved: that is asked about
  onCheck?: (values: Values) => Promise<boolean>; // whether it could be saved; what is refused stands at its field then
  onGo: (values: Values) => void;
  onLeave: () => void;
  children?: ReactNode;
}

/** The form of a mailing, with what it would be beside it. */
export function MailingForm(props: Props) {
  const { form, isNew, isBusy, problem, go, onGo, onLeave, children } = props;
  const { t } = useTranslation();
  const summary = useRef<HTMLDivElement>(null);
  const queries = useQueryClient();
  const [asked, setAsked] = useState<Question | null>(null);
  const [tested, setTested] = useState<Body | null>(null);
  const submit = async (values: Values) => {
    const body = readBody(values);
    const isNobody = body && isForOthers(body, isNew ? null : readBody(props.before)) && isForNobody(queries, body);
    if (body && isNobody) setAsked({ values, body, isNobody });
    else if (!body || !props.startsAtOnce) onGo(values);
    else if (await (props.onCheck?.(values) ?? true)) setAsked({ values, body, isNobody: false });
  };
  useEffect(() => {
    if (problem) summary.current?.focus();
  }, [problem]);
  return (
    <FormProvider {...form}>
      <Form
        noValidate
        onKeyDown={isNew ? keepOpen : undefined}
        onSubmit={(event) => {
          form.clearErrors();
          void form.handleSubmit(submit)(event);
        }}
      >
        <KeptDraft which={props.draftOf} before={props.before} isBusy={isBusy} isSaved={props.isSaved} />
        {children}
        <div ref={summary} tabIndex={-1}>
          {problem && <ProblemPanel error={problem} />}
        </div>
        <div className="row g-4">
          <div className="col-12 col-lg-7">
            <FixedContext value={props.fixed ?? "none"}>
              <ContentPart />
              <Held>
                <AudiencePart />
              </Held>
              <WhenPart isNew={isNew} />
              <Held>
                <DeliveryPart />
                <TimePart />
              </Held>
            </FixedContext>
          </div>
          <aside className="col-12 col-lg-5" aria-label={t("preview.title")}>
            <div className="form-preview">
              <Previews form={form} />
            </div>
          </aside>
        </div>
        <div className="form-buttons d-flex flex-wrap gap-2 py-3">
          <Button type="submit" disabled={isBusy}>
            {go}
          </Button>
          <Button variant="outline-secondary" disabled={isBusy} onClick={() => setTested(readBody(form.getValues()))}>
            {t("testSend.open")}
          </Button>
          <Button variant="outline-secondary" onClick={onLeave}>
            {t("cancel")}
          </Button>
        </div>
      </Form>
      {tested && <TestSend tested={testOf(tested)} onClose={() => setTested(null)} />}
      {asked && (
        <Confirm
          title={asked.isNobody ? t("form.forNobody") : t("verbTitle.start", { name: asked.values.name })}
          go={props.startsAtOnce ? t("verb.start") : go}
          onGo={() => {
            setAsked(null);
            onGo(asked.values);
          }}
          onClose={() => setAsked(null)}
        >
          {asked.isNobody ? (
            <p className="mb-0">{t("form.forNobodyHelp")}</p>
          ) : (
            <Recipients body={asked.body} byClocks={asked.values.clock !== ""} />
          )}
        </Confirm>
      )}
    </FormProvider>
  );
}

/** Who presses Enter in a field of a new mailing has not said yet that it is whole: its button does. */
function keepOpen(event: KeyboardEvent) {
  if (event.key === "Enter" && event.target instanceof HTMLInputElement) event.preventDefault();
}

/** What is asked before it is saved: it reaches nobody, or goes to many at once. */
interface Question {
  values: Values;
  body: Body;
  isNobody: boolean;
}

/** A test is of the texts alone, whatever else of the form is wrong. */
function testOf({ gateway, body, subject, html, sender }: Body): Tested {
  return { gateway: gateway ?? "", body, subject: subject ?? null, html: html ?? null, sender: sender ?? null };
}

function readBody(values: Values) {
  try {
    return bodyOf(values);
  } catch {
    return null; // a condition that is being typed
  }
}

/** Whether it is for others than before: a new name alone is no question. */
function isForOthers(body: Body, before: Body | null): boolean {
  if (before === null) return true;
  return ["filter", "audience", "gateway"].some((name) => name in changed(body, before));
}

function Previews({ form }: { form: UseFormReturn<Values> }) {
  const { t } = useTranslation();
  const values = useWatch({ control: form.control }) as Values;
  const later = useLater(values, 300);
  const body = useMemo(() => readBody(later), [later]);
  if (!body) return <p className="text-body-secondary">{t("refusal.json")}</p>;
  return (
    <>
      <h2 className="h6">{t("form.audience")}</h2>
      <AudienceCount body={body} />
      <h2 className="h6 mt-3">{t("preview.title")}</h2>
      <MessagePreview body={body} />
      {body.schedule && (
        <>
          <h2 className="h6 mt-3">{t("preview.next")}</h2>
          <Occurrences
            schedule={body.schedule}
            startsAt={body.starts_at ?? null}
            endsAt={body.ends_at}
            limit={6}
            policy={body.time_policy}
          />
        </>
      )}
    </>
  );
}
