import { completed, useKnownTags } from "./tags";

/** What a field of tags offers (its `list`): the tags that clients have. */
export function TagOptions({ id, typed }: { id: string; typed: string }) {
  const tags = useKnownTags();
  return (
    <datalist id={id}>
      {completed(typed, tags).map((each) => (
        <option key={each} value={each} />
      ))}
    </datalist>
  );
}
