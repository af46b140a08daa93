import { Badge } from "react-bootstrap";

/** Tags of a client, or codes, beside each other. */
export function Tags({ of }: { of: readonly string[] }) {
  return (
    <span className="tags">
      {of.map((each) => (
        <Badge key={each} bg="" className="tag">
          {each}
        </Badge>
      ))}
    </span>
  );
}
