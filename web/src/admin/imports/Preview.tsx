import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Button, Form } from "react-bootstrap";
import { useTranslation } from "react-i18next";

import { Field } from "../../ui/Field";
import { Skeleton } from "../../ui/List";
import { declared, fieldOf, FIELDS, NAME_PARTS } from "./columns";
import { type Seen, see } from "./reading";
import type { Options } from "./upload";

const CHARSETS = ["utf-8", "windows-1251", "ibm866", "utf-16le"] as const;
const MODES = ["upsert", "insert", "update"] as const;
const KEYS = ["client_id", "phone", "email", "external_id"] as const; // by which a row can know its client
// What was chosen for columns of these names, for the next file: rejected rows have the names of theirs.
const chosenBefore = new Map<string, string>();

interface Props {
  file: File;
  onSend: (options: Options) => void;
}

/** The first rows of a file and what its columns are read as; nothing has been sent yet. */
export function Preview({ file, onSend }: Props) {
  const { t } = useTranslation();
  const [charset, setCharset] = useState("");
  const seen = useQuery({
    queryKey: ["file", file.name, file.size, file.lastModified, charset],
    queryFn: () => see(file, charset),
    retry: false,
    staleTime: Infinity,
  });
  if (seen.isPending) return <Skeleton rows={4} />;
  if (seen.error !== null) {
    return (
      <p className="alert alert-danger mt-3" role="alert">
        {t("imports.unreadable")}
      </p>
    );
  }
  return (
    <Recognised
      key={charset}
      seen={seen.data}
      charset={charset}
      onCharset={setCharset}
      onSend={(options) => onSend({ ...options, charset })}
    />
  );
}

interface RecognisedProps {
  seen: Seen;
  charset: string;
  onCharset: (charset: string) => void;
  onSend: (options: Options) => void;
}

