import { Link, type LinkProps } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { useTitle } from "./useTitle";

interface Props {
  title: string;
  actions?: ReactNode;
  help?: string;
  children: ReactNode; // filters, and the list
}

/** What all screens with a list have: a name, what can be begun there, what it is for. */
export function ListScreen({ title, actions, help, children }: Props) {
  useTitle(title);
  return (
    <>
      <div className="screen-head">
        <h1 className="h4">{title}</h1>
        {actions}
      </div>
      {help && <p className="text-body-secondary">{help}</p>}
      {children}
    </>
  );
}

/** The filters of a list; what they ask for is found when it is sent, and stands in the address. */
export function Filters({
  to,
  isFiltered,
  onFind,
  children,
}: {
  to: LinkProps["to"]; // the list without filters
  isFiltered: boolean;
  onFind: () => void;
  children: ReactNode;
}) {
  const { t } = useTranslation();
  return (
    <Form
      role="search"
      className="filters"
      onSubmit={(event) => {
        event.preventDefault();
        onFind();
      }}
    >
      {children}
      <div className="d-flex gap-2">
        <Button type="submit" variant="outline-primary">
          {t("screen.find")}
        </Button>
        {isFiltered && (
          <Link className="btn btn-outline-secondary" to={to}>
            {t("screen.clear")}
          </Link>
        )}
      </div>
    </Form>
  );
}

interface NothingProps {
  to: LinkProps["to"]; // the list without filters
  isFiltered: boolean;
  found: string;
  yet: string;
  children?: ReactNode; // what may be wrong with what was asked for
}

/** Why a list is empty: nothing is like what was asked for, or there is nothing yet. */
export function Nothing({ to, isFiltered, found, yet, children }: NothingProps) {
  const { t } = useTranslation();
  if (!isFiltered) return <p>{yet}</p>;
  return (
    <>
      <p>{found}</p>
      {children}
      <Link to={to}>{t("screen.clear")}</Link>
    </>
  );
}
