import { type Filter, filterInWords } from "./filterWords";
import { useSay } from "./useSay";

/** Whom a filter selects, in words. */
export function FilterWords({ of }: { of: Filter }) {
  const say = useSay();
  return (
    <ul className="list-unstyled mb-0">
      {filterInWords(of, say).map((each) => (
        <li key={each} className="text-break">
          {each}
        </li>
      ))}
    </ul>
  );
}
