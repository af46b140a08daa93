import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import type { FieldProblem } from "../../api/problem";
import { useProblemText } from "../../ui/useProblemText";
import { type PreferredTime, WEEKDAYS } from "./profile";

interface Props {
  times: readonly PreferredTime[];
  problem?: FieldProblem;
  onChange: (times: PreferredTime[]) => void;
}

/** At which times of its own clock a client likes to be written to. */
export function PreferredTimes({ times, problem, onChange }: Props) {
  const { t } = useTranslation();
  const said = useProblemText();
  const change = (at: number, to: PreferredTime) =>
    onChange(times.map((each, index) => (index === at ? to : each)));
  return (
    <fieldset className="mb-3">
      <legend className="fs-6">{t("clients.preferred_times")}</legend>
      <p className="form-text mt-0">{t("clients.preferredHelp")}</p>
      {problem && <p className="field-problem">{said(problem)}</p>}
      {times.map((time, at) => (
        <div key={at} className="d-flex flex-wrap gap-2 align-items-center mb-2" role="group" aria-label={t("clients.preferredTime", { number: at + 1 })}>
          <Form.Control
            type="time"
            className="w-auto"
            aria-label={t("clients.at")}
            value={time.at}
            onChange={(event) => change(at, { ...time, at: event.target.value })}
          />
          <span className="d-flex flex-wrap gap-3">
            {WEEKDAYS.map((day) => (
              <Form.Check
                key={day}
                id={`preferred-${at}-${day}`}
                label={t(`clients.days.${day}`)}
                checked={time.days.includes(day)}
                onChange={(event) =>
                  change(at, {
                    ...time,
                    days: WEEKDAYS.filter((each) =>
                      each === day ? event.target.checked : time.days.includes(each),
                    ),
                  })
                }
              />
            ))}
          </span>
          <Button
            size="sm"
            variant="outline-secondary"
            aria-label={t("clients.removeTime", { number: at + 1 })}
            onClick={() => onChange(times.filter((_, index) => index !== at))}
          >
            {t("screen.remove")}
          </Button>
        </div>
      ))}
      <Button
        size="sm"
        variant="outline-secondary"
        onClick={() => onChange([...times, { days: [...WEEKDAYS], at: "12:00" }])}
      >
        {t("clients.addTime")}
      </Button>
    </fieldset>
  );
}
