import { useEffect, useState } from "react";
import { Button, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { preferences } from "../ui/preferences";
import { act, isTaken, shortcutOf, SHORTCUTS } from "./shortcuts";

/** Listens for the keys that stand for something to do, unless that is switched off; `?` shows them. */
export function Shortcuts() {
  const { t } = useTranslation();
  const [isShown, setShown] = useState(false);
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const shortcut = shortcutOf(event);
      if (!shortcut || !preferences.hasShortcuts() || isTaken(event.target)) return;
      if (shortcut === "?") setShown(true);
      else if (!act(shortcut)) return;
      event.preventDefault();
    };
    document.addEventListener("keydown", pressed);
    return () => document.removeEventListener("keydown", pressed);
  }, []);
  if (!isShown) return null;
  const close = () => setShown(false);
  return (
    <Modal show centered onHide={close} aria-labelledby="shortcuts-title">
      <Modal.Header closeButton closeLabel={t("close")}>
        <Modal.Title as="h2" className="h5" id="shortcuts-title">
          {t("shortcuts.title")}
        </Modal.Title>
      </Modal.Header>
      <Modal.Body>
        <dl className="facts">
          {SHORTCUTS.map((each) => (
            <div key={each} className="fact">
              <dt>
                <kbd>{each}</kbd>
              </dt>
              <dd>{t(`shortcuts.keys.${each}`)}</dd>
            </div>
          ))}
          <dt>
            <kbd>Enter</kbd>
          </dt>
          <dd>{t("shortcuts.keys.enter")}</dd>
        </dl>
        <p className="form-text mb-0">{t("shortcuts.off")}</p>
      </Modal.Body>
      <Modal.Footer>
        <Button onClick={close}>{t("close")}</Button>
      </Modal.Footer>
    </Modal>
  );
}
