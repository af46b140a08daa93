import { useTranslation } from "react-i18next";

import { LanguageSwitch, ThemeSwitch } from "../ui/Switches";

/** The public page: every mailing and its figures. */
export function Page() {
  const { t } = useTranslation();
  return (
    <>
      <a className="skip-link" href="#content">
        {t("skip")}
      </a>
      <header className="border-bottom bg-body-tertiary">
        <div className="container-xl d-flex align-items-center gap-2 py-2">
          <h1 className="h4 mb-0 me-auto">{t("heading")}</h1>
          <LanguageSwitch />
          <ThemeSwitch />
        </div>
      </header>
      <main id="content" tabIndex={-1} className="container-xl py-3" />
    </>
  );
}
