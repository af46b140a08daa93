import { addWords } from "../../words";
import en from "../../words/series.en.json";
import ru from "../../words/series.ru.json";

addWords({ en, ru });
