import { useMutation } from "@tanstack/react-query";
import { Button } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { download } from "./download";
import { ProblemPanel } from "./ProblemPanel";

interface Props {
  label: string;
  name: string; // of the file
  load: () => Promise<Blob>;
}

/** A button that makes a file of what a service gives; the token of the tab goes along, which a link has not. */
export function Download({ label, name, load }: Props) {
  const { t } = useTranslation();
  const get = useMutation({ mutationFn: load, onSuccess: (file) => download(name, file) });
  return (
    <>
      <Button variant="outline-secondary" disabled={get.isPending} onClick={() => get.mutate()}>
        {get.isPending ? t("loading") : label}
      </Button>
      {get.error !== null && <ProblemPanel error={get.error} />}
    </>
  );
}