function Recognised({ seen, charset, onCharset, onSend }: RecognisedProps) {
  const { t } = useTranslation();
  const [chosen, setChosen] = useState(() => seen.header.map((name) => chosenBefore.get(name) ?? fieldOf(name) ?? ""));
  const [mode, setMode] = useState<Options["mode"]>("upsert");
  const [tags, setTags] = useState<Options["tags"]>("replace");
  const [empty, setEmpty] = useState<Options["empty"]>("clear");
  const [key, setKey] = useState("");
  const possible = KEYS.filter((each) => chosen.includes(each));
  const first = possible.find((each) => each === key) ?? possible[0]; // its column may be another field's since
  const keys = first ? [first, ...possible.filter((each) => each !== first)] : [];
  const options = { columns: declared(seen.header, chosen), charset, mode, tags, empty, keys };
  const ignored = seen.header.filter((name, at) => !chosen[at] && fieldOf(name) !== "");
  const hasKey = seen.kind === "packed" || keys.length > 0;
  const choose = (fields: string[]) => {
    fields.forEach((field, at) => chosenBefore.set(seen.header[at] ?? "", field));
    setChosen(fields);
  };
  return (
    <>
      {seen.kind === "packed" ? (
        <p className="mt-3">{t("imports.packed")}</p>
      ) : (
        <>
          <h2 className="fs-5 mt-4">{t("imports.recognised")}</h2>
          <p className="text-body-secondary mb-2">{t("imports.firstRows", { count: seen.rows.length })}</p>
          {ignored.length > 0 && (
            <p className="alert alert-warning py-2" role="status" data-left-out>
              <span aria-hidden="true">⚠ </span>
              {t("imports.ignored", { count: ignored.length, names: ignored.join(", ") })} {t("imports.ignoredHelp")}
            </p>
          )}
          <Table seen={seen} chosen={chosen} onChange={choose} />
          {!hasKey && (
            <p className="field-problem mb-3" role="alert">
              {t("imports.noKey")}
            </p>
          )}
        </>
      )}
      <div className="filters options">
        {seen.kind === "csv" && (
          <Field id="import-charset" label={t("imports.charset")} help={t("imports.charsetHelp")} className="">
            <Form.Select value={charset} onChange={(event) => onCharset(event.target.value)}>
              <option value="">{t("imports.found", { what: seen.charset })}</option>
              {CHARSETS.map((each) => (
                <option key={each} value={each}>
                  {each}
                </option>
              ))}
            </Form.Select>
          </Field>
        )}
        {possible.length > 1 && (
          <Field id="import-key" label={t("imports.key")} help={t("imports.keyHelp")} className="">
            <Form.Select value={first} onChange={(event) => setKey(event.target.value)}>
              {possible.map((each) => (
                <option key={each} value={each}>
                  {t("imports.keyFirst", { name: t(`imports.fields.${each}`) })}
                </option>
              ))}
            </Form.Select>
          </Field>
        )}
        <Field id="import-mode" label={t("imports.mode")} help={t(`imports.modeHelp.${mode}`)} className="">
          <Form.Select value={mode} onChange={(event) => setMode(event.target.value as Options["mode"])}>
            {MODES.map((each) => (
              <option key={each} value={each}>
                {t(`imports.modes.${each}`)}
              </option>
            ))}
          </Form.Select>
        </Field>
        <Field id="import-tags" label={t("imports.tagsOf")} help={t(`imports.tagsHelp.${tags}`)} className="">
          <Form.Select value={tags} onChange={(event) => setTags(event.target.value as Options["tags"])}>
            <option value="replace">{t("imports.tagsReplace")}</option>
            <option value="add">{t("imports.tagsAdd")}</option>
          </Form.Select>
        </Field>
        <Field id="import-empty" label={t("imports.emptyCells")} help={t(`imports.emptyHelp.${empty}`)} className="">
          <Form.Select value={empty} onChange={(event) => setEmpty(event.target.value as Options["empty"])}>
            <option value="clear">{t("imports.emptyClear")}</option>
            <option value="keep">{t("imports.emptyKeep")}</option>
          </Form.Select>
        </Field>
      </div>
      <div className="d-flex flex-wrap gap-2">
        <Button disabled={!hasKey} onClick={() => onSend({ ...options, dryRun: false })}>
          {t("imports.send")}
        </Button>
        <Button
          variant="outline-primary"
          disabled={!hasKey}
          onClick={() => onSend({ ...options, dryRun: true })}
        >
          {t("imports.check")}
        </Button>
      </div>
      <p className="form-text">{t("imports.checkHelp")}</p>
    </>
  );
}

interface TableProps {
  seen: Seen;
  chosen: readonly string[];
  onChange: (chosen: string[]) => void;
}

function Table({ seen, chosen, onChange }: TableProps) {
  const { t } = useTranslation();
  // What a list of fields does not have, such as parts of a name, can only be kept as it was found.
  const choices = (found: string | undefined) =>
    found && !(FIELDS as readonly string[]).includes(found) ? [found, ...FIELDS] : FIELDS;
  return (
    <div className="table-responsive" tabIndex={0} role="region" aria-label={t("imports.recognised")}>
      <table className="table table-sm preview">
        <thead>
          <tr>
            {seen.header.map((name, at) => (
              <th key={at} scope="col">
                <span className="d-block text-truncate">{name}</span>
                <Form.Select
                  size="sm"
                  aria-label={t("imports.readAs", { name })}
                  value={chosen[at]}
                  onChange={(event) =>
                    onChange(chosen.map((each, index) => (index === at ? event.target.value : each)))
                  }
                >
                  <option value="">{t("imports.ignore")}</option>
                  {choices(fieldOf(name)).map((field) => (
                    <option key={field} value={field}>
                      {t(`imports.fields.${field === NAME_PARTS ? "name_part" : field}`)}
                    </option>
                  ))}
                </Form.Select>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {seen.rows.map((row, at) => (
            <tr key={at}>
              {seen.header.map((_, column) => (
                <td key={column} className={chosen[column] ? undefined : "text-body-secondary"}>
                  {row[column]}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
