import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Field } from "../../ui/Field";
import { isZone, preferences } from "../../ui/preferences";
import { LanguageSwitch, ThemeSwitch } from "../../ui/Switches";
import { Time } from "../../ui/Time";
import { useTitle } from "../../ui/useTitle";
import { ZoneOptions } from "../../ui/ZoneOptions";

/** What this browser's reader prefers: language, colours, zone of times, keys. */
export function Settings() {
  const { t } = useTranslation();
  useTitle(t("settings.title"));
  const [areOn, setOn] = useState(preferences.hasShortcuts);
  return (
    <>
      <h1 className="h4">{t("settings.title")}</h1>
      <p className="text-body-secondary">{t("settings.help")}</p>
      <section className="panel">
        <h2>{t("language")}</h2>
        <LanguageSwitch />
      </section>
      <section className="panel">
        <h2>{t("settings.theme")}</h2>
        <ThemeSwitch isNamed />
      </section>
      <Zone />
      <section className="panel">
        <h2>{t("shortcuts.title")}</h2>
        <Form.Check
          id="shortcuts"
          type="switch"
          label={t("settings.shortcuts")}
          checked={areOn}
          onChange={({ target }) => {
            preferences.setShortcuts(target.checked);
            setOn(target.checked);
          }}
        />
        <p className="form-text mb-0">{t("settings.shortcutsHelp")}</p>
      </section>
    </>
  );
}

/** The zone that times are shown in; forms have one of their own beside each time. */
function Zone() {
  const { t } = useTranslation();
  const [typed, setTyped] = useState(preferences.zone() ?? "");
  const [shown, setShown] = useState(typed);
  const [now] = useState(() => new Date());
  const isWrong = typed.trim() !== "" && !isZone(typed.trim());
  return (
    <section className="panel">
      <h2>{t("settings.zone")}</h2>
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          if (isWrong) return;
          preferences.setZone(typed.trim());
          setShown(typed.trim());
        }}
      >
        <Field
          id="settings-zone"
          label={t("settings.zoneLabel")}
          help={t("settings.zoneHelp")}
          problem={isWrong ? { pointer: "/time_zone", code: "time_zone", detail: "" } : undefined}
        >
          <Form.Control
            list="zones"
            autoComplete="off"
            value={typed}
            onChange={(event) => setTyped(event.target.value)}
          />
        </Field>
        <ZoneOptions id="zones" />
        <Button type="submit" disabled={isWrong || typed.trim() === shown}>
          {t("screen.save")}
        </Button>
        <span role="status" className="ms-3">
          {t("settings.nowIs")} <Time key={shown} at={now} />
        </span>
      </Form>
    </section>
  );
}
