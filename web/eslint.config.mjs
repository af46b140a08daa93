// What `make web-check` holds the source against, beside its types: no finding is let pass.
import a11y from "eslint-plugin-jsx-a11y";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist/", "src/api/types/", "static/", "*.mjs"] },
  ts.configs.recommendedTypeChecked,
  a11y.flatConfigs.strict,
  hooks.configs.flat.recommended,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "react-hooks/preserve-manual-memoization": "off", // React's compiler is not used here
      // Long text scrolls with the keyboard only where it can have the focus.
      "jsx-a11y/no-noninteractive-tabindex": ["error", { roles: ["region"], tags: [] }],
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
  },
);
