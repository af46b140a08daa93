import { type ReactNode, useRef } from "react";
import { Button, Modal } from "react-bootstrap";
import { useTranslation } from "react-i18next";

/** Asks before something that cannot be taken back: what it does stands there, and the focus is on the way out. */
export function Confirm({
  title,
  children,
  go,
  isDanger = true,
  isBusy = false,
  isDisabled = false,
  onGo,
  onClose,
}: {
  title: string;
  children: ReactNode;
  go: string;
  isDanger?: boolean;
  isBusy?: boolean;
  isDisabled?: boolean;
  onGo: () => void;
  onClose: () => void;
}) {
  const { t } = useTranslation();
  const cancel = useRef<HTMLButtonElement>(null);
  return (
    <Modal
      show
      centered
      onHide={onClose}
      onEntered={() => cancel.current?.focus()}
      aria-labelledby="confirm-title"
    >
      <Modal.Header>
        <Modal.Title as="h2" className="h5" id="confirm-title">
          {title}
        </Modal.Title>
      </Modal.Header>
      <Modal.Body>{children}</Modal.Body>
      <Modal.Footer>
        <Button ref={cancel} variant="outline-secondary" onClick={onClose}>
          {t("cancel")}
        </Button>
        <Button variant={isDanger ? "danger" : "primary"} disabled={isBusy || isDisabled} onClick={onGo}>
          {go}
        </Button>
      </Modal.Footer>
    </Modal>
  );
}
