import { useState } from "react";
import { useTranslation } from "react-i18next";

import { keep, LANGUAGES, language, speak } from "../words";

/** The choice between the languages; the page is in the other one at once. */
export function LanguageSwitch() {
  const { t } = useTranslation();
  const chosen = language();
  return (
    <div className="btn-group btn-group-sm" role="group" aria-label={t("language")}>
      {LANGUAGES.map((each) => (
        <button
          key={each}
          type="button"
          lang={each}
          className={`btn btn-outline-secondary${each === chosen ? " active" : ""}`}
          aria-pressed={each === chosen}
          onClick={() => speak(each)}
        >
          {each.toUpperCase()}
        </button>
      ))}
    </div>
  );
}

/** The change between light and dark colours; where there is room for it, what it does stands beside its sign. */
export function ThemeSwitch({ isNamed }: { isNamed?: boolean }) {
  const { t } = useTranslation();
  const root = document.documentElement;
  const [isDark, setDark] = useState(root.dataset.bsTheme === "dark");
  const change = () => {
    const theme = isDark ? "light" : "dark";
    root.dataset.bsTheme = theme;
    keep("mailings.theme", theme);
    setDark(!isDark);
  };
  const label = t(isDark ? "theme.toLight" : "theme.toDark");
  return (
    <button
      type="button"
      className="btn btn-sm btn-outline-secondary"
      aria-label={label}
      title={label}
      onClick={change}
    >
      <svg width="16" height="16" viewBox="0 0 16 16" aria-hidden="true" fill="currentColor">
        <path d="M8 15A7 7 0 1 0 8 1zm0 1A8 8 0 1 1 8 0a8 8 0 0 1 0 16" />
      </svg>{" "}
      {isNamed && label}
    </button>
  );
}
