import { type ReactNode, useRef } from "react";
import { Button, Form, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { ProblemPanel } from "./ProblemPanel";

interface Props {
  title: string;
  go: string; // the verb on the button that does it
  back?: string; // on the way out, where what is done is a cancelling
  isDanger?: boolean;
  isBusy?: boolean;
  isDisabled?: boolean;
  error?: unknown;
  onGo: () => void;
  onClose: () => void;
  children: ReactNode; // the consequence
}

/** Asks before something is done that cannot be taken back; the focus is on the way out. */
export function Confirm(props: Props) {
  const { t } = useTranslation();
  const cancel = useRef<HTMLButtonElement>(null);
  return (
    <Modal
      show
      centered
      onHide={props.onClose}
      onEntered={() => cancel.current?.focus()}
      aria-labelledby="confirm-title"
    >
      <Form
        noValidate
        onSubmit={(event) => {
          event.preventDefault(); // also by Enter in a field of it
          event.stopPropagation(); // the form that it asks about is another one
          if (!props.isBusy && !props.isDisabled) props.onGo();
        }}
      >
        <Modal.Header>
          <Modal.Title as="h2" className="h5 text-break" id="confirm-title">
            {props.title}
          </Modal.Title>
        </Modal.Header>
        <Modal.Body>
          {props.children}
          {props.error != null && <ProblemPanel error={props.error} />}
        </Modal.Body>
        <Modal.Footer>
          <Button ref={cancel} variant="outline-secondary" onClick={props.onClose}>
            {props.back ?? t("cancel")}
          </Button>
          <Button
            variant={props.isDanger ? "danger" : "primary"}
            type="submit"
            disabled={props.isBusy || props.isDisabled}
          >
            {props.go}
          </Button>
        </Modal.Footer>
      </Form>
    </Modal>
  );
}
