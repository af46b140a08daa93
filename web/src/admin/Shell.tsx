import { Link, Outlet } from "@tanstack/react-router";
import { useState, useSyncExternalStore } from "react";
import { Button, Container, Form, Nav, Navbar } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { token } from "../api/token";
import { PrintNote } from "../ui/PrintNote";
import { LanguageSwitch, ThemeSwitch } from "../ui/Switches";
import { Shortcuts } from "./Shortcuts";
import { useKeptFocus } from "./useKeptFocus";

const SCREENS = ["mailings", "clients", "imports", "audiences", "suppressions", "gateways", "operations", "settings"] as const;

/** What stands around every screen. */
export function Shell() {
  const { t } = useTranslation();
  useKeptFocus();
  const [isOpen, setOpen] = useState(false); // the menu, where there is no room beside it
  const isTokenAsked = useSyncExternalStore(token.subscribe, token.isAsked);
  return (
    <>
      <a className="skip-link" href="#content">
        {t("skip")}
      </a>
      <Navbar expand="lg" expanded={isOpen} onToggle={setOpen} className="no-print border-bottom bg-body-tertiary" aria-label={t("nav.main")}>
        <Container fluid="xl">
          <Link className="navbar-brand fw-semibold" to="/mailings">
            {t("nav.mailings")}
          </Link>
          <Navbar.Toggle aria-controls="screens" />
          <Navbar.Collapse id="screens">
            <Nav className="me-auto">
              {SCREENS.map((each) => (
                <Link
                  key={each}
                  className="nav-link"
                  to={`/${each}`}
                  onClick={() => setOpen(false)}
                  activeProps={{ className: "active" }}
                >
                  {t(`nav.${each}`)}
                </Link>
              ))}
            </Nav>
            <div className="d-flex gap-2">
              <LanguageSwitch />
              <ThemeSwitch />
            </div>
          </Navbar.Collapse>
        </Container>
      </Navbar>
      <main id="content" tabIndex={-1}>
        <Container fluid="xl" className="py-3">
          {isTokenAsked ? <TokenForm /> : <Outlet />}
        </Container>
      </main>
      <PrintNote />
      <Shortcuts />
    </>
  );
}

function TokenForm() {
  const { t } = useTranslation();
  const [given, setGiven] = useState("");
  return (
    <Form
      className="col-md-6"
      onSubmit={(event) => {
        event.preventDefault();
        token.set(given.trim());
      }}
    >
      <h1 className="h4">{t("token.title")}</h1>
      <p id="token-help">{t("token.help")}</p>
      <Form.Group controlId="token" className="mb-3">
        <Form.Label>{t("token.label")}</Form.Label>
        <Form.Control
          type="password"
          autoComplete="off"
          aria-describedby="token-help"
          value={given}
          onChange={(event) => setGiven(event.target.value)}
        />
      </Form.Group>
      <Button type="submit" disabled={!given.trim()}>
        {t("token.go")}
      </Button>
    </Form>
  );
}
