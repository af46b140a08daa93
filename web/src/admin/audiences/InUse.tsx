import { Link } from "@tanstack/react-router";

import { Problem } from "../../api/problem";
import { ProblemPanel } from "../../ui/ProblemPanel";

const NAMED = /^(.*) \(([\w-]+)\)$/s; // as the catalog names a mailing: with its identifier

/** Why an audience cannot be deleted; the mailings that refer to it are to be opened from here. */
export function InUse({ problem }: { problem: Problem }) {
  const { status, type, title } = problem;
  return (
    <>
      <ProblemPanel error={new Problem(status, type, title)} />
      <ul className="mb-0">
        {problem.errors.map(({ detail }) => {
          const [, name = detail, id = ""] = NAMED.exec(detail) ?? [];
          return (
            <li key={detail} className="text-break">
              {id ? (
                <Link to="/mailings/$id" params={{ id }}>
                  {name}
                </Link>
              ) : (
                name
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}
