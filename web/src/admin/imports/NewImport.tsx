import { Link, useBlocker, useNavigate } from "@tanstack/react-router";
import { useState } from "react";
import { useTranslation } from "react-i18next";

import { useTitle } from "../../ui/useTitle";
import { Chooser } from "./Chooser";
import { Preview } from "./Preview";
import { Sending } from "./Sending";
import type { Options } from "./upload";
import "./words";

/** From a file to its import: choose it, see what was recognised, send it. */
export function NewImport() {
  const { t } = useTranslation();
  useTitle(t("imports.new"));
  const go = useNavigate();
  const [file, setFile] = useState<File>();
  const [sent, setSent] = useState<{ importId: string; options: Options }>();
  const [isUnderWay, setUnderWay] = useState(false);
  // The upload is the import: who leaves ends it.
  useBlocker({
    shouldBlockFn: () => isUnderWay && !window.confirm(t("imports.leave")),
    enableBeforeUnload: () => isUnderWay,
    disabled: !isUnderWay,
  });
  return (
    <>
      <p className="mb-2">
        <Link to="/imports">{t("imports.title")}</Link>
      </p>
      <h1 className="h4">{t("imports.new")}</h1>
      {!sent && <Chooser file={file} onChosen={setFile} />}
      {file && !sent && (
        <Preview
          key={`${file.name}${file.size}${file.lastModified}`}
          file={file}
          onSend={(options) => {
            setUnderWay(true);
            setSent({ importId: crypto.randomUUID(), options });
          }}
        />
      )}
      {file && sent && (
        <Sending
          key={sent.importId}
          file={file}
          importId={sent.importId}
          options={sent.options}
          onUnderWay={setUnderWay}
          onBack={() => setSent(undefined)}
          onImport={() => {
            setUnderWay(true);
            setSent({ importId: crypto.randomUUID(), options: { ...sent.options, dryRun: false } });
          }}
          onShow={() => void go({ to: "/imports/$importId", params: { importId: sent.importId } })}
        />
      )}
    </>
  );
}
