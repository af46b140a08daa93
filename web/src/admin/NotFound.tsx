import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { useTitle } from "../ui/useTitle";

export function NotFound() {
  const { t } = useTranslation();
  const title = t("notFound.title");
  useTitle(title);
  return (
    <>
      <h1 className="h4">{title}</h1>
      <Link to="/mailings">{t("notFound.back")}</Link>
    </>
  );
}
