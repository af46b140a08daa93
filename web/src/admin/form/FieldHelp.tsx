import type { FieldProblem } from "../../api/problem";
import { useProblemText } from "../../ui/useProblemText";
import "./words";

/** What stands below a field: why it was refused, in the reader's words, or what belongs there. */
export function FieldHelp({ id, error, help }: { id: string; error?: FieldProblem | undefined; help?: string }) {
  const words = useRefusal();
  if (error) {
    return (
      <div id={id} className="invalid-feedback d-block text-break" data-code={error.code}>
        {words(error)}
      </div>
    );
  }
  if (!help) return null;
  return (
    <div id={id} className="form-text">
      {help}
    </div>
  );
}

/** Says a refusal in the words of this form; what it has none for is said as everywhere. */
export const useRefusal = () => useProblemText(true);
