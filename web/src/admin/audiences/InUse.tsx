import { Link } from "@tanstack/react-router";
import { useTranslation } from "react-i18next";

import { Problem } from "../../api/problem";
import type { components } from "../../api/types/catalog";
import { ProblemPanel } from "../../ui/ProblemPanel";

type Body = Partial<components["schemas"]["Problem"]>;

/** Why an audience cannot be deleted; the mailings that refer to it are to be opened from here. */
export function InUse({ problem }: { problem: Problem }) {
  const { t } = useTranslation();
  const { mailings = [], mailing_count: all = 0 } = (problem.body ?? {}) as Body;
  const { status, type, title } = problem;
  return (
    <>
      <ProblemPanel error={new Problem(status, type, title)} />
      <ul className="mb-0">
        {mailings.map(({ mailing_id: id, name }) => (
          <li key={id} className="text-break">
            <Link to="/mailings/$id" params={{ id }}>
              {name}
            </Link>
          </li>
        ))}
        {all > mailings.length && <li>{t("audiences.others", { count: all - mailings.length })}</li>}
      </ul>
    </>
  );
}
